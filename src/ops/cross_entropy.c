// Cross entropy      loss[r] = −Σ_i q[r,i]·log softmax(x)[r,i] = lse[r] − (1−ε)·x[r,target] − ε·mean_i x[r,i],
//                    lse[r] = log Σ_i exp x[r,i],   q = (1−ε)·onehot(target) + ε/V           Szegedy et al. 2016, §7
//   logits x [R,V], targets [R] i32 → losses [R], mean [1] over the rows whose target is not negative (0 of none)
// Backward           dx[r,i] += dloss[r]·(exp(x[r,i] − lse[r]) − q[r,i]),   dloss[r] += dmean / (how many rows count)
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

static void cross_entropy_cpu(Trial *trial)
{
    const TrialTensor *x = &trial->in[0], *targets = &trial->in[1];
    double smoothing = trial->c->real[0], sum = 0, rows_counted = 0;
    int64_t V = trial->c->size[1];
    for (int64_t r = 0; r < targets->count; r++) {
        const double *row = x->value + r * V;
        double most = row[0], exps = 0, mean = 0, *loss = &trial->out[1].value[r];
        *loss = 0;
        if (targets->value[r] < 0) continue;
        for (int64_t i = 0; i < V; i++) most = fmax(most, row[i]), mean += row[i] / (double)V;
        for (int64_t i = 0; i < V; i++) exps += exp(row[i] - most);
        double own = row[(int64_t)targets->value[r]];
        *loss = most + log(exps) - (1 - smoothing) * own - (smoothing > 0 ? smoothing * mean : 0);
        sum += *loss;
        rows_counted++;
    }
    trial->out[0].value[0] = rows_counted > 0 ? sum / rows_counted : 0;
}

typedef struct CrossEntropyArgs {
    RowArgs row;
    float smoothing;
} CrossEntropyArgs;

typedef struct CrossEntropyBackwardArgs {
    RowArgs row;
    float smoothing;
    uint32_t accumulate;
} CrossEntropyBackwardArgs;

typedef struct MeanBackwardArgs {
    uint32_t rows, accumulate;
} MeanBackwardArgs;

static const Rung loss_rungs[] = { ROW_RUNGS("cross_entropy") }, mean_rungs[] = { ROW_RUNGS("cross_entropy_mean") },
                  backward_rungs[] = { ROW_RUNGS("cross_entropy_backward") };
static const Ladder ladders[] = { LADDER("cross_entropy", loss_rungs), LADDER("cross_entropy_mean", mean_rungs),
                                  LADDER("cross_entropy_backward", backward_rungs) };

static void losses_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *targets = n->input[1], *lse = n->saved[0];
    int64_t V = dim(x, -1);
    uint32_t accumulate;
    Span dx = tape_grad_in_place(t, n, x, &accumulate);
    rows_dispatch(t, &ladders[2], rows(x), V, 5 * (double)count(x), 8 * (double)count(x),
                  ROW_TABLES({ x->span, V }, { targets->span, 1 }, { lse->span, 1 }, { tape_dy(n), 1 }, { dx, V }),
                  ARGS(CrossEntropyBackwardArgs, .smoothing = *(const float *)n->attributes, .accumulate = accumulate));
}

static void mean_backward(Tape *t, const Node *n)
{
    Tensor *losses = n->input[0], *weight = n->saved[0], *share = n->saved[1];
    uint32_t R = (uint32_t)count(losses), accumulate;
    Span dlosses = tape_grad(t, losses, &accumulate);
    gpu_dispatch(t->stream, KERNEL(stream_gpu(t->stream), "cross_entropy_mean_backward"),
                 ITEMS(R, .flops = 2.0 * R, .bytes = 8.0 * R), SPANS(weight->span, share->span, tape_dy(n), dlosses),
                 ARGS(MeanBackwardArgs, R, accumulate));
}

Tensor *cross_entropy(Tape *t, Tensor *logits, Tensor *targets, float smoothing, Tensor **losses)
{
    op_check(logits->dtype == F32 && targets->dtype == I32 && count(targets) == rows(logits),
             "cross_entropy: logits are %s but targets are %s", tensor_text(logits), tensor_text(targets));
    int64_t R = rows(logits), V = dim(logits, -1);
    double size = (double)count(logits);
    Tensor *loss = tape_tensor(t, F32, targets->shape), *weight = tape_tensor(t, F32, SHAPE(R)),
           *lse = tape_tensor(t, F32, SHAPE(R)), *mean = tape_tensor(t, F32, SHAPE(1)),
           *share = tape_tensor(t, F32, SHAPE(1));
    rows_dispatch(
        t, &ladders[0], R, V, 5 * size, 4 * size,
        ROW_TABLES({ logits->span, V }, { targets->span, 1 }, { loss->span, 1 }, { weight->span, 1 }, { lse->span, 1 }),
        ARGS(CrossEntropyArgs, .smoothing = smoothing));
    rows_dispatch(t, &ladders[1], 1, R, 2 * (double)R, 8 * (double)R,
                  ROW_TABLES({ loss->span, R }, { weight->span, R }, { mean->span, 1 }, { share->span, 1 }),
                  ARGS(RowArgs, 0));
    tape_node(t, loss, losses_backward, INPUTS(logits, targets), SAVED(lse), ATTRIBUTES(smoothing));
    if (losses) *losses = loss;
    return tape_node(t, mean, mean_backward, INPUTS(loss), SAVED(weight, share), ATTRIBUTES_NONE);
}

enum { IGNORE_SOME = 1, IGNORE_ALL = 2 };

static void cross_entropy_declare(Trial *trial)
{
    int64_t R = trial->c->size[0], V = trial->c->size[1];
    trial_normal(trial, "logits", F32, SHAPE(R, V), true);
    TrialTensor *targets = trial_ids(trial, "targets", SHAPE(R), V);
    for (int64_t r = 0; r < R; r++)
        if (trial->c->flags & IGNORE_ALL || (trial->c->flags & IGNORE_SOME && r % 3 == 1)) targets->value[r] = -1;
    trial_output_scaled(trial, "mean", F32, SHAPE(1))->scale[0] = log((double)V + 1);
    trial_output(trial, "losses", F32, SHAPE(R));
}

static void cross_entropy_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor =
        cross_entropy(t, trial->in[0].tensor, trial->in[1].tensor, (float)trial->c->real[0], &trial->out[1].tensor);
}

#define SIZE(R, V)                           \
    {                                        \
        .label = #R "x" #V, .size = { R, V } \
    }
#define SMOOTH(R, V, smoothing, ...)                                                                      \
    {                                                                                                     \
        .label = #R "x" #V " smoothing " #smoothing, .size = { R, V }, .real = { smoothing }, __VA_ARGS__ \
    }
static const Case cases[] = {
    SIZE(1, 2),
    SIZE(5, 3),
    SIZE(70, 65),
    SIZE(9, 516),
    SIZE(2, 20011),
    SIZE(1, 150001),
    SMOOTH(7, 33, 0.1, .flags = IGNORE_SOME),
    SMOOTH(130, 64, 0.25, .flags = IGNORE_SOME),
    SMOOTH(4, 8, 0.1, .flags = IGNORE_ALL),
    SMOOTH(1024, 8192, 0, .bench = true),
};

const Op op_cross_entropy = { .name = "cross_entropy",
                              .declare = cross_entropy_declare,
                              .cpu = cross_entropy_cpu,
                              .run = cross_entropy_run,
                              CASES(cases),
                              LADDERS(ladders) };
