// The optimizers. In place, beside the tape; the twins compute in double what PyTorch computes in float, in its order.
//   global_norm      norm = √Σ g² over all elements of all gradients                        Pascanu et al. 2013, alg. 1
//   adamw            θ ← θ·(1 − lr·λ);  m ← m + (1−β1)·(g − m);  v ← β2·v + (1−β2)·g²;
//                    θ ← θ − lr/(1−β1ᵗ) · m / (√v/√(1−β2ᵗ) + ε)                     Loshchilov & Hutter 2019, alg. 2
//   sgd              g ← g + λ·θ;  b ← μ·b + g;  θ ← θ − lr·b                            Sutskever et al. 2013, §2
// In both, g is scaled by min(1, clip/norm) first, on the device.
#include "ops/elements.h"
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>
#include <string.h>

// A gradient that no backward pass has written is left out, and its parameter left alone.
static bool has_gradient(const Tensor *parameter) { return parameter->grad && parameter->grad->written; }

// ---- Global norm: sums of squares of rows of 4096, then the root of their sum ---------------------------------------

enum { NORM_ROW = 4096 };

static const Rung squares_rungs[] = { ROW_RUNGS("sum_squares") }, root_rungs[] = { ROW_RUNGS("root_of_sum") };
static const Ladder norm_ladders[] = { LADDER("sum_squares", squares_rungs), LADDER("root_of_sum", root_rungs) };

static int64_t partials_of(const Tensor *parameter) { return (count(parameter) + NORM_ROW - 1) / NORM_ROW; }

int64_t global_norm_partials(Tensor *const *parameters, int n)
{
    int64_t partials = 0;
    for (int i = 0; i < n; i++) partials += partials_of(parameters[i]);
    return partials;
}

// The rows of 4096 and what is left after them.
static void sum_squares(Tape *t, Span g, int64_t n, Span partials)
{
    int64_t R = n / NORM_ROW, rest = n % NORM_ROW;
    if (R > 0)
        rows_dispatch(t, &norm_ladders[0], R, NORM_ROW, 2 * (double)(R * NORM_ROW), 4 * (double)(R * NORM_ROW),
                      ROW_TABLES({ g, NORM_ROW }, { partials, 1 }), ARGS(RowArgs, 0));
    if (rest > 0)
        rows_dispatch(t, &norm_ladders[0], 1, rest, 2 * (double)rest, 4 * (double)rest,
                      ROW_TABLES({ span_part(g, 4 * (uint64_t)(R * NORM_ROW), 4 * (uint64_t)rest), rest },
                                 { span_part(partials, 4 * (uint64_t)R, 4), 1 }),
                      ARGS(RowArgs, 0));
}

static void global_norm_on(Tape *t, Tensor *const *parameters, int n, Tensor *partials, Tensor *out)
{
    op_check(partials->dtype == F32 && count(partials) >= global_norm_partials(parameters, n),
             "global_norm: partials is %s, but %lld are needed", tensor_text(partials),
             (long long)global_norm_partials(parameters, n));
    int64_t used = 0;
    for (int i = 0; i < n; i++) {
        if (!has_gradient(parameters[i])) continue;
        int64_t R = partials_of(parameters[i]);
        sum_squares(t, parameters[i]->grad->span, count(parameters[i]),
                    span_part(partials->span, 4 * (uint64_t)used, 4 * (uint64_t)R));
        used += R;
    }
    if (used == 0) {
        stream_fill(t->stream, out->span, 0);
        return;
    }
    rows_dispatch(t, &norm_ladders[1], 1, used, (double)used, 4 * (double)used,
                  ROW_TABLES({ span_part(partials->span, 0, 4 * (uint64_t)used), used }, { out->span, 1 }),
                  ARGS(RowArgs, 0));
}

void global_norm(Stream *stream, Tensor *const *parameters, int n, Tensor *partials, Tensor *out)
{
    Tape t = { .stream = stream }; // for the ladders alone: nothing is taken from it
    global_norm_on(&t, parameters, n, partials, out);
}

// ---- Updates ---------------------------------------------------------------------------------------------------------

typedef struct AdamwArgs {
    uint32_t n, first;
    float keep, rest1, beta2, rest2, step, root2, eps, clip;
} AdamwArgs;

typedef struct SgdArgs {
    uint32_t n, first;
    float lr, mu, decay, clip;
} SgdArgs;

static void check_state(const char *op, const Tensor *parameter, const Tensor *state)
{
    op_check(parameter->dtype == F32 && state->dtype == F32 && count(state) == count(parameter),
             "%s: the parameter is %s but its state %s", op, tensor_text(parameter), tensor_text(state));
}

static const Rung adamw_rungs[] = ELEMENT_RUNGS("adamw"), sgd_rungs[] = ELEMENT_RUNGS("sgd");
static const Ladder adamw_ladder[] = { LADDER("adamw", adamw_rungs) }, sgd_ladder[] = { LADDER("sgd", sgd_rungs) };

static void adamw_on(Tape *t, Tensor *parameter, Tensor *m, Tensor *v, Tensor *norm, AdamW o)
{
    check_state("adamw", parameter, m);
    check_state("adamw", parameter, v);
    op_check(o.step > 0 && (norm || o.clip <= 0), "adamw: step %u, clip %g %s a norm", o.step, o.clip,
             norm ? "with" : "without");
    if (!has_gradient(parameter)) return;
    Span g = parameter->grad->span;
    Span spans[] = { parameter->span, g, m->span, v->span, norm ? norm->span : g };
    each_element(t, adamw_ladder, 0, count(parameter), 0, 15, (Spans){ spans, COUNT_OF(spans) },
                 ARGS(AdamwArgs, .keep = (float)(1 - o.lr * o.weight_decay), .rest1 = (float)(1 - o.beta1),
                      .beta2 = (float)o.beta2, .rest2 = (float)(1 - o.beta2),
                      .step = (float)(o.lr / (1 - pow(o.beta1, o.step))),
                      .root2 = (float)sqrt(1 - pow(o.beta2, o.step)), .eps = (float)o.eps, .clip = (float)o.clip));
}

static void sgd_on(Tape *t, Tensor *parameter, Tensor *momentum, Tensor *norm, Sgd o)
{
    if (momentum) check_state("sgd", parameter, momentum);
    op_check((momentum || o.momentum == 0) && (norm || o.clip <= 0), "sgd: momentum %g %s memory, clip %g %s a norm",
             o.momentum, momentum ? "with" : "without", o.clip, norm ? "with" : "without");
    if (!has_gradient(parameter)) return;
    Span g = parameter->grad->span;
    Span spans[] = { parameter->span, g, momentum ? momentum->span : parameter->span, norm ? norm->span : g };
    each_element(t, sgd_ladder, 0, count(parameter), 0, 6, (Spans){ spans, COUNT_OF(spans) },
                 ARGS(SgdArgs, .lr = (float)o.lr, .mu = (float)o.momentum, .decay = (float)o.weight_decay,
                      .clip = (float)o.clip));
}

void adamw(Stream *stream, Tensor *parameter, Tensor *m, Tensor *v, Tensor *norm, AdamW o)
{
    Tape t = { .stream = stream };
    adamw_on(&t, parameter, m, v, norm, o);
}

void sgd(Stream *stream, Tensor *parameter, Tensor *momentum, Tensor *norm, Sgd o)
{
    Tape t = { .stream = stream };
    sgd_on(&t, parameter, momentum, norm, o);
}

// ---- Cases -----------------------------------------------------------------------------------------------------------

// The gradient is an input of its own here; the parameter borrows it while the op runs.
static Grad lend_gradient(const TrialTensor *g)
{
    return (Grad){ .span = g->tensor->span, .sharers = 1, .written = true, .persistent = true };
}

static double clip_factor(double clip, double norm) { return clip > 0 && norm > clip ? clip / norm : 1; }

static void global_norm_declare(Trial *trial)
{
    for (int i = 0; trial->c->size[i] > 0; i++) trial_normal(trial, "g", F32, SHAPE(trial->c->size[i]), false);
    trial_output(trial, "norm", F32, SHAPE(1));
}

static void global_norm_cpu(Trial *trial)
{
    double squares = 0;
    for (int i = 0; i < trial->in_count; i++)
        for (int64_t j = 0; j < trial->in[i].count; j++) squares += trial->in[i].value[j] * trial->in[i].value[j];
    trial->out[0].value[0] = sqrt(squares);
}

static void global_norm_run(Trial *trial, Tape *t)
{
    Tensor parameter[TRIAL_TENSORS], *list[TRIAL_TENSORS];
    Grad grad[TRIAL_TENSORS];
    int n = trial->in_count;
    for (int i = 0; i < n; i++) {
        grad[i] = lend_gradient(&trial->in[i]);
        parameter[i] = (Tensor){ .shape = trial->in[i].shape, .grad = &grad[i] };
        list[i] = &parameter[i];
    }
    trial->out[0].tensor = tape_tensor(t, F32, SHAPE(1));
    global_norm_on(t, list, n, tape_tensor(t, F32, SHAPE(global_norm_partials(list, n))), trial->out[0].tensor);
}

static const Case norm_cases[] = {
    { .label = "1", .size = { 1 } },
    { .label = "5, 4096, 10000", .size = { 5, 4096, 10000 } },
    { .label = "70000, 8192, 3", .size = { 70000, 8192, 3 } },
};

const Op op_global_norm = { .name = "global_norm",
                            .declare = global_norm_declare,
                            .cpu = global_norm_cpu,
                            .run = global_norm_run,
                            CASES(norm_cases),
                            LADDERS(norm_ladders) };

// real: clip, weight decay, momentum of sgd; size: elements, step. All tensors are updated in place.
static void adamw_declare(Trial *trial)
{
    Shape shape = SHAPE(trial->c->size[0]);
    trial_normal(trial, "theta", F32, shape, false);
    trial_normal(trial, "g", F32, shape, false);
    trial_normal(trial, "m", F32, shape, false);
    trial_uniform(trial, "v", shape, 0, 2, false);
    trial_uniform(trial, "norm", SHAPE(1), 3, 4, false);
    trial_output(trial, "theta", F32, shape);
    trial_output(trial, "m", F32, shape);
    trial_output(trial, "v", F32, shape);
}

static AdamW adamw_options(const Case *c)
{
    return (AdamW){ .lr = 0.01,
                    .beta1 = 0.9,
                    .beta2 = 0.999,
                    .eps = 1e-8,
                    .weight_decay = c->real[1],
                    .clip = c->real[0],
                    .step = (uint32_t)c->size[1] };
}

static void adamw_cpu(Trial *trial)
{
    AdamW o = adamw_options(trial->c);
    double by = clip_factor(o.clip, trial->in[4].value[0]);
    for (int64_t i = 0; i < trial->in[0].count; i++) {
        double theta = trial->in[0].value[i], g = by * trial->in[1].value[i];
        double m = o.beta1 * trial->in[2].value[i] + (1 - o.beta1) * g;
        double v = o.beta2 * trial->in[3].value[i] + (1 - o.beta2) * g * g;
        double m_hat = m / (1 - pow(o.beta1, o.step)), v_hat = v / (1 - pow(o.beta2, o.step));
        trial->out[0].value[i] = theta - o.lr * (m_hat / (sqrt(v_hat) + o.eps) + o.weight_decay * theta);
        trial->out[1].value[i] = m;
        trial->out[2].value[i] = v;
    }
}

static void adamw_run(Trial *trial, Tape *t)
{
    Tensor *theta = trial->in[0].tensor, *m = trial->in[2].tensor, *v = trial->in[3].tensor;
    Grad grad = lend_gradient(&trial->in[1]);
    theta->grad = &grad;
    adamw_on(t, theta, m, v, trial->c->real[0] > 0 ? trial->in[4].tensor : NULL, adamw_options(trial->c));
    theta->grad = NULL;
    trial->out[0].tensor = theta, trial->out[1].tensor = m, trial->out[2].tensor = v;
}

#define STEP(n, step, clip, decay)                                                                               \
    {                                                                                                            \
        .label = #n " step " #step " clip " #clip " decay " #decay, .size = { n, step }, .real = { clip, decay } \
    }
static const Case adamw_cases[] = {
    STEP(1, 1, 0, 0),
    STEP(67, 1, 1, 0.1),
    STEP(4099, 1000, 5, 0.1),
    STEP(256, 3, 1, 0.5),
};

const Op op_adamw = { .name = "adamw",
                      .declare = adamw_declare,
                      .cpu = adamw_cpu,
                      .run = adamw_run,
                      CASES(adamw_cases),
                      LADDERS(adamw_ladder) };

static void sgd_declare(Trial *trial)
{
    Shape shape = SHAPE(trial->c->size[0]);
    trial_normal(trial, "theta", F32, shape, false);
    trial_normal(trial, "g", F32, shape, false);
    trial_normal(trial, "momentum", F32, shape, false);
    trial_uniform(trial, "norm", SHAPE(1), 3, 4, false);
    trial_output(trial, "theta", F32, shape);
    trial_output(trial, "momentum", F32, shape);
}

static Sgd sgd_options(const Case *c)
{
    return (Sgd){ .lr = 0.1, .momentum = c->real[2], .weight_decay = c->real[1], .clip = c->real[0] };
}

static void sgd_cpu(Trial *trial)
{
    Sgd o = sgd_options(trial->c);
    double by = clip_factor(o.clip, trial->in[3].value[0]);
    for (int64_t i = 0; i < trial->in[0].count; i++) {
        double theta = trial->in[0].value[i], old = trial->in[2].value[i];
        double b = o.momentum * old + by * trial->in[1].value[i] + o.weight_decay * theta;
        trial->out[0].value[i] = theta - o.lr * b;
        trial->out[1].value[i] = o.momentum > 0 ? b : old;
    }
}

static void sgd_run(Trial *trial, Tape *t)
{
    Tensor *theta = trial->in[0].tensor, *momentum = trial->in[2].tensor;
    Grad grad = lend_gradient(&trial->in[1]);
    theta->grad = &grad;
    Sgd o = sgd_options(trial->c);
    sgd_on(t, theta, o.momentum > 0 ? momentum : NULL, o.clip > 0 ? trial->in[3].tensor : NULL, o);
    theta->grad = NULL;
    trial->out[0].tensor = theta, trial->out[1].tensor = momentum;
}

#define SGD(n, clip, decay, momentum)                                                                \
    {                                                                                                \
        .label = #n " clip " #clip " decay " #decay " momentum " #momentum, .size = { n }, .real = { \
            clip,                                                                                    \
            decay,                                                                                   \
            momentum                                                                                 \
        }                                                                                            \
    }
static const Case sgd_cases[] = {
    SGD(1, 0, 0, 0),
    SGD(67, 1, 0.1, 0.9),
    SGD(4099, 5, 0, 0.5),
    SGD(256, 1, 0.5, 0),
};

const Op op_sgd = {
    .name = "sgd", .declare = sgd_declare, .cpu = sgd_cpu, .run = sgd_run, CASES(sgd_cases), LADDERS(sgd_ladder)
};
