// RMSNorm            y[r,i] = gain[i] · x[r,i] · s[r],   s[r] = 1 / sqrt(mean_i x[r,i]² + eps)
//   x [R,C], gain [C] → y [R,C]                Zhang & Sennrich 2019, eq. 4
// Backward           dgain[i] += Σ_r dy[r,i]·x[r,i]·s[r]
//                    dx[r,i]  += s[r]·(gain[i]·dy[r,i] − x[r,i]·s[r]²·mean_j(gain[j]·dy[r,j]·x[r,j]))
#include "ops/op.h"
#include "ops/ops.h"
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
    uint32_t rows, n;
    float eps;
} RmsnormArgs;

typedef struct RmsnormBackwardArgs {
    uint32_t rows, n, accumulate;
} RmsnormBackwardArgs;

static void rmsnorm_backward(Tape *t, const Node *n)
{
    Gpu *gpu = stream_gpu(t->stream);
    Tensor *x = n->input[0], *gain = n->input[1], *s = n->saved[0];
    Span dy = tape_dy(n);
    uint32_t R = (uint32_t)rows(x), C = (uint32_t)dim(x, -1), accumulate;
    double size = (double)count(x);
    if (gain->needs_grad) {
        Span dgain = tape_grad(t, gain, &accumulate);
        gpu_dispatch(t->stream, KERNEL(gpu, "rmsnorm_backward_gain"), ITEMS(C, .flops = 3 * size, .bytes = 8 * size),
                     SPANS(x->span, s->span, dy, dgain), ARGS(RmsnormBackwardArgs, R, C, accumulate));
    }
    if (x->needs_grad) {
        Span dx = tape_grad(t, x, &accumulate);
        gpu_dispatch(t->stream, KERNEL(gpu, "rmsnorm_backward_row"), ITEMS(R, .flops = 8 * size, .bytes = 12 * size),
                     SPANS(x->span, gain->span, s->span, dy, dx), ARGS(RmsnormBackwardArgs, R, C, accumulate));
    }
}

static const Rung rungs[] = {
    {.kernel = { .shader = "rmsnorm_row" }, .idea = "one row per invocation"},
};
static const Ladder ladder[] = { LADDER("rmsnorm", rungs) };

Tensor *rmsnorm(Tape *t, Tensor *x, Tensor *gain, float eps)
{
    op_check(gain->shape.rank == 1 && dim(x, -1) == dim(gain, 0), "rmsnorm: x is %s but gain is %s", tensor_text(x),
             tensor_text(gain));
    int64_t R = rows(x), C = dim(x, -1);
    Tensor *y = tape_like(t, x), *s = tape_tensor(t, F32, SHAPE(R));
    const Rung *rung = ladder_pick(t, &ladder[0], x);
    gpu_dispatch(t->stream, rung_kernel(stream_gpu(t->stream), rung),
                 ITEMS(R, .flops = 4.0 * (double)count(x), .bytes = 8.0 * (double)count(x)),
                 SPANS(x->span, gain->span, y->span, s->span), ARGS(RmsnormArgs, (uint32_t)R, (uint32_t)C, eps));
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

static const Case cases[] = {
    {"1x1",     { 1, 1 },    { 1e-5 }},
    { "3x17",   { 3, 17 },   { 1e-5 }},
    { "64x576", { 64, 576 }, { 1e-6 }},
    { "5x4099", { 5, 4099 }, { 1e-5 }},
};

const Op op_rmsnorm = {
    .name = "rmsnorm", .declare = rmsnorm_declare, .cpu = rmsnorm_cpu, .run = rmsnorm_run, CASES(cases), LADDERS(ladder)
};
