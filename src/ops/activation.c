// Activations        y = f(x),   dx += f'(x) · dy              (each f's formula: shaders/include/activations.glsl)
// SwiGLU             y = silu(gate) · up                                              Shazeer 2020, eq. 6
//   backward         dgate += silu'(gate) · up · dy,   dup += silu(gate) · dy
#include "ops/elements.h"
#include "ops/ops.h"
#include <math.h>

static double relu(double x) { return x > 0 ? x : 0; }
static double gelu_tanh(double x) { return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
static double gelu_erf(double x) { return 0.5 * x * erfc(-x / sqrt(2)); }
static double silu(double x) { return x / (1 + exp(-x)); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static const struct {
    const char *name;
    double (*f)(double);
    double flops; // of f, and about of its slope: an exp or a division counted as 8
} activations[ACTIVATIONS] = {
    [RELU] = { "relu", relu, 1 },
    [GELU_TANH] = { "gelu_tanh", gelu_tanh, 24 },
    [GELU_ERF] = { "gelu_erf", gelu_erf, 48 },
    [SILU] = { "silu", silu, 20 },
    [TANH] = { "tanh", tanh, 20 },
    [SIGMOID] = { "sigmoid", sigmoid, 20 },
};

typedef struct ActivateArgs {
    uint32_t n, first;
} ActivateArgs;

typedef struct ActivateBackwardArgs {
    uint32_t n, first, accumulate;
} ActivateBackwardArgs;

typedef struct SwigluBackwardArgs {
    uint32_t n, first, accumulate_gate, accumulate_up;
} SwigluBackwardArgs;

static const Rung activate_rungs[] = ELEMENT_RUNGS("activate"),
                  activate_backward_rungs[] = ELEMENT_RUNGS("activate_backward"),
                  swiglu_rungs[] = ELEMENT_RUNGS("swiglu"), swiglu_backward_rungs[] = ELEMENT_RUNGS("swiglu_backward");
static const Ladder activate_ladders[] = { LADDER("activate", activate_rungs),
                                           LADDER("activate_backward", activate_backward_rungs) };
static const Ladder swiglu_ladders[] = { LADDER("swiglu", swiglu_rungs),
                                         LADDER("swiglu_backward", swiglu_backward_rungs) };

const char *activation_name(Activation activation) { return activations[activation].name; }

static void activate_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0];
    Activation activation = *(const Activation *)n->attributes;
    uint32_t accumulate;
    Span dx = tape_grad(t, x, &accumulate);
    each_element(t, &activate_ladders[1], activation, count(x), 0, activations[activation].flops + 2,
                 SPANS(x->span, tape_dy(n), dx), ARGS(ActivateBackwardArgs, .accumulate = accumulate));
}

Tensor *activate(Tape *t, Activation activation, Tensor *x)
{
    op_check(activation < ACTIVATIONS && x->dtype == F32, "activate: activation %d of %s", activation, tensor_text(x));
    Tensor *y = tape_like(t, x);
    each_element(t, &activate_ladders[0], activation, count(x), 0, activations[activation].flops,
                 SPANS(x->span, y->span), ARGS(ActivateArgs, 0));
    return tape_node(t, y, activate_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES(activation));
}

// The memory of dL/dx, or some to be forgotten when x needs none: one kernel makes both gradients.
static Span grad_or_scratch(Tape *t, Tensor *x, uint32_t *accumulate)
{
    *accumulate = 0;
    return x->needs_grad ? tape_grad(t, x, accumulate) : tape_like(t, x)->span;
}

static void swiglu_backward(Tape *t, const Node *n)
{
    Tensor *gate = n->input[0], *up = n->input[1];
    uint32_t to_gate, to_up;
    Span dgate = grad_or_scratch(t, gate, &to_gate), dup = grad_or_scratch(t, up, &to_up);
    each_element(t, &swiglu_ladders[1], 0, count(gate), 0, activations[SILU].flops + 6,
                 SPANS(gate->span, up->span, tape_dy(n), dgate, dup),
                 ARGS(SwigluBackwardArgs, .accumulate_gate = to_gate, .accumulate_up = to_up));
}

Tensor *swiglu(Tape *t, Tensor *gate, Tensor *up)
{
    op_check(shape_equal(gate->shape, up->shape) && gate != up && gate->dtype == F32 && up->dtype == F32,
             "swiglu: gate is %s, up is %s", tensor_text(gate), tensor_text(up));
    Tensor *y = tape_like(t, gate);
    each_element(t, &swiglu_ladders[0], 0, count(y), 0, activations[SILU].flops + 1,
                 SPANS(gate->span, up->span, y->span), ARGS(ActivateArgs, 0));
    return tape_node(t, y, swiglu_backward, INPUTS(gate, up), SAVED_NONE, ATTRIBUTES_NONE);
}

// ---- Twins and cases ---------------------------------------------------------------------------------------------

// real[0] > 0: over −real[0] … real[0] instead of N(0, 1)
static void fill(Trial *trial, const char *name, bool needs_grad)
{
    Shape shape = SHAPE(trial->c->size[0], trial->c->size[1]);
    double reach = trial->c->real[0];
    if (reach > 0)
        trial_uniform(trial, name, shape, -reach, reach, needs_grad);
    else
        trial_normal(trial, name, F32, shape, needs_grad);
}

// activate's flags: which activation
static void activate_declare(Trial *trial)
{
    fill(trial, "x", true);
    trial_output(trial, "y", F32, SHAPE(trial->c->size[0], trial->c->size[1]));
}

static void activate_cpu(Trial *trial)
{
    double (*f)(double) = activations[trial->c->flags].f;
    for (int64_t i = 0; i < trial->out[0].count; i++) trial->out[0].value[i] = f(trial->in[0].value[i]);
}

static void activate_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = activate(t, (Activation)trial->c->flags, trial->in[0].tensor);
}

// swiglu's flags: 1: gate needs no gradient, 2: up needs none.   real[0] as above
static void swiglu_declare(Trial *trial)
{
    Shape shape = SHAPE(trial->c->size[0], trial->c->size[1]);
    fill(trial, "gate", !(trial->c->flags & 1));
    trial_normal(trial, "up", F32, shape, !(trial->c->flags & 2));
    trial_output(trial, "y", F32, shape);
}

static void swiglu_cpu(Trial *trial)
{
    const double *gate = trial->in[0].value, *up = trial->in[1].value;
    for (int64_t i = 0; i < trial->out[0].count; i++) trial->out[0].value[i] = silu(gate[i]) * up[i];
}

static void swiglu_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = swiglu(t, trial->in[0].tensor, trial->in[1].tensor);
}

// Finite differences say nothing where x is so large that a step of theirs is lost.
#define TRY(label_, R, C, reach, which)                                                                \
    {                                                                                                  \
        .label = label_, .size = { R, C }, .real = { reach }, .flags = which, .no_grad = (reach) > 1e6 \
    }
#define SPEED(label_, R, C, which)                                       \
    {                                                                    \
        .label = label_, .size = { R, C }, .flags = which, .bench = true \
    }
#define SIZES(name, which)                                                    \
    TRY(name " 3x17", 3, 17, 0, which), TRY(name " 33x64", 33, 64, 0, which), \
        TRY(name " far 8x100", 8, 100, 200, which), TRY(name " farther 8x100", 8, 100, 1e18, which)

static const Case activate_cases[] = {
    SIZES("relu", RELU),
    SIZES("gelu_tanh", GELU_TANH),
    SIZES("gelu_erf", GELU_ERF),
    SIZES("silu", SILU),
    SIZES("tanh", TANH),
    SIZES("sigmoid", SIGMOID),
    SPEED("gelu_tanh 1024x1536", 1024, 1536, GELU_TANH),
    SPEED("gelu_erf 1024x1536", 1024, 1536, GELU_ERF),
};
static const Case swiglu_cases[] = {
    SIZES("both", 0),
    TRY("gate frozen 5x12", 5, 12, 0, 1),
    TRY("up frozen 5x12", 5, 12, 0, 2),
    SPEED("both 1024x1536", 1024, 1536, 0),
};

const Op op_activate = { .name = "activate",
                         .declare = activate_declare,
                         .cpu = activate_cpu,
                         .run = activate_run,
                         CASES(activate_cases),
                         LADDERS(activate_ladders) };
const Op op_swiglu = { .name = "swiglu",
                       .declare = swiglu_declare,
                       .cpu = swiglu_cpu,
                       .run = swiglu_run,
                       CASES(swiglu_cases),
                       LADDERS(swiglu_ladders) };
