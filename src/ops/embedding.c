// Embedding          y[j] = table[ids[j]]                        table [V,C], ids [n] → y [n,C]
// Backward           dtable[v] += Σ_{j: ids[j] = v} dy[j], in the order of j
// Scatter-add        y[r] = Σ_{j: ids[j] = r} x[j], in the order of j      x [n,C], ids [n] → y [R,C]
// Backward           dx[j] += dy[ids[j]]
// Each is the other's gradient.
#include "ops/gather.h"
#include "ops/ops.h"
#include "ops/quantized.h"

static void embedding_backward(Tape *t, const Node *n)
{
    Tensor *table = n->input[0], *ids = n->saved[0];
    uint32_t accumulate;
    Span dtable = tape_grad(t, table, &accumulate);
    scatter_rows(t, tape_dy(n), ids, dtable, dim(table, 0), dim(table, 1), accumulate);
}

Tensor *embedding(Tape *t, Tensor *table, Tensor *ids)
{
    op_check(table->shape.rank == 2 && ids->dtype == I32 && ids->shape.rank < MAX_RANK &&
                 (table->dtype == F32 || !table->needs_grad) && table->dtype != BF16 && table->dtype != I32,
             "embedding: table is %s%s, ids are %s", table->needs_grad ? "trained " : "", tensor_text(table),
             tensor_text(ids));
    Shape shape = ids->shape;
    shape.dim[shape.rank++] = dim(table, 1);
    Tensor *y = tape_tensor(t, F32, shape);
    if (dtype_is_quantized(table->dtype))
        gather_quantized(t, table, ids, y->span);
    else
        gather_rows(t, table->span, table->dtype, dim(table, 0), dim(table, 1), ids, y->span, 0);
    return tape_node(t, y, embedding_backward, INPUTS(table), SAVED(ids), ATTRIBUTES_NONE);
}

static void scatter_add_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *ids = n->saved[0];
    uint32_t accumulate;
    Span dx = tape_grad(t, x, &accumulate);
    gather_rows(t, tape_dy(n), F32, dim(n->output, 0), dim(x, 1), ids, dx, accumulate);
}

Tensor *scatter_add(Tape *t, Tensor *x, Tensor *ids, int64_t R)
{
    op_check(x->shape.rank == 2 && x->dtype == F32 && ids->dtype == I32 && count(ids) == dim(x, 0) && R > 0,
             "scatter_add: x is %s, ids are %s", tensor_text(x), tensor_text(ids));
    Tensor *y = tape_tensor(t, F32, SHAPE(R, dim(x, 1)));
    scatter_rows(t, x->span, ids, y->span, R, dim(x, 1), 0);
    return tape_node(t, y, scatter_add_backward, INPUTS(x), SAVED(ids), ATTRIBUTES_NONE);
}

// ---- Twins and cases ---------------------------------------------------------------------------------------------

// size: V, C, n, how many of the ids lie outside the table
static TrialTensor *declare_ids(Trial *trial)
{
    int64_t V = trial->c->size[0], n = trial->c->size[2], outside = trial->c->size[3];
    TrialTensor *ids = trial_ids(trial, "ids", SHAPE(n), V);
    for (int64_t i = 0; i < outside; i++) ids->value[(i * 7 + 3) % n] = i % 2 ? -1 - (double)i : (double)(V + i);
    return ids;
}

static bool inside(const Trial *trial, double id) { return id >= 0 && id < (double)trial->c->size[0]; }

static void embedding_declare(Trial *trial)
{
    int64_t V = trial->c->size[0], C = trial->c->size[1], n = trial->c->size[2];
    if (dtype_is_quantized(trial->c->dtype))
        trial_quantized(trial, "table", trial->c->dtype, V, C, 1);
    else
        trial_normal(trial, "table", trial->c->dtype, SHAPE(V, C), trial->c->dtype == F32);
    declare_ids(trial);
    trial_output(trial, "y", F32, SHAPE(n, C));
}

static void embedding_cpu(Trial *trial)
{
    int64_t C = trial->c->size[1], n = trial->c->size[2];
    const double *table = trial->in[0].value, *ids = trial->in[1].value;
    for (int64_t i = 0; i < n * C; i++)
        trial->out[0].value[i] = inside(trial, ids[i / C]) ? table[(int64_t)ids[i / C] * C + i % C] : 0;
}

static void embedding_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = embedding(t, trial->in[0].tensor, trial->in[1].tensor);
}

static void scatter_declare(Trial *trial)
{
    int64_t R = trial->c->size[0], C = trial->c->size[1], n = trial->c->size[2];
    trial_normal(trial, "x", F32, SHAPE(n, C), true);
    declare_ids(trial);
    trial_output_scaled(trial, "y", F32, SHAPE(R, C));
}

static void scatter_cpu(Trial *trial)
{
    int64_t C = trial->c->size[1], n = trial->c->size[2];
    const double *x = trial->in[0].value, *ids = trial->in[1].value;
    TrialTensor *y = &trial->out[0];
    for (int64_t i = 0; i < y->count; i++) y->value[i] = y->scale[i] = 0;
    for (int64_t i = 0; i < n * C; i++) {
        if (!inside(trial, ids[i / C])) continue;
        int64_t at = (int64_t)ids[i / C] * C + i % C;
        y->value[at] += x[i];
        y->scale[at] += x[i] < 0 ? -x[i] : x[i];
    }
}

static void scatter_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = scatter_add(t, trial->in[0].tensor, trial->in[1].tensor, trial->c->size[0]);
}

#define SIZE(label_, ...)                        \
    {                                            \
        .label = label_, .size = { __VA_ARGS__ } \
    }
#define SPEED(label_, ...)                                      \
    {                                                           \
        .label = label_, .size = { __VA_ARGS__ }, .bench = true \
    }

#define SIZES                                                                                                     \
    SIZE("1x1 of 1", 1, 1, 1), SIZE("5x3 of 17", 5, 3, 17), SIZE("65x64 of 300", 65, 64, 300),                    \
        SIZE("700x20 of 90", 700, 20, 90), SIZE("one id for all", 1, 36, 130), SIZE("ids outside", 9, 8, 40, 12), \
        SIZE("odd, ids outside", 9, 5, 40, 12), SIZE("over a block", 30, 3, 4097 + 40),                           \
        SPEED("50257x768 of 4096", 50257, 768, 4096), SPEED("65x384 of 4096", 65, 384, 4096)

static const Case scatter_cases[] = { SIZES };
#define SIZE_OF(dtype_, label_, ...)                              \
    {                                                             \
        .label = label_, .size = { __VA_ARGS__ }, .dtype = dtype_ \
    }
static const Case embedding_cases[] = { SIZES,
                                        SIZE_OF(F16, "f16 33x10 of 70", 33, 10, 70, 5),
                                        SIZE_OF(Q8_0, "q8_0 33x32 of 70", 33, 32, 70, 5),
                                        SIZE_OF(Q4_0, "q4_0 7x64 of 20", 7, 64, 20),
                                        SIZE_OF(Q4_1, "q4_1 65x96 of 30", 65, 96, 30, 3),
                                        SIZE_OF(Q5_0, "q5_0 9x96 of 20", 9, 96, 20),
                                        SIZE_OF(Q5_1, "q5_1 9x32 of 20", 9, 32, 20),
                                        SIZE_OF(Q4_K, "q4_k 6x256 of 9", 6, 256, 9),
                                        SIZE_OF(Q5_K, "q5_k 5x512 of 9", 5, 512, 9),
                                        SIZE_OF(Q6_K, "q6_k 33x256 of 40", 33, 256, 40, 4) };

const Op op_embedding = { .name = "embedding",
                          .declare = embedding_declare,
                          .cpu = embedding_cpu,
                          .run = embedding_run,
                          CASES(embedding_cases),
                          .ladder = gather_ladders,
                          .ladder_count = GATHER_LADDERS };
const Op op_scatter_add = { .name = "scatter_add",
                            .declare = scatter_declare,
                            .cpu = scatter_cpu,
                            .run = scatter_run,
                            CASES(scatter_cases),
                            .ladder = gather_ladders,
                            .ladder_count = GATHER_LADDERS };
