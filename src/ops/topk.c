// Top k              y[r,0] ≥ y[r,1] ≥ … ≥ y[r,k−1], the largest of x[r,·], with y[r,j] = x[r,ids[r,j]]
//   x [R,C] → y [R,k], ids [R,k] i32; of equals the first in the row comes first
// Backward           dx[r,ids[r,j]] += dy[r,j]
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

typedef struct TopkArgs {
    RowArgs row;
    uint32_t k;
} TopkArgs;

enum { MOST_PLACES = 256 }; // on devices that end long loops

// One lane may win all places; for each it reads its share again, and the lanes meet twice, in a tree of 8 levels at most.
static bool few_steps(const GpuTraits *traits, const void *problem, int64_t lanes)
{
    int64_t share = ((const RowProblem *)problem)->n / (4 * lanes) + 1, meet = lanes > 1 ? 17 : 1;
    return !traits->max_loop_steps || (MOST_PLACES + 1) * (share + meet) <= traits->max_loop_steps;
}

static bool can_subgroup(const GpuTraits *traits, const void *problem)
{
    return row_can_subgroup(traits, problem) && few_steps(traits, problem, traits->subgroup_size);
}

static bool can_workgroup(const GpuTraits *traits, const void *problem) { return few_steps(traits, problem, 256); }
static bool can_texel(const GpuTraits *traits, const void *problem)
{
    return column_can_texel(traits, problem) && can_workgroup(traits, problem);
}
static bool can_invocation(const GpuTraits *traits, const void *problem) { return few_steps(traits, problem, 1); }

// A lane that wins reads its share of the row again: the more lanes share a long row, the shorter.
static bool likes_many_lanes(const GpuTraits *traits, const void *problem)
{
    return ((const RowProblem *)problem)->n >= (can_subgroup(traits, problem) ? 1024 : 128);
}

static bool likes_many_texels(const GpuTraits *traits, const void *problem)
{
    return rung_likes_texels(traits, problem) && likes_many_lanes(traits, problem);
}

#define RUNG(kernel_, subgroup_, lanes, can_, chosen_, idea_)                                                          \
    {                                                                                                                  \
        .kernel = { kernel_, .subgroup = subgroup_ }, .can = can_, .chosen = chosen_, .idea = idea_, .tile = { lanes } \
    }
static const Rung rungs[] = {
    RUNG("topk.texel", 0, ROW_WORKGROUP, can_texel, likes_many_texels, "four elements at a time, as texels"),
    RUNG("topk.workgroup", 0, ROW_WORKGROUP, can_workgroup, likes_many_lanes,
         "256 lanes hold a tournament over a long row"),
    RUNG("topk.subgroup", SUBGROUP_OWN, ROW_SUBGROUP, can_subgroup, row_likes_subgroup, "a subgroup: no barriers"),
    RUNG("topk", 0, ROW_INVOCATION, can_invocation, NULL, "one invocation a row: k passes over it"),
};
static const Rung backward_rungs[] = {
    { .kernel = { "topk_backward" }, .idea = "one invocation a row", .tile = { ROW_INVOCATION } },
};
static const Ladder ladders[] = { LADDER("topk", rungs) }, backward_ladder = LADDER("topk_backward", backward_rungs);

static void topk_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *ids = n->saved[0];
    int64_t k = dim(ids, -1);
    uint32_t accumulate;
    Span dx = tape_grad(t, x, &accumulate);
    if (!accumulate) stream_fill(t->stream, dx, 0);
    rows_dispatch(t, &backward_ladder, rows(x), dim(x, -1), (double)count(ids), 16 * (double)count(ids),
                  ROW_TABLES({ ids->span, k }, { tape_dy(n), k }, { dx, dim(x, -1) }),
                  ARGS(TopkArgs, .k = (uint32_t)k));
}

Tensor *topk(Tape *t, Tensor *x, int k, Tensor **ids)
{
    op_check(x->dtype == F32 && k > 0 && k <= dim(x, -1), "topk: %d of the rows of %s", k, tensor_text(x));
    Shape shape = x->shape;
    shape.dim[shape.rank - 1] = k;
    Tensor *y = tape_tensor(t, F32, shape);
    *ids = tape_tensor(t, I32, shape);
    const GpuTraits *traits = gpu_traits(stream_gpu(t->stream));
    if (traits->max_loop_steps && k > MOST_PLACES) {
        Error err = { "" };
        error_set(&err, "%s: its loops end too early for the %d largest of a row; it finds %d", traits->name, k,
                  MOST_PLACES);
        stream_fail(t->stream, &err);
        return y;
    }
    rows_dispatch(t, &ladders[0], rows(x), dim(x, -1), 2 * (double)count(x), 4 * (double)count(x),
                  ROW_TABLES({ x->span, dim(x, -1) }, { y->span, k }, { (*ids)->span, k }),
                  ARGS(TopkArgs, .k = (uint32_t)k));
    return tape_node(t, y, topk_backward, INPUTS(x), SAVED(*ids), ATTRIBUTES_NONE);
}

// ---- Cases: size R, C, k; flags: few different values, so that there are equals ------------------------------------------

static void topk_cpu(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1], k = trial->c->size[2];
    for (int64_t r = 0; r < R; r++) {
        const double *row = trial->in[0].value + r * C;
        for (int64_t j = 0; j < k; j++) {
            int64_t best = -1, last = j ? (int64_t)trial->out[1].value[r * k + j - 1] : -1;
            for (int64_t i = 0; i < C; i++) {
                bool after = j == 0 || row[i] < row[last] || (row[i] == row[last] && i > last);
                if (after && (best < 0 || row[i] > row[best])) best = i;
            }
            trial->out[0].value[r * k + j] = row[best];
            trial->out[1].value[r * k + j] = (double)best;
        }
    }
}

static void topk_declare(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1], k = trial->c->size[2];
    TrialTensor *x = trial_normal(trial, "x", F32, SHAPE(R, C), true);
    for (int64_t i = 0; trial->c->flags && i < x->count; i++)
        x->value[i] = x->value[i] < -1 ? -(double)INFINITY : x->value[i] > 1;
    trial_output(trial, "y", F32, SHAPE(R, k));
    trial_output(trial, "ids", I32, SHAPE(R, k));
}

static void topk_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = topk(t, trial->in[0].tensor, (int)trial->c->size[2], &trial->out[1].tensor);
}

#define TOP(k, R, C)                                      \
    {                                                     \
        .label = #k " of " #R "x" #C, .size = { R, C, k } \
    }
#define EQUALS(k, R, C)                                                                               \
    {                                                                                                 \
        .label = #k " of " #R "x" #C " with equals", .size = { R, C, k }, .flags = 1, .no_grad = true \
    }
// So many that two of them lie closer than finite differences step.
#define MANY(k, R, C)                                                      \
    {                                                                      \
        .label = #k " of " #R "x" #C, .size = { R, C, k }, .no_grad = true \
    }
static const Case cases[] = {
    TOP(1, 1, 1),         TOP(2, 70, 8),      TOP(5, 3, 33),
    TOP(40, 2, 1500),     EQUALS(30, 2, 900), EQUALS(17, 3, 17),
    EQUALS(100, 2, 1028), MANY(256, 3, 1500), { .label = "40 of 1x50257", .size = { 1, 50257, 40 }, .bench = true },
};

const Op op_topk = {
    .name = "topk", .declare = topk_declare, .cpu = topk_cpu, .run = topk_run, CASES(cases), LADDERS(ladders)
};
