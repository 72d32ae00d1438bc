// Linear layer       y[r,n] = Σ_k x[r,k]·w[n,k] + bias[n]       x [R,K], w [N,K], bias [N] → y [R,N]
// Backward           dx += dy·w (NN)     dw += dyᵀ·x (TN)     dbias[n] += Σ_r dy[r,n]
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/product.h"
#include "ops/quantized.h"
#include "ops/rows.h"
#include <math.h>

static void linear_backward(Tape *t, const Node *node)
{
    Tensor *x = node->input[0], *w = node->input[1], *bias = node->input[2];
    Span dy = tape_dy(node);
    int64_t R = rows(x), N = dim(w, 0), K = dim(w, 1);
    uint32_t accumulate;
    if (bias && bias->needs_grad) {
        Span dbias = tape_grad(t, bias, &accumulate);
        sum_columns(t, dy, R, N, dbias, accumulate, 1);
    }
    if (w->needs_grad) {
        Product p = product_of(PRODUCT_TN, dy, x->span, tape_grad(t, w, &accumulate), N, K, R);
        p.accumulate = accumulate;
        product_run(t, p);
    }
    if (x->needs_grad && dtype_is_quantized(w->dtype)) {
        Span dx = tape_grad(t, x, &accumulate);
        quantized_backward(t, dy, R, w, dx, accumulate);
    } else if (x->needs_grad) {
        Product p = product_of(PRODUCT_NN, dy, w->span, tape_grad(t, x, &accumulate), R, K, N);
        p.b_dtype = w->dtype;
        p.accumulate = accumulate;
        product_run(t, p);
    }
}

Tensor *linear(Tape *t, Tensor *x, Tensor *w, Tensor *bias)
{
    op_check(w->shape.rank == 2 && x->dtype == F32 && dim(x, -1) == dim(w, 1) && (w->dtype == F32 || !w->needs_grad) &&
                 w->dtype != BF16 && w->dtype != I32,
             "linear: x is %s but w is %s", tensor_text(x), tensor_text(w));
    op_check(!bias || (bias->shape.rank == 1 && dim(bias, 0) == dim(w, 0)), "linear: w is %s but bias is %s",
             tensor_text(w), tensor_text(bias));
    Shape shape = x->shape;
    shape.dim[shape.rank - 1] = dim(w, 0);
    Tensor *y = tape_tensor(t, F32, shape);
    if (dtype_is_quantized(w->dtype)) {
        quantized_product(t, x->span, rows(x), w, bias, y->span);
    } else {
        Product p = product_of(PRODUCT_NT, x->span, w->span, y->span, rows(x), dim(w, 0), dim(w, 1));
        p.b_dtype = w->dtype;
        if (bias) p.bias = bias->span;
        product_run(t, p);
    }
    return tape_node(t, y, linear_backward, INPUTS(x, w, bias), SAVED_NONE, ATTRIBUTES_NONE);
}

// ---- Twin and cases: size = { R, N, K, 1 for a bias } ---------------------------------------------------------------

static void linear_cpu(Trial *trial)
{
    const int64_t *size = trial->c->size, R = size[0], N = size[1], K = size[2];
    const double *x = trial->in[0].value, *w = trial->in[1].value, *bias = size[3] ? trial->in[2].value : NULL;
    for (int64_t r = 0; r < R; r++)
        for (int64_t n = 0; n < N; n++) {
            double sum = bias ? bias[n] : 0, scale = fabs(sum);
            for (int64_t k = 0; k < K; k++) {
                sum += x[r * K + k] * w[n * K + k];
                scale += fabs(x[r * K + k] * w[n * K + k]);
            }
            trial->out[0].value[r * N + n] = sum;
            trial->out[0].scale[r * N + n] = scale;
        }
}

static void linear_declare(Trial *trial)
{
    const int64_t *size = trial->c->size, R = size[0], N = size[1], K = size[2];
    trial_normal(trial, "x", F32, SHAPE(R, K), true);
    trial_normal(trial, "w", trial->c->dtype, SHAPE(N, K), trial->c->dtype == F32);
    if (size[3]) trial_normal(trial, "bias", F32, SHAPE(N), true);
    trial_output_scaled(trial, "y", F32, SHAPE(R, N));
}

static void linear_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor =
        linear(t, trial->in[0].tensor, trial->in[1].tensor, trial->c->size[3] ? trial->in[2].tensor : NULL);
}

#define SIZE(label_, ...)                        \
    {                                            \
        .label = label_, .size = { __VA_ARGS__ } \
    }
#define SIZE_F16(label_, ...)                                  \
    {                                                          \
        .label = label_, .size = { __VA_ARGS__ }, .dtype = F16 \
    }

static const Case cases[] = {
    SIZE("1x1x1", 1, 1, 1, 1),          SIZE("5x7x3", 5, 7, 3),
    SIZE("5x7x3 bias", 5, 7, 3, 1),     SIZE("19x68x36 bias", 19, 68, 36, 1),
    SIZE("1x33x64 bias", 1, 33, 64, 1), SIZE_F16("f16 3x10x34 bias", 3, 10, 34, 1),
};

const Op op_linear = { .name = "linear",
                       .declare = linear_declare,
                       .cpu = linear_cpu,
                       .run = linear_run,
                       CASES(cases),
                       .ladder = product_ladders,
                       .ladder_count = PRODUCT_LADDERS };
