// Element by element
//   add      y = a + b                   da += dy,        db += dy
//   mul      y = a · b                   da += dy · b,    db += dy · a
//   scale    y = factor · x              dx += factor · dy
//   add_bias y[r,c] = x[r,c] + bias[c]   dx += dy,        dbias[c] += Σ_r dy[r,c]
//   residual y = x + h, in x's own memory when inferring
#include "ops/elements.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct ElementArgs {
    uint32_t n, first;
} ElementArgs;

typedef struct MulArgs {
    uint32_t n, first, accumulate;
} MulArgs;

typedef struct ScaleArgs {
    uint32_t n, first, accumulate;
    float factor;
} ScaleArgs;

typedef struct BiasArgs {
    uint32_t n, first, columns;
} BiasArgs;

static const Rung add_rungs[] = ELEMENT_RUNGS("add"), mul_rungs[] = ELEMENT_RUNGS("mul"),
                  scale_rungs[] = ELEMENT_RUNGS("scale"), bias_rungs[] = ELEMENT_RUNGS("add_bias");
static const Ladder add_ladder[] = { LADDER("add", add_rungs) }, mul_ladder[] = { LADDER("mul", mul_rungs) },
                    scale_ladder[] = { LADDER("scale", scale_rungs) },
                    bias_ladder[] = { LADDER("add_bias", bias_rungs) };

static void check_pair(const char *op, const Tensor *a, const Tensor *b)
{
    op_check(shape_equal(a->shape, b->shape) && a->dtype == F32 && b->dtype == F32, "%s: %s and %s", op, tensor_text(a),
             tensor_text(b));
}

// ---- add, residual -----------------------------------------------------------------------------------------------

static void sum_into(Tape *t, const Tensor *a, const Tensor *b, const Tensor *y)
{
    each_element(t, add_ladder, 0, count(y), 0, 1, SPANS(a->span, b->span, y->span), ARGS(ElementArgs, 0));
}

static void add_backward(Tape *t, const Node *n)
{
    tape_pass(t, n, n->input[0]);
    tape_pass(t, n, n->input[1]);
}

Tensor *add(Tape *t, Tensor *a, Tensor *b)
{
    check_pair("add", a, b);
    Tensor *y = tape_like(t, a);
    sum_into(t, a, b, y);
    return tape_node(t, y, add_backward, INPUTS(a, b), SAVED_NONE, ATTRIBUTES_NONE);
}

Tensor *residual(Tape *t, Tensor *x, Tensor *h)
{
    if (t->train) return add(t, x, h);
    check_pair("residual", x, h);
    sum_into(t, x, h, x);
    return x;
}

// ---- mul ---------------------------------------------------------------------------------------------------------

static void product_into(Tape *t, Span a, Span b, Span y, int64_t n, uint32_t accumulate)
{
    each_element(t, mul_ladder, 0, n, 0, 1 + accumulate, SPANS(a, b, y), ARGS(MulArgs, .accumulate = accumulate));
}

static void mul_backward(Tape *t, const Node *n)
{
    for (int i = 0; i < 2; i++) {
        Tensor *x = n->input[i], *other = n->input[1 - i];
        uint32_t accumulate;
        if (!x->needs_grad) continue;
        Span dx = tape_grad(t, x, &accumulate);
        product_into(t, tape_dy(n), other->span, dx, count(x), accumulate);
    }
}

Tensor *mul(Tape *t, Tensor *a, Tensor *b)
{
    check_pair("mul", a, b);
    Tensor *y = tape_like(t, a);
    product_into(t, a->span, b->span, y->span, count(y), 0);
    return tape_node(t, y, mul_backward, INPUTS(a, b), SAVED_NONE, ATTRIBUTES_NONE);
}

// ---- scale -------------------------------------------------------------------------------------------------------

static void scale_into(Tape *t, Span x, Span y, int64_t n, float factor, uint32_t accumulate)
{
    each_element(t, scale_ladder, 0, n, 0, 1 + accumulate, SPANS(x, y),
                 ARGS(ScaleArgs, .accumulate = accumulate, .factor = factor));
}

static void scale_backward(Tape *t, const Node *n)
{
    uint32_t accumulate;
    Span dx = tape_grad(t, n->input[0], &accumulate);
    scale_into(t, tape_dy(n), dx, count(n->input[0]), *(const float *)n->attributes, accumulate);
}

Tensor *scale(Tape *t, Tensor *x, float factor)
{
    op_check(x->dtype == F32, "scale: x is %s", tensor_text(x));
    Tensor *y = tape_like(t, x);
    scale_into(t, x->span, y->span, count(x), factor, 0);
    return tape_node(t, y, scale_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES(factor));
}

// ---- add_bias ----------------------------------------------------------------------------------------------------

static void add_bias_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *bias = n->input[1];
    tape_pass(t, n, x);
    if (!bias->needs_grad) return;
    uint32_t accumulate;
    Span dbias = tape_grad(t, bias, &accumulate);
    sum_columns(t, tape_dy(n), rows(x), dim(x, -1), dbias, accumulate, 1);
}

Tensor *add_bias(Tape *t, Tensor *x, Tensor *bias)
{
    op_check(bias->shape.rank == 1 && dim(x, -1) == dim(bias, 0) && x->dtype == F32 && bias->dtype == F32,
             "add_bias: x is %s but bias is %s", tensor_text(x), tensor_text(bias));
    Tensor *y = tape_like(t, x);
    each_element(t, bias_ladder, 0, count(x), dim(x, -1), 1, SPANS(x->span, bias->span, y->span),
                 ARGS(BiasArgs, .columns = (uint32_t)dim(x, -1)));
    return tape_node(t, y, add_bias_backward, INPUTS(x, bias), SAVED_NONE, ATTRIBUTES_NONE);
}

// ---- Twins and cases ---------------------------------------------------------------------------------------------

static Shape case_shape(const Trial *trial) { return SHAPE(trial->c->size[0], trial->c->size[1]); }

static void pair_declare(Trial *trial)
{
    trial_normal(trial, "a", F32, case_shape(trial), true);
    trial_normal(trial, "b", F32, case_shape(trial), true);
    trial_output(trial, "y", F32, case_shape(trial));
}

static void add_cpu(Trial *trial)
{
    const double *a = trial->in[0].value, *b = trial->in[1].value;
    for (int64_t i = 0; i < trial->out[0].count; i++) trial->out[0].value[i] = a[i] + b[i];
}

static void add_run(Trial *trial, Tape *t) { trial->out[0].tensor = add(t, trial->in[0].tensor, trial->in[1].tensor); }

static void residual_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = residual(t, trial->in[0].tensor, trial->in[1].tensor);
}

static void mul_cpu(Trial *trial)
{
    const double *a = trial->in[0].value, *b = trial->in[1].value;
    for (int64_t i = 0; i < trial->out[0].count; i++) trial->out[0].value[i] = a[i] * b[i];
}

static void mul_run(Trial *trial, Tape *t) { trial->out[0].tensor = mul(t, trial->in[0].tensor, trial->in[1].tensor); }

static void scale_declare(Trial *trial)
{
    trial_normal(trial, "x", F32, case_shape(trial), true);
    trial_output(trial, "y", F32, case_shape(trial));
}

static void scale_cpu(Trial *trial)
{
    for (int64_t i = 0; i < trial->out[0].count; i++)
        trial->out[0].value[i] = trial->c->real[0] * trial->in[0].value[i];
}

static void scale_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = scale(t, trial->in[0].tensor, (float)trial->c->real[0]);
}

static void bias_declare(Trial *trial)
{
    trial_normal(trial, "x", F32, case_shape(trial), true);
    trial_normal(trial, "bias", F32, SHAPE(trial->c->size[1]), true);
    trial_output(trial, "y", F32, case_shape(trial));
}

static void bias_cpu(Trial *trial)
{
    int64_t C = trial->c->size[1];
    for (int64_t i = 0; i < trial->out[0].count; i++)
        trial->out[0].value[i] = trial->in[0].value[i] + trial->in[1].value[i % C];
}

static void bias_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = add_bias(t, trial->in[0].tensor, trial->in[1].tensor);
}

static const Case cases[] = {
    { "1x1", { 1, 1 }, { 0.5 } },       { "3x17", { 3, 17 }, { -1.25 } },     { "2x130", { 2, 130 }, { 3 } },
    { "37x64", { 37, 64 }, { 0.125 } }, { "300x1028", { 300, 1028 }, { 2 } },
};
static const Case residual_cases[] = {
    { "training 3x17", { 3, 17 } },
    { "training 37x64", { 37, 64 } },
    { "inferring 3x17", { 3, 17 }, .no_grad = true },
    { "inferring 37x64", { 37, 64 }, .no_grad = true },
};

const Op op_add = {
    .name = "add", .declare = pair_declare, .cpu = add_cpu, .run = add_run, CASES(cases), LADDERS(add_ladder)
};
const Op op_residual = { .name = "residual",
                         .declare = pair_declare,
                         .cpu = add_cpu,
                         .run = residual_run,
                         CASES(residual_cases),
                         LADDERS(add_ladder) };
const Op op_mul = {
    .name = "mul", .declare = pair_declare, .cpu = mul_cpu, .run = mul_run, CASES(cases), LADDERS(mul_ladder)
};
const Op op_scale = {
    .name = "scale", .declare = scale_declare, .cpu = scale_cpu, .run = scale_run, CASES(cases), LADDERS(scale_ladder)
};
const Op op_add_bias = {
    .name = "add_bias", .declare = bias_declare, .cpu = bias_cpu, .run = bias_run, CASES(cases), LADDERS(bias_ladder)
};
