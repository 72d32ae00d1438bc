#include "cli/compile.h"
#include "ops/op.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- What compilers say ----------------------------------------------------------------------------------------------

typedef enum Column {
    WIDTH,
    REGISTERS,
    SCALARS,
    SPILLS,
    SCRATCH,
    SHARED,
    OCCUPANCY,
    INSTRUCTIONS,
    CYCLES,
    COLUMNS
} Column;

static const struct {
    const char *title, *key, *help;
} columns[COLUMNS] = {
    [WIDTH] = { "width", "width", "invocations of a subgroup, as the compiler chose it" },
    [REGISTERS] = { "regs", "registers", "vector registers of an invocation" },
    [SCALARS] = { "scalars", "scalars", "scalar registers of a subgroup" },
    [SPILLS] = { "spills", "spills", "registers without room, or instructions that store them" },
    [SCRATCH] = { "scratch", "scratch_bytes", "bytes of memory that stand in for registers" },
    [SHARED] = { "shared", "shared_bytes", "bytes of shared memory of a workgroup" },
    [OCCUPANCY] = { "subgroups", "occupancy", "subgroups that one SIMD unit holds at once" },
    [INSTRUCTIONS] = { "instr", "instructions", "in the code" },
    [CYCLES] = { "cycles", "cycles", "the compiler's estimate for one subgroup, loops guessed" },
};

// The names are the drivers': those of Mesa's for AMD (with its compiler ACO) and for Intel.
static const struct {
    const char *name;
    Column column;
} statistics[] = {
    { "Subgroup size", WIDTH },
    { "VGPRs", REGISTERS },
    { "SGPRs", SCALARS },
    { "Spilled VGPRs", SPILLS },
    { "Spilled SGPRs", SPILLS },
    { "Spill Count", SPILLS },
    { "Scratch size", SCRATCH },
    { "Scratch Memory Size", SCRATCH },
    { "LDS size", SHARED },
    { "Workgroup Memory Size", SHARED },
    { "Subgroups per SIMD", OCCUPANCY },
    { "Instructions", INSTRUCTIONS },
    { "Instruction Count", INSTRUCTIONS },
    { "Inverse Throughput", CYCLES },
    { "Cycle Count", CYCLES },
};

typedef struct Compiled {
    const Kernel *kernel;
    bool taken, failed;
    double value[COLUMNS]; // NAN where the driver says nothing
} Compiled;

static void note(void *context, const char *name, double value)
{
    Compiled *c = context;
    for (size_t i = 0; i < COUNT_OF(statistics); i++)
        if (!strcmp(statistics[i].name, name)) {
            double *to = &c->value[statistics[i].column];
            *to = isnan(*to) ? value : *to + value;
        }
}

// ---- Which kernels ---------------------------------------------------------------------------------------------------

typedef struct Kernels {
    Gpu *gpu;
    Compiled *list;
    int count, capacity;
} Kernels;

static void add(Kernels *all, const Kernel *kernel, bool taken)
{
    for (int i = 0; i < all->count; i++)
        if (all->list[i].kernel == kernel) {
            all->list[i].taken |= taken;
            return;
        }
    GROW(all->list, all->count, all->capacity);
    Compiled *c = &all->list[all->count++];
    *c = (Compiled){ .kernel = kernel, .taken = taken };
    for (int i = 0; i < COLUMNS; i++) c->value[i] = NAN;
}

// The kernels of one case, forward and backward; taken: those that the device's traits choose, not a forced rung.
static bool collect(void *context, const Op *op, const Case *c, const char *force)
{
    Kernels *all = context;
    bool any = false;
    for (int gradients = 0; gradients < 2; gradients++) {
        Stream *plan = stream_open_plan(all->gpu);
        int count = 0;
        const KernelTime *times = NULL;
        bool takes_part = trial_plan(plan, op, c, force, gradients);
        if (takes_part) times = stream_profile(plan, &count);
        for (int i = 0; i < count; i++) add(all, times[i].kernel, !force);
        stream_close(plan);
        any |= takes_part;
    }
    return any;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(kernel_name(((const Compiled *)a)->kernel), kernel_name(((const Compiled *)b)->kernel));
}

static void collect_all(Kernels *all, const char *only)
{
    for (int i = 0; i < ops_count; i++) {
        if (only && strcmp(only, ops[i]->name) != 0) continue;
        for (int j = 0; j < ops[i]->case_count; j++)
            if (!ops[i]->cases[j].force) collect(all, ops[i], &ops[i]->cases[j], NULL);
        for (int bench = 0; bench < 2; bench++) op_each(ops[i], all->gpu, bench, collect, all);
    }
    qsort(all->list, (size_t)all->count, sizeof *all->list, by_name);
}

// ---- The report ------------------------------------------------------------------------------------------------------

static void print_row(const Compiled *c)
{
    uint32_t size[3];
    char local[40];
    kernel_local_size(c->kernel, size);
    snprintf(local, sizeof local, "%ux%ux%u", size[0], size[1], size[2]);
    printf("%-44s %-5s %-9s", kernel_name(c->kernel), c->failed ? "FAILS" : c->taken ? "yes" : "no", local);
    for (int i = 0; i < COLUMNS; i++)
        if (isnan(c->value[i]))
            printf(" %9s", "-");
        else
            printf(" %9.0f", c->value[i]);
    putchar('\n');
}

static json_t *row_json(const Compiled *c)
{
    uint32_t size[3];
    kernel_local_size(c->kernel, size);
    json_t *row = json_pack("{s:s, s:b, s:b, s:[i,i,i]}", "kernel", kernel_name(c->kernel), "compiles", !c->failed,
                            "taken", c->taken, "local_size", (int)size[0], (int)size[1], (int)size[2]);
    for (int i = 0; i < COLUMNS; i++)
        json_object_set_new(row, columns[i].key,
                            isnan(c->value[i]) ? json_null() : json_integer((json_int_t)c->value[i]));
    return row;
}

static void print_all(const Kernels *all, bool json, int spilling, int failed)
{
    const GpuTraits *traits = gpu_traits(all->gpu);
    if (json) {
        json_t *list = json_array();
        for (int i = 0; i < all->count; i++) json_array_append_new(list, row_json(&all->list[i]));
        json_t *root = json_pack("{s:s, s:s, s:o, s:i, s:i}", "device", traits->name, "driver", traits->driver,
                                 "kernels", list, "spilling", spilling, "failed", failed);
        json_dumpf(root, stdout, JSON_INDENT(2)), putchar('\n');
        json_decref(root);
        return;
    }
    printf("%s (%s)\n\n", traits->name, traits->driver);
    for (int i = 0; i < COLUMNS; i++) printf("%-10s %s\n", columns[i].title, columns[i].help);
    printf("\n%-44s %-5s %-9s", "kernel", "taken", "group");
    for (int i = 0; i < COLUMNS; i++) printf(" %9s", columns[i].title);
    putchar('\n');
    for (int i = 0; i < all->count; i++) print_row(&all->list[i]);
    printf("\n%d kernels, %d do not compile, %d of those taken spill\n", all->count, failed, spilling);
}

int compile_kernels(const Invocation *in, const char *op)
{
    Error err = { "" };
    Kernels all = { 0 };
    all.gpu = gpu_open(
        &(GpuOptions){ .device = in->common.device, .validate = in->common.validate, .statistics = true }, &err);
    if (!all.gpu) return fail(in, &err);
    collect_all(&all, op);
    int spilling = 0, failed = 0;
    for (int i = 0; i < all.count; i++) {
        Compiled *c = &all.list[i];
        err = (Error){ "" };
        c->failed = !kernel_compile(c->kernel, &err);
        if (c->failed)
            fail(in, &err);
        else
            kernel_statistics(c->kernel, note, c);
        failed += c->failed;
        spilling += c->taken && (c->value[SPILLS] > 0 || c->value[SCRATCH] > 0);
    }
    print_all(&all, in->common.json, spilling, failed);
    free(all.list);
    return close_device(in, all.gpu, NULL, failed || spilling ? EXIT_FAILED : EXIT_OK);
}
