// Softmax            y[r,i] = exp(z[r,i]) / Σ_j exp(z[r,j]),   z = x + mask
// Log-softmax        y[r,i] = z[r,i] − log Σ_j exp(z[r,j])
//   x [R,C], mask [M,C] or none: row r takes the mask's row r mod M → y [R,C]
// Backward           dx[r,i] += y[r,i]·(dy[r,i] − Σ_j dy[r,j]·y[r,j]);   of the logarithm dy[r,i] − exp(y[r,i])·Σ_j dy[r,j]
// A row that is hidden whole becomes 0 (−∞ in the logarithm).
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

typedef struct SoftmaxArgs {
    RowArgs row;
    uint32_t mask_rows, logarithm;
} SoftmaxArgs;

typedef struct SoftmaxBackwardArgs {
    RowArgs row;
    uint32_t logarithm, accumulate;
} SoftmaxBackwardArgs;

static const Rung forward_rungs[] = { ROW_RUNGS("softmax") }, backward_rungs[] = { ROW_RUNGS("softmax_backward") };
static const Ladder ladders[] = { LADDER("softmax", forward_rungs), LADDER("softmax_backward", backward_rungs) };

static void softmax_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *y = n->saved[0];
    uint32_t logarithm = *(const uint32_t *)n->attributes, accumulate;
    int64_t C = dim(x, -1);
    Span dx = tape_grad(t, x, &accumulate);
    rows_dispatch(t, &ladders[1], rows(x), C, 5 * (double)count(x), 12 * (double)count(x),
                  ROW_TABLES({ y->span, C }, { tape_dy(n), C }, { dx, C }),
                  ARGS(SoftmaxBackwardArgs, .logarithm = logarithm, .accumulate = accumulate));
}

static Tensor *softmax_or_log(Tape *t, Tensor *x, Tensor *mask, uint32_t logarithm)
{
    int64_t C = dim(x, -1);
    op_check(x->dtype == F32, "softmax: x is %s", tensor_text(x));
    op_check(!mask || (mask->dtype == F32 && !mask->needs_grad && dim(mask, -1) == C && count(x) % count(mask) == 0),
             "softmax: x is %s but the mask is %s", tensor_text(x), mask ? tensor_text(mask) : "");
    Tensor *y = tape_like(t, x);
    rows_dispatch(t, &ladders[0], rows(x), C, 8 * (double)count(x), 8 * (double)count(x),
                  ROW_TABLES({ x->span, C }, { mask ? mask->span : x->span, mask ? 0 : C }, { y->span, C }),
                  ARGS(SoftmaxArgs, .mask_rows = mask ? (uint32_t)rows(mask) : 0, .logarithm = logarithm));
    return tape_node(t, y, softmax_backward, INPUTS(x), SAVED(y), ATTRIBUTES(logarithm));
}

Tensor *softmax(Tape *t, Tensor *x, Tensor *mask) { return softmax_or_log(t, x, mask, 0); }
Tensor *log_softmax(Tape *t, Tensor *x, Tensor *mask) { return softmax_or_log(t, x, mask, 1); }

// ---- Cases -----------------------------------------------------------------------------------------------------------

enum { MASKED = 1, HIDDEN_ROW = 2 }; // MASKED: −∞ above the diagonal, and numbers below

static void rows_of_softmax(Trial *trial, bool logarithm)
{
    const TrialTensor *x = &trial->in[0], *mask = trial->in_count > 1 ? &trial->in[1] : NULL;
    int64_t C = trial->c->size[1];
    double *y = trial->out[0].value;
    for (int64_t first = 0; first < x->count; first += C) {
        double most = -INFINITY, sum = 0;
        for (int64_t i = first; i < first + C; i++) {
            y[i] = x->value[i] + (mask ? mask->value[i % mask->count] : 0);
            most = fmax(most, y[i]);
        }
        bool hidden = isinf(most);
        for (int64_t i = first; i < first + C; i++) sum += hidden ? 1 : exp(y[i] - most);
        for (int64_t i = first; i < first + C; i++)
            y[i] = logarithm ? (hidden ? -INFINITY : y[i] - most - log(sum)) : hidden ? 0 : exp(y[i] - most) / sum;
    }
}

static void softmax_cpu(Trial *trial) { rows_of_softmax(trial, false); }
static void log_softmax_cpu(Trial *trial) { rows_of_softmax(trial, true); }

static void softmax_declare(Trial *trial)
{
    const Case *c = trial->c;
    int64_t R = c->size[0], C = c->size[1], M = c->size[2];
    trial_normal(trial, "x", F32, SHAPE(R, C), true);
    if (M > 0) {
        TrialTensor *mask = trial_uniform(trial, "mask", SHAPE(M, C), -1, 1, false);
        for (int64_t i = 0; i < mask->count; i++)
            if ((c->flags & MASKED && i % C > i / C) || (c->flags & HIDDEN_ROW && i / C == M - 1))
                mask->value[i] = -INFINITY;
    }
    trial_output(trial, "y", F32, SHAPE(R, C));
}

static void softmax_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = softmax(t, trial->in[0].tensor, trial->in_count > 1 ? trial->in[1].tensor : NULL);
}

static void log_softmax_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = log_softmax(t, trial->in[0].tensor, trial->in_count > 1 ? trial->in[1].tensor : NULL);
}

#define SIZE(R, C)                           \
    {                                        \
        .label = #R "x" #C, .size = { R, C } \
    }
#define MASK(R, C, M, what, ...)                                                  \
    {                                                                             \
        .label = #R "x" #C " mask " #M " " what, .size = { R, C, M }, __VA_ARGS__ \
    }
static const Case cases[] = {
    SIZE(3, 1),
    SIZE(3, 17),
    SIZE(65, 64),
    SIZE(4, 2051),
    MASK(12, 6, 4, "added", .flags = 0),
    MASK(30, 20, 10, "causal", .flags = MASKED),
    MASK(90, 20, 9, "added", .flags = 0),
    MASK(9, 33, 3, "a row hidden", .flags = HIDDEN_ROW),
    MASK(8, 36, 4, "a row hidden", .flags = MASKED | HIDDEN_ROW),
    { .label = "1024x1024", .size = { 1024, 1024 }, .bench = true },
};

// −∞ has no finite differences.
static const Case log_cases[] = {
    SIZE(3, 1),
    SIZE(3, 17),
    SIZE(65, 64),
    SIZE(4, 2051),
    MASK(12, 6, 4, "added", .flags = 0),
    MASK(30, 20, 10, "causal", .flags = MASKED, .no_grad = true),
    MASK(9, 33, 3, "a row hidden", .flags = HIDDEN_ROW, .no_grad = true),
};

const Op op_softmax = { .name = "softmax",
                        .declare = softmax_declare,
                        .cpu = softmax_cpu,
                        .run = softmax_run,
                        CASES(cases),
                        LADDERS(ladders) };

const Op op_log_softmax = { .name = "log_softmax",
                            .declare = softmax_declare,
                            .cpu = log_softmax_cpu,
                            .run = log_softmax_run,
                            CASES(log_cases),
                            LADDERS(ladders) };
