// Steps 13 and 14: what each product costs beside the roof of the device, and as texts grow.
#include "demo.h"
#include <math.h>

// The matrices of one head while its parts are timed.
typedef struct Matrices {
    Tensor *q, *k, *v, *mask, *raw, *scores, *pattern;
} Matrices;

static void part_products(Tape *t, Matrices *m) { m->raw = matmul_nt(t, m->q, m->k); }
static void part_scale(Tape *t, Matrices *m) { m->scores = scale(t, m->raw, 1 / sqrtf((float)dim(m->q, 1))); }
static void part_softmax(Tape *t, Matrices *m) { m->pattern = softmax(t, m->scores, m->mask); }
static void part_mix(Tape *t, Matrices *m) { matmul_nn(t, m->pattern, m->v); }

static void part_fused(Tape *t, Matrices *m)
{
    Shape one = SHAPE(1, dim(m->q, 0), 1, dim(m->q, 1));
    attention(t, reshape(t, m->q, one), reshape(t, m->k, one), reshape(t, m->v, one), &(Attention){ .causal = true });
}

typedef struct Part {
    const char *name;
    void (*run)(Tape *t, Matrices *m);
    double per_pair_channel, per_pair; // FLOPs: a for each of T·T·D, b for each of T·T
} Part;
enum { PLAIN_PARTS = 4, PARTS };

static const Part parts[PARTS] = {
    { "QKᵀ", part_products, 2, 0 }, { "÷√d", part_scale, 0, 1 },   { "softmax", part_softmax, 0, 8 },
    { "·V", part_mix, 2, 0 },       { "fused", part_fused, 0, 0 }, // counts the pairs that the mask leaves: 4·D·T(T+1)/2
};

// One run of a part: the fastest of a few, after a first in which the driver compiles.
static Lap time_part(Stage *s, Tape *t, const Part *part, Matrices *m)
{
    enum { RUNS = 5 };
    Lap best = { .seconds = INFINITY };
    for (int i = 0; i <= RUNS; i++) {
        show_lap(s);
        part->run(t, m);
        Lap lap = show_lap(s);
        if (i > 0 && lap.seconds < best.seconds) best = lap;
    }
    return best;
}

// Queries, keys and values of T tokens, drawn at random: what an op costs does not depend on the numbers.
static Matrices random_matrices(Stage *s, Demo *d, int T)
{
    Matrices m = { 0 };
    Tensor **const qkv[] = { &m.q, &m.k, &m.v };
    for (uint64_t i = 0; i < COUNT_OF(qkv); i++) {
        *qkv[i] = tape_tensor(d->t, F32, SHAPE(T, d->D));
        random_fill(d->t->stream, *qkv[i], s->seed, i);
    }
    m.mask = attn_causal_mask(d, T);
    return m;
}

// How near an op comes to the roof that stands over it: arithmetic's or memory's.
static double share_of_roof(const Lap *lap, const Roof *roof)
{
    return fmax(lap->flops / lap->seconds / (roof->gflops * 1e9), lap->bytes / lap->seconds / (roof->gbps * 1e9));
}

// 294912 → "295k"
static const char *in_thousands(Stage *s, double value)
{
    const char *const units[] = { "", "k", "M", "G", "T" };
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < COUNT_OF(units); unit++) value /= 1000;
    return stage_format(s, value < 9.95 && unit > 0 ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

static void table_of_work(Stage *s, Demo *d, const Roof *roof, int T, Matrices *m)
{
    enum { COLUMNS = 6 };
    const char *cells[PARTS][COLUMNS];
    double flops = 0, counted = 0, seconds = 0, products = 0;
    for (int i = 0; i < PARTS; i++) {
        Lap lap = time_part(s, d->t, &parts[i], m);
        if (error_is_set(&s->error)) return;
        if (i < PLAIN_PARTS) {
            flops += (parts[i].per_pair_channel * d->D + parts[i].per_pair) * T * T;
            counted += lap.flops;
            seconds += lap.seconds;
            if (parts[i].per_pair_channel > 0) products += lap.seconds;
        }
        cells[i][0] = parts[i].name;
        cells[i][1] = in_thousands(s, lap.flops);
        cells[i][2] = in_thousands(s, lap.bytes);
        cells[i][3] = stage_format(s, "%.1f", lap.flops / lap.bytes);
        cells[i][4] = stage_format(s, "%.0f", 1e6 * lap.seconds);
        cells[i][5] = stage_format(s, "%.0f%%", 100 * share_of_roof(&lap, roof));
    }
    exhibit_table(s, .title = stage_format(s, "One head, T = %d, d = %d", T, d->D),
                  .header = (const char *const[]){ "step", "FLOP", "byte", "F/B", "µs", "roof" }, .cells = &cells[0][0],
                  .n_rows = PARTS, .n_columns = COLUMNS,
                  .finding = stage_format(s,
                                          "4·T²·d + 9·T² = %.0f FLOPs by the formula, %.0f by the profiler; the two "
                                          "products take %.0f %% of the four steps' time.",
                                          flops, counted, 100 * products / seconds));
}

void attn_work(Stage *s, Demo *d)
{
    enum { LONGER = 256 };
    Roof roof = show_roof(s);
    TapeMark mark = tape_mark(d->t);
    Matrices own = { .q = d->q, .k = d->k, .v = d->v, .mask = d->mask }, longer = random_matrices(s, d, LONGER);
    table_of_work(s, d, &roof, d->T, &own);
    table_of_work(s, d, &roof, LONGER, &longer);
    tape_release(d->t, mark);
    exhibit_text(
        s, .title = "How to read it",
        .text = stage_format(
            s,
            "This device was measured at %.1f GFLOP/s from registers and %.1f GB/s from memory. An op that makes fewer "
            "than %.1f FLOPs of a byte (F/B) is held back by memory, whatever its kernel. The last "
            "column is the share of the roof that stands over it; what stays in a cache may "
            "pass the memory's.",
            roof.gflops, roof.gbps, roof.gflops / roof.gbps));
    show_kernels(s);
}

// KiB that parts `first` … `last` − 1 take on the tape, but for their result, which both ways need.
static float kib_between(Demo *d, Matrices *m, int first, int last)
{
    uint64_t before = d->t->memory.total;
    for (int i = first; i < last; i++) parts[i].run(d->t, m);
    return (float)(d->t->memory.total - before - (uint64_t)tensor_bytes(m->q)) / 1024; // the result is as large as Q
}

void attn_longer_texts(Stage *s, Demo *d)
{
    static const int lengths[] = { 32, 64, 128, 256, 512, 1024 };
    enum { N = COUNT_OF(lengths) };
    float x[N], plain[N], fused[N], plain_kib[N], fused_kib[N];
    for (int i = 0; i < N; i++) {
        int T = lengths[i];
        TapeMark mark = tape_mark(d->t);
        Matrices m = random_matrices(s, d, T);
        double seconds = 0;
        plain_kib[i] = kib_between(d, &m, 0, PLAIN_PARTS) + (float)tensor_bytes(m.mask) / 1024;
        fused_kib[i] = kib_between(d, &m, PLAIN_PARTS, PARTS);
        for (int j = 0; j < PLAIN_PARTS; j++) seconds += time_part(s, d->t, &parts[j], &m).seconds;
        x[i] = (float)T;
        plain[i] = (float)(1e3 * seconds);
        fused[i] = (float)(1e3 * time_part(s, d->t, &parts[PLAIN_PARTS], &m).seconds);
        tape_release(d->t, mark);
    }
    if (error_is_set(&s->error)) return;
    const Series times[] = { { .name = "four kernels", .x = x, .y = plain, .n = N },
                             { .name = "one kernel", .x = x, .y = fused, .n = N } };
    const Series memory[] = { { .name = "four kernels", .x = x, .y = plain_kib, .n = N },
                              { .name = "one kernel", .x = x, .y = fused_kib, .n = N } };
    exhibit_curve(s, .title = "Time of one head against the text's length", .series = times, .n_series = 2,
                  .x_axis = "tokens", .y_axis = "ms", .log_x = true, .log_y = true,
                  .finding = stage_format(s,
                                          "At %d tokens the four kernels take %.1f ms and the one takes %.1f ms: %.1f "
                                          "times as fast. It skips what the mask hides.",
                                          lengths[N - 1], (double)plain[N - 1], (double)fused[N - 1],
                                          (double)(plain[N - 1] / fused[N - 1])));
    exhibit_curve(
        s, .title = "Memory beside Q, K, V and the result", .series = memory, .n_series = 2, .x_axis = "tokens",
        .y_axis = "KiB", .log_x = true, .log_y = true,
        .finding = stage_format(s,
                                "As allocated at %d tokens: %.0f KiB, which are %.1f T×T matrices, against %.1f KiB, "
                                "which are %.1f numbers a query.",
                                lengths[N - 1], (double)plain_kib[N - 1],
                                (double)plain_kib[N - 1] * 256 / lengths[N - 1] / lengths[N - 1],
                                (double)fused_kib[N - 1], (double)fused_kib[N - 1] * 256 / lengths[N - 1]));
    show_kernels(s);
}
