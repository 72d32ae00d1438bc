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

static void check(const Tensor *x, const Tensor *w, const Tensor *bias)
{
    op_check(w->shape.rank == 2 && x->dtype == F32 && dim(x, -1) == dim(w, 1) && (w->dtype == F32 || !w->needs_grad) &&
                 w->dtype != BF16 && w->dtype != I32,
             "linear: x is %s but w is %s", tensor_text(x), tensor_text(w));
    op_check(!bias || (bias->shape.rank == 1 && dim(bias, 0) == dim(w, 0)), "linear: w is %s but bias is %s",
             tensor_text(w), tensor_text(bias));
}

// y (+)= x·wᵀ + bias
static void product_into(Tape *t, const Tensor *x, const Tensor *w, const Tensor *bias, Span y, bool accumulate)
{
    if (dtype_is_quantized(w->dtype)) {
        quantized_product(t, x->span, rows(x), w, bias, y, accumulate);
        return;
    }
    Product p = product_of(PRODUCT_NT, x->span, w->span, y, rows(x), dim(w, 0), dim(w, 1));
    p.b_dtype = w->dtype;
    p.accumulate = accumulate;
    if (bias) p.bias = bias->span;
    product_run(t, p);
}

Tensor *linear(Tape *t, Tensor *x, Tensor *w, Tensor *bias)
{
    check(x, w, bias);
    Shape shape = x->shape;
    shape.dim[shape.rank - 1] = dim(w, 0);
    Tensor *y = tape_tensor(t, F32, shape);
    product_into(t, x, w, bias, y->span, false);
    return tape_node(t, y, linear_backward, INPUTS(x, w, bias), SAVED_NONE, ATTRIBUTES_NONE);
}

Tensor *residual_linear(Tape *t, Tensor *x, Tensor *h, Tensor *w, Tensor *bias)
{
    // A product that is added in parts would add x to the first of them: other bits than residual's.
    if (t->train || dim(w, 1) > PRODUCT_LONGEST) return residual(t, x, linear(t, h, w, bias));
    check(h, w, bias);
    op_check(x->dtype == F32 && dim(x, -1) == dim(w, 0) && rows(x) == rows(h), "residual_linear: x is %s, h %s, w %s",
             tensor_text(x), tensor_text(h), tensor_text(w));
    product_into(t, h, w, bias, x->span, true);
    return x;
}

// ---- Twin and cases: size = { R, N, K, 1 for a bias } ---------------------------------------------------------------

static void linear_cpu(Trial *trial)
{
    const int64_t *size = trial->c->size, R = size[0], N = size[1], K = size[2];
    const double *x = trial->in[0].value, *w = trial->in[1].value, *bias = size[3] ? trial->in[2].value : NULL;
    bool quantized = dtype_is_quantized(trial->c->dtype);
    for (int64_t r = 0; r < R; r++)
        for (int64_t n = 0; n < N; n++) {
            double sum = bias ? bias[n] : 0, scale = fabs(sum);
            for (int64_t k = 0; k < K; k++) {
                sum += x[r * K + k] * w[n * K + k];
                scale += fabs(x[r * K + k]) * (quantized ? 1 : fabs(w[n * K + k])); // as in linear_quantized.c
            }
            trial->out[0].value[r * N + n] = sum;
            trial->out[0].scale[r * N + n] = scale;
        }
}

static void linear_declare(Trial *trial)
{
    const int64_t *size = trial->c->size, R = size[0], N = size[1], K = size[2];
    trial_normal(trial, "x", F32, SHAPE(R, K), true);
    if (dtype_is_quantized(trial->c->dtype))
        trial_quantized(trial, "w", trial->c->dtype, N, K, 1);
    else
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

// ---- residual_linear: x is y's memory. Its gradients are linear's and residual's. --------------------------------------

static void residual_linear_cpu(Trial *trial)
{
    TrialTensor *y = &trial->out[0];
    const TrialTensor *x = &trial->in[trial->in_count - 1];
    linear_cpu(trial);
    for (int64_t i = 0; i < y->count; i++) {
        y->value[i] += x->value[i];
        y->scale[i] += fabs(x->value[i]);
    }
}

static void residual_linear_declare(Trial *trial)
{
    linear_declare(trial);
    trial_normal(trial, "x", F32, SHAPE(trial->c->size[0], trial->c->size[1]), true);
}

static void residual_linear_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = residual_linear(t, trial->in[trial->in_count - 1].tensor, trial->in[0].tensor,
                                           trial->in[1].tensor, trial->c->size[3] ? trial->in[2].tensor : NULL);
}

static const Case residual_cases[] = {
    SIZE("5x7x3 bias", 5, 7, 3, 1),
    SIZE("19x68x36", 19, 68, 36),
    { .label = "inferring 1x33x64 bias", .size = { 1, 33, 64, 1 }, .no_grad = true },
    { .label = "inferring 5x7x3", .size = { 5, 7, 3 }, .no_grad = true },
    { .label = "inferring f16 3x10x34 bias", .size = { 3, 10, 34, 1 }, .dtype = F16, .no_grad = true },
    { .label = "inferring q4_1 1x19x96 bias", .size = { 1, 19, 96, 1 }, .dtype = Q4_1, .no_grad = true },
    { .label = "inferring q8_0 11x19x64", .size = { 11, 19, 64 }, .dtype = Q8_0, .no_grad = true },
};

const Op op_residual_linear = { .name = "residual_linear",
                                .declare = residual_linear_declare,
                                .cpu = residual_linear_cpu,
                                .run = residual_linear_run,
                                CASES(residual_cases),
                                .ladder = product_ladders,
                                .ladder_count = PRODUCT_LADDERS };

const Op op_linear = { .name = "linear",
                       .declare = linear_declare,
                       .cpu = linear_cpu,
                       .run = linear_run,
                       CASES(cases),
                       .ladder = product_ladders,
                       .ladder_count = PRODUCT_LADDERS };
