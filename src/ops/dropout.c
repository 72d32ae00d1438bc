// Dropout            y[i] = keep(i) · x[i] / (1 − p)                                     Srivastava et al. 2014, §4
//   keep(i) is 1 where u(i) ≥ p, with u(i) = word i mod 4 of Philox block i / 4 under the tape's dropout_key and the
//   number of this call, in [0, 1)
// Backward           dx[i] += keep(i) · dy[i] / (1 − p): the draws come again, no mask is kept
#include "ops/elements.h"
#include "ops/ops.h"

typedef struct DropoutArgs {
    uint32_t n, first, accumulate;
    float p;
    uint32_t key_low, key_high, call;
} DropoutArgs;

// Every rung makes a block of four random numbers an invocation.
#define RUNG(shader_, can_, chosen_, idea_)                                                           \
    {                                                                                                 \
        .kernel = { .shader = shader_ }, .can = can_, .chosen = chosen_, .idea = idea_, .tile = { 4 } \
    }

static const Rung rungs[] = {
    RUNG("dropout.x4_texel", elements_in_texels, rung_likes_texels, "elements by four, read by texel fetches"),
    RUNG("dropout.x4", elements_in_fours, NULL, "elements by four too"),
    RUNG("dropout", NULL, NULL, "elements one by one"),
};
static const Ladder ladder[] = { LADDER("dropout", rungs) };

static void dropout_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0];
    DropoutArgs args = *(const DropoutArgs *)n->attributes;
    Span dx = tape_grad(t, x, &args.accumulate);
    each_element(t, ladder, 0, count(x), 0, 24, SPANS(tape_dy(n), dx), &args, sizeof args);
}

Tensor *dropout(Tape *t, Tensor *x, float p)
{
    op_check(p >= 0 && p < 1 && x->dtype == F32, "dropout: p is %g, x is %s", (double)p, tensor_text(x));
    if (t->dropout_key == 0 || p == 0) return x;
    DropoutArgs args = { .p = p,
                         .key_low = (uint32_t)t->dropout_key,
                         .key_high = (uint32_t)(t->dropout_key >> 32),
                         .call = (uint32_t)t->dropout_calls++ };
    Tensor *y = tape_like(t, x);
    each_element(t, ladder, 0, count(x), 0, 24, SPANS(x->span, y->span), &args, sizeof args);
    return tape_node(t, y, dropout_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES(args));
}

// ---- Twin and cases ----------------------------------------------------------------------------------------------

// size: R, C, number of the call;   real: p
static const uint64_t key = 0x123456789abcdef1u;

static void dropout_declare(Trial *trial)
{
    trial_normal(trial, "x", F32, SHAPE(trial->c->size[0], trial->c->size[1]), true);
    trial_output(trial, "y", F32, SHAPE(trial->c->size[0], trial->c->size[1]));
}

static void dropout_cpu(Trial *trial)
{
    double p = (double)(float)trial->c->real[0];
    for (int64_t i = 0; i < trial->out[0].count; i++) {
        uint32_t words[4];
        philox(key, (uint64_t)i / 4, (uint64_t)trial->c->size[2], words);
        double u = (double)(words[i % 4] >> 8) * 0x1p-24;
        trial->out[0].value[i] = u >= p ? trial->in[0].value[i] / (1 - p) : 0;
    }
}

static void dropout_run(Trial *trial, Tape *t)
{
    t->dropout_key = key;
    t->dropout_calls = (uint64_t)trial->c->size[2];
    trial->out[0].tensor = dropout(t, trial->in[0].tensor, (float)trial->c->real[0]);
}

#define TRY(label_, p, ...)                                     \
    {                                                           \
        .label = label_, .size = { __VA_ARGS__ }, .real = { p } \
    }
#define SPEED(label_, p, ...)                                                  \
    {                                                                          \
        .label = label_, .size = { __VA_ARGS__ }, .real = { p }, .bench = true \
    }

static const Case cases[] = {
    TRY("1x1", 0.5, 1, 1),
    TRY("3x17", 0.5, 3, 17),
    TRY("second call", 0.5, 3, 17, 1),
    TRY("37x64", 0.1, 37, 64, 1000),
    TRY("300x1028", 0.9, 300, 1028, 7),
    SPEED("1024x1536", 0.1, 1024, 1536, 7),
};

const Op op_dropout = {
    .name = "dropout", .declare = dropout_declare, .cpu = dropout_cpu, .run = dropout_run, CASES(cases), LADDERS(ladder)
};
