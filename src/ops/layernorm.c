// LayerNorm          y[r,i] = gain[i]·x̂[r,i] + bias[i],   x̂[r,i] = (x[r,i] − μ[r])·s[r],   s[r] = 1 / sqrt(var[r] + eps)
//   x [R,C], gain [C], bias [C] or none → y [R,C];  μ and var of the row, var with 1/C      Ba et al. 2016, §3.1
// Backward           dbias[i] += Σ_r dy[r,i]      dgain[i] += Σ_r dy[r,i]·x̂[r,i]
//                    dx[r,i] += s[r]·(g[r,i] − mean_j g[r,j] − x̂[r,i]·mean_j(g[r,j]·x̂[r,j])),   g = gain·dy
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

enum { WITH_BIAS = 1 };

static void layernorm_cpu(Trial *trial)
{
    const TrialTensor *x = &trial->in[0], *gain = &trial->in[1];
    const double *bias = trial->c->flags & WITH_BIAS ? trial->in[2].value : NULL;
    int64_t C = gain->count;
    for (int64_t r = 0; r < x->count / C; r++) {
        const double *row = x->value + r * C;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < C; i++) mean += row[i] / (double)C;
        for (int64_t i = 0; i < C; i++) var += (row[i] - mean) * (row[i] - mean) / (double)C;
        double s = 1 / sqrt(var + trial->c->real[0]);
        for (int64_t i = 0; i < C; i++)
            trial->out[0].value[r * C + i] = gain->value[i] * (row[i] - mean) * s + (bias ? bias[i] : 0);
    }
}

typedef struct LayernormArgs {
    RowArgs row;
    uint32_t biased;
    float eps;
} LayernormArgs;

typedef struct LayernormBackwardArgs {
    RowArgs row;
    uint32_t accumulate;
} LayernormBackwardArgs;

static const Rung forward_rungs[] = { ROW_RUNGS("layernorm") }, backward_rungs[] = { ROW_RUNGS("layernorm_backward") },
                  gain_rungs[] = { COLUMN_RUNGS("layernorm_gain") };
static const Ladder ladders[] = { LADDER("layernorm", forward_rungs), LADDER("layernorm_backward", backward_rungs),
                                  LADDER("layernorm_gain", gain_rungs) };

static void layernorm_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *gain = n->input[1], *bias = n->input[2], *mean = n->saved[0], *s = n->saved[1];
    Span dy = tape_dy(n);
    int64_t R = rows(x), C = dim(x, -1);
    double size = (double)count(x);
    uint32_t accumulate;
    if (bias && bias->needs_grad) {
        Span dbias = tape_grad(t, bias, &accumulate);
        sum_columns(t, dy, R, C, dbias, accumulate, 1);
    }
    if (gain->needs_grad) {
        Span dgain = tape_grad(t, gain, &accumulate);
        columns_dispatch(t, &ladders[2], R, C, 4 * size,
                         ROW_TABLES({ x->span, C }, { mean->span, 1 }, { s->span, 1 }, { dy, C }), dgain, accumulate,
                         1);
    }
    if (x->needs_grad) {
        Span dx = tape_grad(t, x, &accumulate);
        rows_dispatch(
            t, &ladders[1], R, C, 11 * size, 12 * size,
            ROW_TABLES({ x->span, C }, { gain->span, 0 }, { mean->span, 1 }, { s->span, 1 }, { dy, C }, { dx, C }),
            ARGS(LayernormBackwardArgs, .accumulate = accumulate));
    }
}

Tensor *layernorm(Tape *t, Tensor *x, Tensor *gain, Tensor *bias, float eps)
{
    op_check(gain->shape.rank == 1 && dim(x, -1) == dim(gain, 0), "layernorm: x is %s but gain is %s", tensor_text(x),
             tensor_text(gain));
    op_check(!bias || shape_equal(bias->shape, gain->shape), "layernorm: gain is %s but bias is %s", tensor_text(gain),
             tensor_text(bias));
    int64_t R = rows(x), C = dim(x, -1);
    Tensor *y = tape_like(t, x), *mean = tape_tensor(t, F32, SHAPE(R)), *s = tape_tensor(t, F32, SHAPE(R));
    rows_dispatch(t, &ladders[0], R, C, 8 * (double)count(x), 8 * (double)count(x),
                  ROW_TABLES({ x->span, C }, { gain->span, 0 }, { bias ? bias->span : gain->span, 0 }, { y->span, C },
                             { mean->span, 1 }, { s->span, 1 }),
                  ARGS(LayernormArgs, .biased = bias != NULL, .eps = eps));
    return tape_node(t, y, layernorm_backward, INPUTS(x, gain, bias), SAVED(mean, s), ATTRIBUTES_NONE);
}

static void layernorm_declare(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1];
    double centre = trial->c->real[1];
    trial_uniform(trial, "x", SHAPE(R, C), centre - 2, centre + 2, true);
    trial_normal(trial, "gain", F32, SHAPE(C), true);
    if (trial->c->flags & WITH_BIAS) trial_normal(trial, "bias", F32, SHAPE(C), true);
    trial_output(trial, "y", F32, SHAPE(R, C));
}

static void layernorm_run(Trial *trial, Tape *t)
{
    Tensor *bias = trial->c->flags & WITH_BIAS ? trial->in[2].tensor : NULL;
    trial->out[0].tensor = layernorm(t, trial->in[0].tensor, trial->in[1].tensor, bias, (float)trial->c->real[0]);
}

#define SIZE(R, C, eps)                                                                   \
    {                                                                                     \
        .label = #R "x" #C " bias", .size = { R, C }, .real = { eps }, .flags = WITH_BIAS \
    }
#define PLAIN(R, C, eps)                                      \
    {                                                         \
        .label = #R "x" #C, .size = { R, C }, .real = { eps } \
    }
#define FAR(R, C, centre)                                                                \
    {                                                                                    \
        .label = #R "x" #C " about " #centre, .size = { R, C }, .real = { 1e-5, centre } \
    }
#define SPEED(R, C)                                                                               \
    {                                                                                             \
        .label = #R "x" #C, .size = { R, C }, .real = { 1e-5 }, .flags = WITH_BIAS, .bench = true \
    }
static const Case cases[] = {
    SIZE(1, 1, 1e-2),    SIZE(3, 17, 1e-5),  SIZE(64, 384, 1e-6), SIZE(201, 12, 1e-5),
    SIZE(5, 4099, 1e-5), PLAIN(2, 68, 1e-5), FAR(9, 260, 10),     SPEED(1024, 1024),
};

const Op op_layernorm = { .name = "layernorm",
                          .declare = layernorm_declare,
                          .cpu = layernorm_cpu,
                          .run = layernorm_run,
                          CASES(cases),
                          LADDERS(ladders) };
