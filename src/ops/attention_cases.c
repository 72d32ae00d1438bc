// What attention must get right: masks, windows, shared heads, bias, ragged and paged keys, at awkward sizes.
#include "ops/attention.h"
#include <math.h>
#include <stdlib.h>

// Case.size = { B, T, S, H, G, D, window, page size }, flags:
enum {
    CAUSAL = 1,
    BIAS = 2,           // one for every head
    BIAS_SHARED = 4,    // one for all heads
    BIAS_HIDES = 8,     // some of it −∞, in two rows all of it
    POSITIONS = 16,     // given, not the default ones
    PACKED = 32,        // q_seq and k_seq: runs of sequences, with padding between
    KEYS_PADDED = 64,   // k_seq alone: −1 behind each batch's own length
    LENGTHS = 128,      // how many keys each batch has
    PAGED = 256,        // k and v in pages, in no order
    SCALED = 512,       // by 0.7, not 1/√D
    Q_POSITIONS = 1024, // those of the queries alone
};

// Where each optional input stands among the trial's; −1: not given.
typedef struct Inputs {
    int q, k, v, bias, q_pos, k_pos, q_seq, k_seq, pages, lengths, count;
} Inputs;

static Inputs inputs_of(const Case *c)
{
    Inputs in = { 0, 1, 2, .count = 3 };
    in.bias = c->flags & (BIAS | BIAS_SHARED) ? in.count++ : -1;
    in.q_pos = c->flags & (POSITIONS | Q_POSITIONS) ? in.count++ : -1;
    in.k_pos = c->flags & POSITIONS ? in.count++ : -1;
    in.q_seq = c->flags & PACKED ? in.count++ : -1;
    in.k_seq = c->flags & (PACKED | KEYS_PADDED) ? in.count++ : -1;
    in.pages = c->flags & PAGED ? in.count++ : -1;
    in.lengths = c->flags & LENGTHS ? in.count++ : -1;
    return in;
}

// ---- Declaring ---------------------------------------------------------------------------------------------------

static void fill_bias(TrialTensor *bias, int64_t S)
{
    int64_t rows = bias->count / S;
    for (int64_t i = 0; i < bias->count; i++)
        if (i % 5 == 0 || i / S == 0 || i / S == rows / 2) bias->value[i] = -INFINITY;
}

// Runs 0 0 0 1 1 −1 2 2 2 2 …, of other lengths in each batch.
static void fill_sequences(TrialTensor *x, int64_t n, int64_t run)
{
    for (int64_t i = 0; i < x->count; i++) {
        int64_t place = i % n + i / n;
        x->value[i] = place % run == run - 1 ? -1 : (double)(place / run);
    }
}

static void fill_pages(TrialTensor *pages, int64_t all) // a walk through the pages that meets each once
{
    for (int64_t i = 0; i < pages->count; i++) pages->value[i] = (double)((i * (all - 1) + 1) % all);
}

static void declare_masks(Trial *trial)
{
    const Case *c = trial->c;
    int64_t B = c->size[0], T = c->size[1], S = c->size[2], H = c->size[3];
    if (c->flags & (BIAS | BIAS_SHARED)) {
        TrialTensor *bias = trial_normal(trial, "bias", F32, SHAPE(c->flags & BIAS ? H : 1, T, S), true);
        if (c->flags & BIAS_HIDES) fill_bias(bias, S);
    }
    if (c->flags & (POSITIONS | Q_POSITIONS)) trial_ids(trial, "q_pos", SHAPE(B, T), S);
    if (c->flags & POSITIONS) trial_ids(trial, "k_pos", SHAPE(B, S), S);
    if (c->flags & PACKED) fill_sequences(trial_ids(trial, "q_seq", SHAPE(B, T), 1), T, 7);
    if (c->flags & PACKED) fill_sequences(trial_ids(trial, "k_seq", SHAPE(B, S), 1), S, 7);
    if (c->flags & KEYS_PADDED) {
        TrialTensor *k_seq = trial_ids(trial, "k_seq", SHAPE(B, S), 1);
        for (int64_t i = 0; i < k_seq->count; i++) k_seq->value[i] = i % S < S - 3 * (i / S) ? 0 : -1;
    }
    if (c->flags & PAGED) {
        int64_t P = S / c->size[7];
        fill_pages(trial_ids(trial, "pages", SHAPE(B, P), 1), B * P + 1);
    }
    if (c->flags & LENGTHS) {
        TrialTensor *lengths = trial_ids(trial, "lengths", SHAPE(B), 1);
        for (int64_t b = 0; b < B; b++) lengths->value[b] = (double)(S - b * (S / B) - (b > 0));
    }
}

static void declare(Trial *trial)
{
    const Case *c = trial->c;
    int64_t B = c->size[0], T = c->size[1], S = c->size[2], H = c->size[3], G = c->size[4], D = c->size[5];
    Shape keys = SHAPE(B, S, G, D);
    if (c->flags & PAGED) keys = SHAPE(B * (S / c->size[7]) + 1, c->size[7], G, D);
    trial_normal(trial, "q", F32, SHAPE(B, T, H, D), true);
    trial_normal(trial, "k", c->dtype, keys, true);
    trial_normal(trial, "v", c->dtype, keys, true);
    declare_masks(trial);
}

static void attention_declare(Trial *trial)
{
    declare(trial);
    trial_output(trial, "y", F32, trial->in[0].shape);
}

static void declare_pattern(Trial *trial)
{
    const Case *c = trial->c;
    trial_output(trial, "pattern", F32, SHAPE(c->size[0], c->size[3], c->size[1], c->size[2]));
}

static void attention_plain_declare(Trial *trial)
{
    attention_declare(trial);
    declare_pattern(trial);
}

static void attention_pattern_declare(Trial *trial)
{
    declare(trial);
    trial->in[2].needs_grad = false; // the values take no part
    declare_pattern(trial);
}

// ---- The twin ----------------------------------------------------------------------------------------------------

static double value_or(const Trial *trial, int input, int64_t at, double none)
{
    return input < 0 ? none : trial->in[input].value[at];
}

// Where key s of batch b and head h begins in k and v.
static int64_t key_offset(const Trial *trial, const Inputs *in, int64_t b, int64_t h, int64_t s)
{
    const int64_t *size = trial->c->size;
    int64_t S = size[2], G = size[4], row = b * S + s, page = size[7];
    if (in->pages >= 0) row = (int64_t)trial->in[in->pages].value[b * (S / page) + s / page] * page + s % page;
    return (row * G + h / (size[3] / G)) * size[5];
}

static bool twin_sees(const Trial *trial, const Inputs *in, int64_t b, int64_t t, int64_t s)
{
    const int64_t *size = trial->c->size;
    int64_t T = size[1], S = size[2];
    double n = value_or(trial, in->lengths, b, (double)S);
    double at = value_or(trial, in->q_pos, b * T + t, (double)(t - T) + n);
    double key = value_or(trial, in->k_pos, b * S + s, (double)s);
    double of = value_or(trial, in->q_seq, b * T + t, 0), key_of = value_or(trial, in->k_seq, b * S + s, 0);
    if ((double)s >= n || of != key_of || key_of < 0) return false;
    if (trial->c->flags & CAUSAL && key > at) return false;
    return size[6] == 0 || at - key < (double)size[6];
}

// The pattern of one query: p[s], 0 where it does not see.
static void twin_row(const Trial *trial, const Inputs *in, int64_t b, int64_t h, int64_t t, double *p)
{
    const int64_t *size = trial->c->size;
    int64_t T = size[1], S = size[2], H = size[3], D = size[5];
    const double *q = trial->in[in->q].value + ((b * T + t) * H + h) * D;
    double scale = trial->c->flags & SCALED ? 0.7 : 1 / sqrt((double)D), highest = -INFINITY, sum = 0;
    for (int64_t s = 0; s < S; s++) {
        p[s] = -INFINITY;
        if (!twin_sees(trial, in, b, t, s)) continue;
        const double *k = trial->in[in->k].value + key_offset(trial, in, b, h, s);
        p[s] = 0;
        for (int64_t d = 0; d < D; d++) p[s] += scale * q[d] * k[d];
        p[s] += value_or(trial, in->bias, ((trial->c->flags & BIAS ? h : 0) * T + t) * S + s, 0);
        highest = fmax(highest, p[s]);
    }
    for (int64_t s = 0; s < S; s++) sum += p[s] = highest == -INFINITY ? 0 : exp(p[s] - highest);
    for (int64_t s = 0; s < S && sum > 0; s++) p[s] /= sum;
}

static void attention_cpu(Trial *trial)
{
    const int64_t *size = trial->c->size;
    int64_t B = size[0], T = size[1], S = size[2], H = size[3], D = size[5];
    Inputs in = inputs_of(trial->c);
    double *p = mem_alloc((size_t)S * sizeof *p);
    for (int64_t row = 0; row < B * T * H; row++) {
        int64_t b = row / H / T, t = row / H % T, h = row % H;
        double *y = trial->out[0].value + row * D;
        twin_row(trial, &in, b, h, t, p);
        for (int64_t d = 0; d < D; d++) y[d] = 0;
        for (int64_t s = 0; s < S; s++) {
            const double *v = trial->in[in.v].value + key_offset(trial, &in, b, h, s);
            for (int64_t d = 0; p[s] != 0 && d < D; d++) y[d] += p[s] * v[d];
        }
    }
    free(p);
}

static void pattern_cpu(Trial *trial, double *pattern)
{
    const int64_t *size = trial->c->size;
    int64_t B = size[0], T = size[1], S = size[2], H = size[3];
    Inputs in = inputs_of(trial->c);
    for (int64_t row = 0; row < B * H * T; row++)
        twin_row(trial, &in, row / T / H, row / T % H, row % T, pattern + row * S);
}

static void attention_pattern_cpu(Trial *trial) { pattern_cpu(trial, trial->out[0].value); }

static void attention_plain_cpu(Trial *trial)
{
    attention_cpu(trial);
    pattern_cpu(trial, trial->out[1].value);
}

// ---- Running -----------------------------------------------------------------------------------------------------

static Tensor *given(Trial *trial, int input) { return input < 0 ? NULL : trial->in[input].tensor; }

static Attention options(Trial *trial)
{
    const Case *c = trial->c;
    Inputs in = inputs_of(c);
    return (Attention){
        .scale = c->flags & SCALED ? 0.7f : 0,
        .causal = c->flags & CAUSAL,
        .window = c->size[6],
        .bias = given(trial, in.bias),
        .q_pos = given(trial, in.q_pos),
        .k_pos = given(trial, in.k_pos),
        .q_seq = given(trial, in.q_seq),
        .k_seq = given(trial, in.k_seq),
        .pages = given(trial, in.pages),
        .page_size = c->size[7],
        .lengths = given(trial, in.lengths),
    };
}

static void attention_run(Trial *trial, Tape *t)
{
    Attention a = options(trial);
    trial->out[0].tensor = attention(t, trial->in[0].tensor, trial->in[1].tensor, trial->in[2].tensor, &a);
}

static void attention_plain_run(Trial *trial, Tape *t)
{
    Attention a = options(trial);
    trial->out[0].tensor =
        attention_plain(t, trial->in[0].tensor, trial->in[1].tensor, trial->in[2].tensor, &a, &trial->out[1].tensor);
}

static void attention_pattern_run(Trial *trial, Tape *t)
{
    Attention a = options(trial);
    trial->out[0].tensor = attention_pattern(t, trial->in[0].tensor, trial->in[1].tensor, &a);
}

#define CASE(label_, flags_, ...)                                 \
    {                                                             \
        .label = label_, .flags = flags_, .size = { __VA_ARGS__ } \
    }
#define FORWARD_CASE(label_, dtype_, flags_, ...)                                                   \
    {                                                                                               \
        .label = label_, .dtype = dtype_, .flags = flags_, .no_grad = true, .size = { __VA_ARGS__ } \
    }

#define BENCH_CASE(label_, flags_, no_grad_, ...)                                                     \
    {                                                                                                 \
        .label = label_, .flags = flags_, .no_grad = no_grad_, .bench = true, .size = { __VA_ARGS__ } \
    }

// "batches" is more than test_parts lets the device bind.
#define SHARED_CASES                                                                                                 \
    CASE("one of each", 0, 1, 1, 1, 1, 1, 1), CASE("odd everything, causal", CAUSAL, 2, 7, 7, 3, 3, 5),              \
        CASE("causal", CAUSAL, 2, 19, 19, 2, 2, 8), CASE("bidirectional, scaled", SCALED, 1, 18, 18, 2, 2, 8),       \
        CASE("cross", 0, 2, 5, 21, 2, 2, 8), CASE("cross, more queries", CAUSAL, 1, 21, 5, 2, 2, 8),                 \
        CASE("grouped heads", CAUSAL, 1, 11, 11, 6, 2, 8), CASE("one key head", CAUSAL, 2, 9, 9, 4, 1, 8),           \
        CASE("window", CAUSAL, 1, 37, 37, 2, 2, 8, 5), CASE("window, not causal", 0, 1, 23, 23, 2, 1, 8, 4),         \
        CASE("bias for all heads", BIAS_SHARED | CAUSAL, 2, 9, 9, 4, 2, 8),                                          \
        CASE("bias that hides", BIAS | BIAS_HIDES, 2, 12, 13, 2, 2, 8),                                              \
        CASE("packed sequences", CAUSAL | PACKED, 2, 33, 33, 2, 2, 8), CASE("batches", CAUSAL, 3, 40, 40, 2, 2, 32), \
        CASE("window of all ages", CAUSAL, 1, 9, 13, 2, 1, 8, INT32_MAX),                                            \
        CASE("positions of queries", CAUSAL | Q_POSITIONS, 2, 11, 17, 4, 2, 8),                                      \
        CASE("positions of queries, window", CAUSAL | Q_POSITIONS, 2, 11, 17, 2, 2, 8, 4),                           \
        CASE("packed, all kinds", CAUSAL | PACKED | POSITIONS | BIAS, 2, 18, 18, 4, 2, 8, 9),                        \
        CASE("padded keys", KEYS_PADDED, 3, 10, 12, 2, 2, 8), CASE("head of 64", CAUSAL, 1, 33, 33, 2, 1, 64),       \
        CASE("head of 36", CAUSAL, 1, 41, 50, 1, 1, 36), CASE("head of 128", CAUSAL, 1, 20, 23, 2, 1, 128),          \
        CASE("few queries, many keys", CAUSAL, 1, 2, 600, 2, 1, 8),                                                  \
        FORWARD_CASE("few queries, late window", F32, CAUSAL | BIAS, 1, 2, 600, 2, 1, 8, 300),                       \
        FORWARD_CASE("few queries, padded keys", F32, KEYS_PADDED, 2, 1, 515, 2, 1, 8),                              \
        FORWARD_CASE("paged, many keys", F32, CAUSAL | PAGED | LENGTHS, 2, 1, 368, 2, 1, 8, 0, 16),                  \
        FORWARD_CASE("ragged cache", F32, CAUSAL | LENGTHS, 3, 4, 24, 4, 2, 8),                                      \
        FORWARD_CASE("paged", F32, CAUSAL | PAGED | LENGTHS, 2, 3, 32, 4, 2, 8, 0, 4),                               \
        FORWARD_CASE("paged, window", F32, CAUSAL | PAGED | LENGTHS, 2, 1, 48, 4, 1, 8, 10, 16)

static const Case cases[] = {
    SHARED_CASES,
    BENCH_CASE("long, causal", CAUSAL, false, 1, 1024, 1024, 4, 4, 64),
    BENCH_CASE("training", CAUSAL, false, 4, 256, 256, 6, 6, 64),
    BENCH_CASE("small training", CAUSAL, false, 12, 64, 64, 4, 4, 32),
    BENCH_CASE("decode", CAUSAL | PAGED, true, 1, 1, 4096, 8, 2, 64, 0, 16),
};

static const Case plain_cases[] = {
    SHARED_CASES,
    CASE("many keys", 0, 1, 2, 1500, 1, 1, 64),
    BENCH_CASE("long, causal", CAUSAL, false, 1, 1024, 1024, 6, 6, 64),
    BENCH_CASE("training", CAUSAL, false, 4, 256, 256, 6, 6, 64),
};

const Op op_attention = { .name = "attention",
                          .declare = attention_declare,
                          .cpu = attention_cpu,
                          .run = attention_run,
                          CASES(cases),
                          .ladder = attention_ladders,
                          .ladder_count = ATTENTION_LADDERS,
                          .backward_share = 2.5 }; // five products; forward has two

const Op op_attention_plain = { .name = "attention_plain",
                                .declare = attention_plain_declare,
                                .cpu = attention_plain_cpu,
                                .run = attention_plain_run,
                                CASES(plain_cases) };

const Op op_attention_pattern = { .name = "attention_pattern",
                                  .declare = attention_pattern_declare,
                                  .cpu = attention_pattern_cpu,
                                  .run = attention_pattern_run,
                                  CASES(plain_cases) };
