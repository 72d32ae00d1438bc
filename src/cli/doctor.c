// Every op by every kernel that the device can run, against its CPU twin, on the user's own device.
#include "base/progress.h"
#include "cli/command.h"
#include "cli/compile.h"
#include "cli/op_name.h"
#include "ops/op.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *only;
static bool gradients, compile;

static Option options[] = {
    TEXT("op", only, "check this op alone"),
    FLAG("compile", compile, "run nothing: compile the kernels and print what the driver's compiler says of them"),
    FLAG("gradients", gradients, "hold gradients against finite differences too (slower)"),
};

typedef struct Doctor {
    Stream *stream;
    bool json;
    json_t *list;
    int checked, failed;
    Error err;
} Doctor;

static void report(Doctor *d, const Op *op, const Case *c, const char *kernel, const TrialResult *result)
{
    d->checked++;
    d->failed += !result->pass;
    if (d->json) {
        json_array_append_new(d->list, json_pack("{s:s, s:s, s:s, s:f, s:b}", "op", op->name, "kernel", kernel, "shape",
                                                 c->label, "nmse", result->nmse, "pass", result->pass));
        return;
    }
    printf("%-16s %-34s %-28s %9.2g %s\n", op->name, kernel, c->label, result->nmse, result->pass ? "ok" : "FAILED");
    if (!result->pass) printf("    %s\n", result->why);
}

static bool check(void *context, const Op *op, const Case *c, const char *force)
{
    Doctor *d = context;
    TrialResult result;
    if (error_is_set(&d->err) || interrupted()) return true;
    if (!trial_run(d->stream, op, c, force, gradients, &result, &d->err)) {
        error_prefix(&d->err, "%s %s", op->name, c->label);
        return true;
    }
    if (!result.skipped) report(d, op, c, force ? force : "", &result);
    return !result.skipped;
}

static int run(Invocation *in)
{
    if (only && !op_exists(only)) return no_such_op(in, "--op: ", only, "");
    if (compile) return compile_kernels(in, only);
    Doctor d = { .json = in->common.json };
    Gpu *gpu;
    if (!open_device(in, &gpu, &d.stream)) return EXIT_FAILED;
    d.list = json_array();
    const GpuTraits *traits = gpu_traits(gpu);
    if (!d.json)
        printf("%s (%s)\n\n%-16s %-34s %-28s %9s\n", traits->name, traits->driver, "op", "kernel", "shape", "nmse");
    for (int i = 0; i < ops_count; i++)
        if (!only || !strcmp(only, ops[i]->name)) op_each(ops[i], gpu, false, check, &d);
    int code = d.failed ? EXIT_FAILED : EXIT_OK;
    if (interrupted() && !error_is_set(&d.err)) error_set(&d.err, "stopped after %d checks", d.checked);
    if (error_is_set(&d.err)) code = fail(in, &d.err);
    if (d.json) {
        json_t *all = json_pack("{s:s, s:o, s:i}", "device", traits->name, "ops", d.list, "failed", d.failed);
        json_dumpf(all, stdout, JSON_INDENT(2)), putchar('\n');
        json_decref(all);
    } else {
        printf("\n%d checked, %d failed\n", d.checked, d.failed);
        json_decref(d.list);
    }
    return close_device(in, gpu, d.stream, code);
}

const Command command_doctor = { .name = "doctor",
                                 .summary = "check every op and kernel on this device against the CPU",
                                 .usage = "usage: lectern doctor [--op NAME] [--gradients | --compile]\n"
                                          "example: lectern doctor --device 0 --op attention",
                                 .on_device = true,
                                 OPTIONS(options),
                                 .run = run };
