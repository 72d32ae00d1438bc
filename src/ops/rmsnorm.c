// RMSNorm            y[r,i] = gain[i] · x[r,i] · s[r],   s[r] = 1 / sqrt(mean_i x[r,i]² + eps)
//   x [R,C], gain [C] → y [R,C]                Zhang & Sennrich 2019, eq. 4
// Backward           dgain[i] += Σ_r dy[r,i]·x[r,i]·s[r]
//                    dx[r,i]  += s[r]·(gain[i]·dy[r,i] − x[r,i]·s[r]²·mean_j(gain[j]·dy[r,j]·x[r,j]))
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

static void rmsnorm_cpu(Trial *trial)
{
    const TrialTensor *x = &trial->in[0], *gain = &trial->in[1];
    int64_t C = gain->count;
    for (int64_t r = 0; r < x->count / C; r++) {
        const double *row = x->value + r * C;
        double squares = 0;
        for (int64_t i = 0; i < C; i++) squares += row[i] * row[i];
        double s = 1 / sqrt(squares / (double)C + trial->c->real[0]);
        for (int64_t i = 0; i < C; i++) trial->out[0].value[r * C + i] = gain->value[i] * row[i] * s;
    }
}

typedef struct RmsnormArgs {
    RowArgs row;
    float eps;
} RmsnormArgs;

typedef struct RmsnormBackwardArgs {
    RowArgs row;
    uint32_t accumulate;
} RmsnormBackwardArgs;

static const Rung forward_rungs[] = { ROW_RUNGS("rmsnorm") }, backward_rungs[] = { ROW_RUNGS("rmsnorm_backward") },
                  gain_rungs[] = { COLUMN_RUNGS("rmsnorm_gain") };
static const Ladder ladders[] = { LADDER("rmsnorm", forward_rungs), LADDER("rmsnorm_backward", backward_rungs),
                                  LADDER("rmsnorm_gain", gain_rungs) };

static void rmsnorm_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *gain = n->input[1], *s = n->saved[0];
    Span dy = tape_dy(n);
    int64_t R = rows(x), C = dim(x, -1);
    uint32_t accumulate;
    if (gain->needs_grad) {
        Span dgain = tape_grad(t, gain, &accumulate);
        columns_dispatch(t, &ladders[2], R, C, 3 * (double)count(x),
                         ROW_TABLES({ x->span, C }, { s->span, 1 }, { dy, C }), dgain, accumulate, 1);
    }
    if (x->needs_grad) {
        Span dx = tape_grad(t, x, &accumulate);
        rows_dispatch(t, &ladders[1], R, C, 8 * (double)count(x), 12 * (double)count(x),
                      ROW_TABLES({ x->span, C }, { gain->span, 0 }, { s->span, 1 }, { dy, C }, { dx, C }),
                      ARGS(RmsnormBackwardArgs, .accumulate = accumulate));
    }
}

Tensor *rmsnorm(Tape *t, Tensor *x, Tensor *gain, float eps)
{
    op_check(gain->shape.rank == 1 && dim(x, -1) == dim(gain, 0), "rmsnorm: x is %s but gain is %s", tensor_text(x),
             tensor_text(gain));
    int64_t R = rows(x), C = dim(x, -1);
    Tensor *y = tape_like(t, x), *s = tape_tensor(t, F32, SHAPE(R));
    rows_dispatch(t, &ladders[0], R, C, 4 * (double)count(x), 8 * (double)count(x),
                  ROW_TABLES({ x->span, C }, { gain->span, 0 }, { y->span, C }, { s->span, 1 }),
                  ARGS(RmsnormArgs, .eps = eps));
    return tape_node(t, y, rmsnorm_backward, INPUTS(x, gain), SAVED(s), ATTRIBUTES_NONE);
}

static void rmsnorm_declare(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1];
    trial_normal(trial, "x", F32, SHAPE(R, C), true);
    trial_normal(trial, "gain", F32, SHAPE(C), true);
    trial_output(trial, "y", F32, SHAPE(R, C));
}

static void rmsnorm_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = rmsnorm(t, trial->in[0].tensor, trial->in[1].tensor, (float)trial->c->real[0]);
}

#define SIZE(R, C, eps)                                       \
    {                                                         \
        .label = #R "x" #C, .size = { R, C }, .real = { eps } \
    }
#define SPEED(R, C, eps)                                                     \
    {                                                                        \
        .label = #R "x" #C, .size = { R, C }, .real = { eps }, .bench = true \
    }
static const Case cases[] = {
    SIZE(1, 1, 1e-2),    SIZE(3, 17, 1e-5),   SIZE(64, 576, 1e-6),
    SIZE(201, 12, 1e-5), SIZE(5, 4099, 1e-5), SPEED(1024, 1024, 1e-5),
};

const Op op_rmsnorm = { .name = "rmsnorm",
                        .declare = rmsnorm_declare,
                        .cpu = rmsnorm_cpu,
                        .run = rmsnorm_run,
                        CASES(cases),
                        LADDERS(ladders) };
