// The rungs of the ladders beside the device's measured roof. Training and generation are measured as they are used.
#include "ops/bench.h"
#include "cli/command.h"
#include "cli/op_name.h"
#include "cli/speed.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double seconds = 0.5;

static Option options[] = {
    FLOAT("seconds", seconds, 0.01, 60, "time spent on each row"),
};

typedef struct Bench {
    Stream *stream;
    BenchLimit limit;
    bool json;
    int rows;
    json_t *list;
    Roof roof;
    Error err;
} Bench;

// The share of what the device could do at best for this many FLOPs and bytes (Williams et al. 2009).
static double roof_share(const Roof *roof, double flops, double bytes, double taken)
{
    return fmax(flops / (roof->gflops * 1e9), bytes / (roof->gbps * 1e9)) / taken;
}

static void add_row(Bench *b, const char *op, const char *pass, const char *kernel, const char *shape, double flops,
                    double bytes, double best, double median)
{
    double share = roof_share(&b->roof, flops, bytes, best);
    b->rows++;
    if (b->json) {
        json_array_append_new(b->list, json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "op", op, "pass",
                                                 pass, "kernel", kernel, "shape", shape, "gflops", flops / best / 1e9,
                                                 "gbps", bytes / best / 1e9, "roof_share", share, "flops", flops,
                                                 "best_seconds", best, "median_seconds", median));
        return;
    }
    printf("%-17s %-8s %-46s %-26s %10.3f ms %9.2f GFLOP/s %7.2f GB/s %5.1f%%\n", op, pass, kernel, shape, 1e3 * best,
           flops / best / 1e9, bytes / best / 1e9, 100 * share);
    fflush(stdout);
}

static bool bench_case(void *context, const Op *op, const Case *c, const char *force)
{
    Bench *b = context;
    BenchResult r;
    if (error_is_set(&b->err) || interrupted()) return true;
    const char *pass = "forward";
    bool ok = bench_op(b->stream, op, c, force, &b->limit, &r, &b->err);
    if (ok && force && r.skipped && !interrupted()) {
        pass = "backward";
        ok = bench_backward(b->stream, op, c, force, &b->limit, &r, &b->err);
    }
    if (!ok)
        error_prefix(&b->err, "%s %s", op->name, c->label);
    else if (!r.skipped)
        add_row(b, op->name, pass, force ? force : "", c->label, r.flops, r.bytes, r.best, r.median);
    return !r.skipped;
}

// Backward as a whole, with the rungs that the device takes.
static void bench_whole_backward(Bench *b, const Op *op)
{
    for (int i = 0; i < op->case_count && !error_is_set(&b->err) && !interrupted(); i++) {
        const Case *c = &op->cases[i];
        BenchResult r;
        if (!c->bench) continue;
        if (!bench_backward(b->stream, op, c, NULL, &b->limit, &r, &b->err))
            error_prefix(&b->err, "%s %s", op->name, c->label);
        else if (!r.skipped)
            add_row(b, op->name, "backward", "whole", c->label, r.flops, r.bytes, r.best, r.median);
    }
}

static void bench_speed(Bench *b, const char *what)
{
    Speed speeds[8];
    int n = !strcmp(what, "train") ? speed_train(b->stream, &b->limit, speeds, 8, &b->err)
                                   : speed_generate(b->stream, &b->limit, speeds, 8, &b->err);
    for (int i = 0; i < n; i++) {
        const Speed *s = &speeds[i];
        add_row(b, what, "", "", s->label, s->flops, s->bytes, s->best, s->median);
        if (!b->json)
            printf("%-17s %-8s %-46s %-26s %10.1f tokens/s\n", "", "", "", "", s->tokens / s->best);
        else
            json_object_set_new(json_array_get(b->list, json_array_size(b->list) - 1), "tokens_per_second",
                                json_real(s->tokens / s->best));
    }
}

static int run(Invocation *in)
{
    const char *what = in->word_count ? in->words[0] : NULL;
    bool job = what && (!strcmp(what, "train") || !strcmp(what, "generate"));
    if (what && !job && !op_exists(what)) return no_such_op(in, "", what, "; train and generate go too");
    Bench b = { .json = in->common.json, .limit = { seconds, interrupted } };
    Gpu *gpu;
    interrupted();
    if (!open_device(in, &gpu, &b.stream)) return EXIT_FAILED;
    b.list = json_array();
    const char *device = gpu_traits(gpu)->name;
    bool ok = bench_roof(b.stream, &b.roof, &b.err);
    if (ok && !b.json)
        printf("%s\nroof: %.1f GFLOP/s, %.1f GB/s\nFLOPs: all that a kernel makes; of backward as a whole, without "
               "what it "
               "computes again\n\n",
               device, b.roof.gflops, b.roof.gbps);
    for (int i = 0; i < ops_count && ok; i++) {
        if (what && strcmp(what, ops[i]->name) != 0) continue;
        op_each(ops[i], gpu, true, bench_case, &b);
        bench_whole_backward(&b, ops[i]);
    }
    for (int i = 0; i < 2 && ok; i++) {
        const char *name = i ? "generate" : "train";
        if (!interrupted() && (!what || !strcmp(what, name))) bench_speed(&b, name);
    }
    if (interrupted() && !error_is_set(&b.err))
        error_set(&b.err, "stopped after %d row%s", b.rows, b.rows == 1 ? "" : "s");
    int code = error_is_set(&b.err) ? fail(in, &b.err) : EXIT_OK;
    if (b.json) {
        json_t *all = json_pack("{s:s, s:{s:f, s:f}, s:b, s:O}", "device", device, "roof", "gflops", b.roof.gflops,
                                "gbps", b.roof.gbps, "interrupted", interrupted(), "results", b.list);
        json_dumpf(all, stdout, JSON_INDENT(2)), putchar('\n');
        json_decref(all);
    }
    json_decref(b.list);
    return close_device(in, gpu, b.stream, code);
}

const Command command_bench = { .name = "bench",
                                .summary = "how fast this device runs each rung, beside its measured roof",
                                .usage = "usage: lectern bench [OP | train | generate] [--seconds X]\n"
                                         "example: lectern bench matmul_nt --json",
                                .on_device = true,
                                .max_words = 1,
                                OPTIONS(options),
                                .run = run };
