#include "models/export.h"
#include "base/assets.h"
#include "cli/command.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *model, *out, *type;
static bool force;

static Option options[] = {
    PATH("model", model, "MODEL",
         "GGUF file, a run's folder (its best.gguf), one of assets/, or a folder of safetensors"),
    PATH("out", out, "FILE", "NAME.gguf, or a folder for safetensors"),
    TEXT("type", type, "f32, f16, q8_0, q4_0 or q4_1; without it numbers stay as they are"),
    FLAG("force", force, "replace what is there"),
};

static const char *const TYPES[] = { "f32", "f16", "q8_0", "q4_0", "q4_1" };

static const GgmlTypeInfo *find_type(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (!strcasecmp(TYPES[i], name)) return ggml_type_by_name(name);
    return NULL;
}

static void print_report(const Invocation *in, const ExportReport *r)
{
    json_t *types = json_object();
    char bytes[16];
    format_si((double)r->bytes, bytes);
    if (!in->common.json) printf("%s: %sB, %zu tensors:", out, bytes, r->n_tensors);
    for (size_t i = 0, shown = 0; i < COUNT_OF(r->counts); i++) {
        if (!r->counts[i]) continue;
        const char *name = ggml_type_info((uint32_t)i)->name;
        if (!in->common.json) printf("%s %d %s", shown++ ? "," : "", r->counts[i], name);
        json_object_set_new(types, name, json_integer(r->counts[i]));
    }
    if (in->common.json) {
        json_t *json = json_pack("{s:s, s:I, s:O}", "path", out, "tensor_bytes", (json_int_t)r->bytes, "types", types);
        json_dumpf(json, stdout, JSON_INDENT(2));
        json_decref(json);
    }
    putchar('\n');
    json_decref(types);
    if (error_is_set(&r->no_tokenizer))
        fprintf(stderr, "lectern export: note: written without a tokenizer: %s\n", r->no_tokenizer.message);
    if (error_is_set(&r->lost)) fprintf(stderr, "lectern export: note: %s\n", r->lost.message);
    if (r->requantised)
        fprintf(stderr,
                "lectern export: note: the weights were quantised before; what that took from them is not back\n");
}

static int run(Invocation *in)
{
    Error err = { "" };
    ExportReport report;
    if (!model || !out) return usage_error(in, "--%s is missing", model ? "out" : "model");
    ExportOptions o = { .force = force, .stopped = interrupted };
    if (type && !(o.type = find_type(type)))
        return usage_error(in, "--type: \"%s\" is none of f32, f16, q8_0, q4_0 and q4_1", type);
    interrupted();
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') length--; // "folder/" is written beside as "folder.part"
    o.out = out = mem_string_n(out, length);               // as long as the process
    char *path = asset_find(model, &err);
    o.model = path;
    bool ok = path && model_export(&o, &report, &err);
    free(path);
    if (!ok) return fail(in, &err);
    print_report(in, &report);
    return EXIT_OK;
}

const Command command_export = { .name = "export",
                                 .summary = "write a model in another format or type",
                                 .usage = "usage: lectern export --model IN --out OUT [--type TYPE] [--force]\n"
                                          "example: lectern export --model assets/tales.gguf --out tales-q8.gguf "
                                          "--type q8_0",
                                 OPTIONS(options),
                                 .run = run };
