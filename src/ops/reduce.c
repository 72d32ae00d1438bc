// Reductions of x [R,C]
//   rows             y[r] = Σ_i x[r,i], its mean, or its maximum → [R]
//   columns          y[i] = Σ_r x[r,i] or its mean → [C]
//   all              the reduction of the rows' reductions → [1]
//   argmax           ids[r] = the first i of the largest x[r,i] → i32 [R]
// Backward           dx[r,i] += f·dy[r] (of a maximum: where i = ids[r]), or f·dy[i];   f = 1, or 1/C or 1/R of a mean
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

typedef struct SumArgs {
    RowArgs row;
    float factor;
} SumArgs;

typedef struct SpreadRowsArgs {
    RowArgs row;
    float factor;
    uint32_t by_id, accumulate;
} SpreadRowsArgs;

typedef struct SpreadColumnsArgs {
    RowArgs row;
    float factor;
    uint32_t accumulate;
} SpreadColumnsArgs;

static const Rung sum_rungs[] = { ROW_RUNGS("sum_rows") }, max_rungs[] = { ROW_RUNGS("max_rows") },
                  spread_rungs[] = { ROW_RUNGS("spread_rows") },
                  spread_columns_rungs[] = { ROW_RUNGS("spread_columns") };
static const Ladder row_ladders[] = { LADDER("sum_rows", sum_rungs), LADDER("max_rows", max_rungs),
                                      LADDER("spread_rows", spread_rungs) };
static const Ladder spread_columns_ladder[] = { LADDER("spread_columns", spread_columns_rungs) };

static Shape without_last(Shape shape)
{
    if (shape.rank == 1) return SHAPE(1);
    shape.rank--;
    return shape;
}

// The largest of each row into y, and where it is.
static Tensor *max_rows(Tape *t, Tensor *x, Tensor *y)
{
    Tensor *ids = tape_tensor(t, I32, y->shape);
    rows_dispatch(t, &row_ladders[1], rows(x), dim(x, -1), (double)count(x), 4 * (double)count(x),
                  ROW_TABLES({ x->span, dim(x, -1) }, { y->span, 1 }, { ids->span, 1 }), ARGS(RowArgs, 0));
    return ids;
}

static float row_factor(Reduction reduction, int64_t n)
{
    return reduction == REDUCE_MEAN ? (float)(1 / (double)n) : 1;
}

static void rows_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *ids = n->saved[0];
    Reduction reduction = *(const Reduction *)n->attributes;
    int64_t C = dim(x, -1);
    uint32_t accumulate;
    Span dx = tape_grad(t, x, &accumulate), dy = tape_dy(n);
    rows_dispatch(
        t, &row_ladders[2], rows(x), C, (double)count(x), 4 * (double)count(x),
        ROW_TABLES({ dy, 1 }, { ids ? ids->span : dy, 1 }, { dx, C }),
        ARGS(SpreadRowsArgs, .factor = row_factor(reduction, C), .by_id = ids != NULL, .accumulate = accumulate));
}

Tensor *reduce_rows(Tape *t, Reduction reduction, Tensor *x)
{
    op_check(x->dtype == F32, "reduce_rows: x is %s", tensor_text(x));
    int64_t C = dim(x, -1);
    Tensor *y = tape_tensor(t, F32, without_last(x->shape)), *ids = NULL;
    if (reduction == REDUCE_MAX)
        ids = max_rows(t, x, y);
    else
        rows_dispatch(t, &row_ladders[0], rows(x), C, (double)count(x), 4 * (double)count(x),
                      ROW_TABLES({ x->span, C }, { y->span, 1 }), ARGS(SumArgs, .factor = row_factor(reduction, C)));
    return tape_node(t, y, rows_backward, INPUTS(x), SAVED(ids), ATTRIBUTES(reduction));
}

static void columns_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0];
    int64_t C = dim(x, -1);
    uint32_t accumulate;
    Span dx = tape_grad(t, x, &accumulate);
    rows_dispatch(t, &spread_columns_ladder[0], rows(x), C, (double)count(x), 4 * (double)count(x),
                  ROW_TABLES({ tape_dy(n), 0 }, { dx, C }),
                  ARGS(SpreadColumnsArgs, .factor = *(const float *)n->attributes, .accumulate = accumulate));
}

Tensor *reduce_columns(Tape *t, Reduction reduction, Tensor *x)
{
    op_check(x->dtype == F32 && reduction != REDUCE_MAX, "reduce_columns: sums and means of f32, not %s of %s",
             reduction == REDUCE_MAX ? "a maximum" : "one", tensor_text(x));
    Tensor *y = tape_tensor(t, F32, SHAPE(dim(x, -1)));
    float factor = row_factor(reduction, rows(x));
    sum_columns(t, x->span, rows(x), dim(x, -1), y->span, false, factor);
    return tape_node(t, y, columns_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES(factor));
}

Tensor *reduce_all(Tape *t, Reduction reduction, Tensor *x)
{
    Tensor *y = reduce_rows(t, reduction, x);
    return count(y) == 1 ? y : reduce_rows(t, reduction, reshape(t, y, SHAPE(count(y))));
}

Tensor *argmax(Tape *t, Tensor *x)
{
    op_check(x->dtype == F32, "argmax: x is %s", tensor_text(x));
    return max_rows(t, x, tape_tensor(t, F32, without_last(x->shape)));
}

// ---- Cases: size R, C; flags: the reduction ----------------------------------------------------------------------------

static double reduce(Reduction reduction, const double *x, int64_t n, int64_t stride)
{
    double sum = 0, most = -INFINITY;
    for (int64_t i = 0; i < n; i++) sum += x[i * stride], most = fmax(most, x[i * stride]);
    return reduction == REDUCE_MAX ? most : reduction == REDUCE_MEAN ? sum / (double)n : sum;
}

static double reduce_magnitude(Reduction reduction, const double *x, int64_t n, int64_t stride)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += fabs(x[i * stride]);
    return reduction == REDUCE_MEAN ? sum / (double)n : sum;
}

static void reduce_rows_cpu(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1];
    for (int64_t r = 0; r < R; r++) {
        trial->out[0].value[r] = reduce(trial->c->flags, trial->in[0].value + r * C, C, 1);
        trial->out[0].scale[r] = reduce_magnitude(trial->c->flags, trial->in[0].value + r * C, C, 1);
    }
}

static void reduce_columns_cpu(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1];
    for (int64_t i = 0; i < C; i++) {
        trial->out[0].value[i] = reduce(trial->c->flags, trial->in[0].value + i, R, C);
        trial->out[0].scale[i] = reduce_magnitude(trial->c->flags, trial->in[0].value + i, R, C);
    }
}

static void reduce_all_cpu(Trial *trial)
{
    trial->out[0].value[0] = reduce(trial->c->flags, trial->in[0].value, trial->in[0].count, 1);
    trial->out[0].scale[0] = reduce_magnitude(trial->c->flags, trial->in[0].value, trial->in[0].count, 1);
}

static void argmax_cpu(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1];
    for (int64_t r = 0; r < R; r++) {
        const double *row = trial->in[0].value + r * C;
        int64_t best = 0;
        for (int64_t i = 1; i < C; i++)
            if (row[i] > row[best]) best = i;
        trial->out[0].value[r] = (double)best;
    }
}

// Uneven about 0: a sum that cancels to nothing would be all rounding.
static void declare_x(Trial *trial)
{
    trial_uniform(trial, "x", SHAPE(trial->c->size[0], trial->c->size[1]), -1, 2, true);
}

static void reduce_rows_declare(Trial *trial)
{
    declare_x(trial);
    trial_output_scaled(trial, "y", F32, SHAPE(trial->c->size[0]));
}

static void reduce_columns_declare(Trial *trial)
{
    declare_x(trial);
    trial_output_scaled(trial, "y", F32, SHAPE(trial->c->size[1]));
}

static void reduce_all_declare(Trial *trial)
{
    declare_x(trial);
    trial_output_scaled(trial, "y", F32, SHAPE(1));
}

// Few different values, so that there are equals.
static void argmax_declare(Trial *trial)
{
    declare_x(trial);
    for (int64_t i = 0; i < trial->in[0].count; i++) trial->in[0].value[i] = round(2 * trial->in[0].value[i]);
    if (trial->c->flags)
        for (int64_t i = 0; i < trial->c->size[1]; i++) trial->in[0].value[i] = -INFINITY;
    trial_output(trial, "ids", I32, SHAPE(trial->c->size[0]));
}

static void reduce_rows_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = reduce_rows(t, trial->c->flags, trial->in[0].tensor);
}
static void reduce_columns_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = reduce_columns(t, trial->c->flags, trial->in[0].tensor);
}
static void reduce_all_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = reduce_all(t, trial->c->flags, trial->in[0].tensor);
}
static void argmax_run(Trial *trial, Tape *t) { trial->out[0].tensor = argmax(t, trial->in[0].tensor); }

#define SUM(R, C)                                                        \
    {                                                                    \
        .label = #R "x" #C " sum", .size = { R, C }, .flags = REDUCE_SUM \
    }
#define MEAN(R, C)                                                         \
    {                                                                      \
        .label = #R "x" #C " mean", .size = { R, C }, .flags = REDUCE_MEAN \
    }
#define MAX(R, C)                                                        \
    {                                                                    \
        .label = #R "x" #C " max", .size = { R, C }, .flags = REDUCE_MAX \
    }
#define ARGMAX(R, C, hidden)                                                               \
    {                                                                                      \
        .label = #R "x" #C " " #hidden, .size = { R, C }, .flags = hidden, .no_grad = true \
    }
static const Case row_cases[] = { SUM(1, 1),      SUM(3, 17), SUM(67, 64), MEAN(2, 4100),
                                  SUM(1, 100001), MAX(5, 9),  MAX(70, 12), MAX(2, 2051) };
static const Case column_cases[] = { SUM(1, 1),     SUM(3, 17),   MEAN(64, 8),  SUM(65, 12),
                                     MEAN(4200, 4), SUM(4200, 3), SUM(70001, 1) };
static const Case all_cases[] = { SUM(1, 1), SUM(40, 33), MEAN(17, 64), MAX(33, 20) };
static const Case argmax_cases[] = { ARGMAX(1, 1, 0), ARGMAX(3, 17, 1), ARGMAX(67, 64, 0), ARGMAX(3, 5003, 0) };

const Op op_reduce_rows = { .name = "reduce_rows",
                            .declare = reduce_rows_declare,
                            .cpu = reduce_rows_cpu,
                            .run = reduce_rows_run,
                            .nmse = 1e-10, // 100,001 numbers one after the other
                            CASES(row_cases),
                            LADDERS(row_ladders) };
const Op op_reduce_columns = { .name = "reduce_columns",
                               .declare = reduce_columns_declare,
                               .cpu = reduce_columns_cpu,
                               .run = reduce_columns_run,
                               CASES(column_cases),
                               LADDERS(column_ladders) };
const Op op_reduce_all = {
    .name = "reduce_all", .declare = reduce_all_declare, .cpu = reduce_all_cpu, .run = reduce_all_run, CASES(all_cases)
};
const Op op_argmax = { .name = "argmax",
                       .declare = argmax_declare,
                       .cpu = argmax_cpu,
                       .run = argmax_run,
                       CASES(argmax_cases),
                       .ladder = &row_ladders[1],
                       .ladder_count = 1 };
