#include "base/memory.h"
#include "cli/command.h"
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

enum { MAX_DEVICES = 32 };

// A version of Vulkan packs its parts into 10, 10 and 12 bits.
#define API_FORMAT "%u.%u.%u"
#define API_PARTS(version) (version) >> 22, (version) >> 12 & 0x3ff, (version)&0xfff

static const struct {
    const char *key, *text;
    size_t offset;
} abilities[] = { { "f16_storage", "16-bit storage", offsetof(GpuTraits, f16_storage) },
                  { "f16", "f16 arithmetic", offsetof(GpuTraits, f16_arithmetic) },
                  { "int8_storage", "8-bit storage", offsetof(GpuTraits, int8_storage) },
                  { "int8", "int8 arithmetic", offsetof(GpuTraits, int8_arithmetic) },
                  { "integer_dot", "fast dot products of int8", offsetof(GpuTraits, integer_dot) } };

static bool can(const GpuTraits *t, size_t ability)
{
    return *(const bool *)((const char *)t + abilities[ability].offset);
}

static json_t *as_json(int index, const GpuTraits *t)
{
    json_t *api = json_sprintf(API_FORMAT, API_PARTS(t->api_version));
    json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:o, s:i, s:b, s:I, s:I, s:i, s:i}", "index", index, "name", t->name,
                             "type", gpu_type_name(t->type), "driver", t->driver, "api", api, "subgroup",
                             (int)t->subgroup_size, "unified", t->unified, "memory_bytes", (json_int_t)t->memory_bytes,
                             "max_binding_bytes", (json_int_t)t->max_binding_bytes, "shared_bytes",
                             (int)t->shared_bytes, "max_workgroup", (int)t->max_workgroup_invocations);
    for (size_t i = 0; i < COUNT_OF(abilities); i++)
        json_object_set_new(json, abilities[i].key, json_boolean(can(t, i)));
    return json;
}

static void print_device(int index, const GpuTraits *t)
{
    printf("%d  %s\n", index, t->name);
    printf("   %s, %s, Vulkan " API_FORMAT "\n", gpu_type_name(t->type), t->driver, API_PARTS(t->api_version));
    printf("   memory %.1f GB%s, one binding %.0f MB, one allocation %.1f GB\n", (double)t->memory_bytes / 1e9,
           t->unified ? " (shared with the host)" : "", (double)t->max_binding_bytes / 1e6,
           (double)t->max_allocation_bytes / 1e9);
    printf("   subgroups of %u", t->subgroup_size);
    if (t->max_subgroup_size > t->min_subgroup_size) printf(" (%u to %u)", t->min_subgroup_size, t->max_subgroup_size);
    printf(", workgroups of %u, shared memory %u KB\n", t->max_workgroup_invocations, t->shared_bytes / 1024);
    const char *before = "   ";
    for (size_t i = 0; i < COUNT_OF(abilities); i++)
        if (can(t, i)) printf("%s%s", before, abilities[i].text), before = ", ";
    if (before[0] == ',') putchar('\n');
}

static int run(Invocation *in)
{
    GpuTraits list[MAX_DEVICES];
    Error err = { "" };
    int count = gpu_list(list, MAX_DEVICES, &err);
    if (count < 0) return fail(in, &err);
    json_t *array = json_array();
    for (int i = 0; i < count && i < MAX_DEVICES; i++)
        if (in->common.json)
            json_array_append_new(array, as_json(i, &list[i]));
        else
            print_device(i, &list[i]);
    if (in->common.json) json_dumpf(array, stdout, JSON_INDENT(2)), putchar('\n');
    json_decref(array);
    return EXIT_OK;
}

const Command command_devices = { .name = "devices",
                                  .summary = "every Vulkan device and what matters of it",
                                  .usage = "usage: lectern devices [--json]",
                                  .run = run };
