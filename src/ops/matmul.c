// Products           NT  c[m,n] = Σ_k a[m,k]·b[n,k]     NN  Σ_k a[m,k]·b[k,n]     TN  Σ_k a[k,m]·b[k,n]
//   of each matrix of a batch; b without batch dimensions serves every matrix of a
// Backward           each gradient is one of the other products
//   NT  da += dc·b  (NN)   db += dcᵀ·a (TN)
//   NN  da += dc·bᵀ (NT)   db += aᵀ·dc (TN)
//   TN  da += b·dcᵀ (NT)   db += a·dc  (NN)
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/product.h"
#include <math.h>

typedef struct MatmulAttributes {
    ProductKind kind;
    int64_t M, N, K, batches;
    bool shared; // b serves every batch
} MatmulAttributes;

static const char *const names[] = { "matmul_nt", "matmul_nn", "matmul_tn" };

// ---- Forward -----------------------------------------------------------------------------------------------------

static bool same_batches(const Tensor *a, const Tensor *b)
{
    if (a->shape.rank != b->shape.rank) return false;
    for (int i = 0; i < a->shape.rank - 2; i++)
        if (dim(a, i) != dim(b, i)) return false;
    return true;
}

static Product batched(const MatmulAttributes *m, ProductKind kind, Span a, Span b, Span c, int64_t M, int64_t N,
                       int64_t K)
{
    Product p = product_of(kind, a, b, c, M, N, K);
    p.batches = m->batches;
    return p;
}

static void matmul_backward(Tape *t, const Node *n);

static Tensor *matmul(Tape *t, ProductKind kind, Tensor *a, Tensor *b)
{
    int ra = a->shape.rank, rb = b->shape.rank;
    bool turned_a = kind == PRODUCT_TN, turned_b = kind == PRODUCT_NT;
    op_check(ra >= 2 && rb >= 2 && (rb == 2 || same_batches(a, b)) &&
                 dim(a, turned_a ? -2 : -1) == dim(b, turned_b ? -1 : -2),
             "%s: a is %s, b is %s", names[kind], tensor_text(a), tensor_text(b));
    op_check(a->dtype == F32 && (b->dtype == F32 || (b->dtype == F16 && kind == PRODUCT_NT && !b->needs_grad)),
             "%s: a is %s, b is %s", names[kind], tensor_text(a), tensor_text(b));

    MatmulAttributes m = {
        kind, dim(a, turned_a ? -1 : -2), dim(b, turned_b ? -2 : -1), dim(a, turned_a ? -2 : -1), 1, rb == 2
    };
    for (int i = 0; i < ra - 2; i++) m.batches *= dim(a, i);
    Shape shape = a->shape;
    shape.dim[ra - 2] = m.M;
    shape.dim[ra - 1] = m.N;
    if (m.shared && !turned_a) m.M *= m.batches, m.batches = 1; // the rows of all batches are one matrix

    Tensor *c = tape_tensor(t, F32, shape);
    Product p = product_of(kind, a->span, b->span, c->span, m.M, m.N, m.K);
    p.b_dtype = b->dtype;
    p.batches = m.batches;
    p.batch_a = m.M * m.K;
    p.batch_b = m.shared ? 0 : m.N * m.K;
    product_run(t, p);
    return tape_node(t, c, matmul_backward, INPUTS(a, b), SAVED_NONE, ATTRIBUTES(m));
}

Tensor *matmul_nt(Tape *t, Tensor *a, Tensor *b) { return matmul(t, PRODUCT_NT, a, b); }
Tensor *matmul_nn(Tape *t, Tensor *a, Tensor *b) { return matmul(t, PRODUCT_NN, a, b); }
Tensor *matmul_tn(Tape *t, Tensor *a, Tensor *b) { return matmul(t, PRODUCT_TN, a, b); }

// ---- Backward ----------------------------------------------------------------------------------------------------

static void backward_a(Tape *t, const Node *n, const MatmulAttributes *m)
{
    Tensor *a = n->input[0], *b = n->input[1];
    if (!a->needs_grad) return;
    uint32_t accumulate;
    Span da = tape_grad(t, a, &accumulate), dc = tape_dy(n);
    int64_t size_b = m->shared ? 0 : m->N * m->K, size_c = m->M * m->N;
    Product p = m->kind == PRODUCT_NT   ? batched(m, PRODUCT_NN, dc, b->span, da, m->M, m->K, m->N)
                : m->kind == PRODUCT_NN ? batched(m, PRODUCT_NT, dc, b->span, da, m->M, m->K, m->N)
                                        : batched(m, PRODUCT_NT, b->span, dc, da, m->K, m->M, m->N);
    p.b_dtype = m->kind == PRODUCT_TN ? F32 : b->dtype;
    p.batch_a = m->kind == PRODUCT_TN ? size_b : size_c;
    p.batch_b = m->kind == PRODUCT_TN ? size_c : size_b;
    p.accumulate = accumulate;
    product_run(t, p);
}

static void backward_b(Tape *t, const Node *n, const MatmulAttributes *m)
{
    Tensor *a = n->input[0], *b = n->input[1];
    if (!b->needs_grad) return;
    uint32_t accumulate;
    Span db = tape_grad(t, b, &accumulate), dc = tape_dy(n);
    Product p = m->kind == PRODUCT_NT   ? batched(m, PRODUCT_TN, dc, a->span, db, m->N, m->K, m->M)
                : m->kind == PRODUCT_NN ? batched(m, PRODUCT_TN, a->span, dc, db, m->K, m->N, m->M)
                                        : batched(m, PRODUCT_NN, a->span, dc, db, m->K, m->N, m->M);
    p.batch_a = m->kind == PRODUCT_NT ? m->M * m->N : m->M * m->K;
    p.batch_b = m->kind == PRODUCT_NT ? m->M * m->K : m->M * m->N;
    p.accumulate = accumulate;
    if (!m->shared || m->batches == 1) {
        product_run(t, p);
        return;
    }
    p.batches = 1; // TN with one b for all: the batches add up in their order
    for (int64_t i = 0; i < m->batches; i++) {
        uint64_t a_bytes = 4 * (uint64_t)p.batch_a, b_bytes = 4 * (uint64_t)p.batch_b;
        p.a = span_part(a->span, (uint64_t)i * a_bytes, a_bytes);
        p.b = span_part(dc, (uint64_t)i * b_bytes, b_bytes);
        product_run(t, p);
        p.accumulate = true;
    }
}

static void matmul_backward(Tape *t, const Node *n)
{
    const MatmulAttributes *m = (const MatmulAttributes *)n->attributes;
    backward_a(t, n, m);
    backward_b(t, n, m);
}

// ---- Twin and cases: size = { M, N, K, batches (0: no batch dimension), 1 if b is shared } --------------------------

static void matmul_cpu(const Trial *trial, ProductKind kind)
{
    const int64_t *size = trial->c->size, M = size[0], N = size[1], K = size[2];
    for (int64_t i = 0; i < (size[3] ? size[3] : 1); i++) {
        const double *a = trial->in[0].value + i * M * K, *b = trial->in[1].value + (size[4] ? 0 : i * N * K);
        for (int64_t m = 0; m < M; m++)
            for (int64_t n = 0; n < N; n++) {
                double sum = 0, scale = 0;
                for (int64_t k = 0; k < K; k++) {
                    double term =
                        a[kind == PRODUCT_TN ? k * M + m : m * K + k] * b[kind == PRODUCT_NT ? n * K + k : k * N + n];
                    sum += term;
                    scale += fabs(term);
                }
                trial->out[0].value[(i * M + m) * N + n] = sum;
                trial->out[0].scale[(i * M + m) * N + n] = scale;
            }
    }
}

static Shape matrix(int64_t batches, int64_t rows, int64_t columns)
{
    return batches ? SHAPE(batches, rows, columns) : SHAPE(rows, columns);
}

static void matmul_declare(Trial *trial, ProductKind kind)
{
    const int64_t *size = trial->c->size, M = size[0], N = size[1], K = size[2], b_batches = size[4] ? 0 : size[3];
    bool f32 = trial->c->dtype == F32;
    trial_normal(trial, "a", F32, kind == PRODUCT_TN ? matrix(size[3], K, M) : matrix(size[3], M, K), true);
    trial_normal(trial, "b", trial->c->dtype, kind == PRODUCT_NT ? matrix(b_batches, N, K) : matrix(b_batches, K, N),
                 f32);
    trial_output_scaled(trial, "c", F32, matrix(size[3], M, N));
}

static void nt_cpu(Trial *trial) { matmul_cpu(trial, PRODUCT_NT); }
static void nn_cpu(Trial *trial) { matmul_cpu(trial, PRODUCT_NN); }
static void tn_cpu(Trial *trial) { matmul_cpu(trial, PRODUCT_TN); }
static void nt_declare(Trial *trial) { matmul_declare(trial, PRODUCT_NT); }
static void nn_declare(Trial *trial) { matmul_declare(trial, PRODUCT_NN); }
static void tn_declare(Trial *trial) { matmul_declare(trial, PRODUCT_TN); }

static void nt_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = matmul_nt(t, trial->in[0].tensor, trial->in[1].tensor);
}

static void nn_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = matmul_nn(t, trial->in[0].tensor, trial->in[1].tensor);
}

static void tn_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = matmul_tn(t, trial->in[0].tensor, trial->in[1].tensor);
}

#define SIZE(label_, ...)                        \
    {                                            \
        .label = label_, .size = { __VA_ARGS__ } \
    }
#define SIZE_F16(label_, ...)                                  \
    {                                                          \
        .label = label_, .size = { __VA_ARGS__ }, .dtype = F16 \
    }
#define SPEED(label_, ...)                                                       \
    {                                                                            \
        .label = label_, .size = { __VA_ARGS__ }, .no_grad = true, .bench = true \
    }
// 1, odd sizes, batches; sizes of whole fours, over the edge of every block and tile.
#define SMALL_CASES                                                                                                   \
    SIZE("1x1x1", 1, 1, 1), SIZE("5x7x3", 5, 7, 3), SIZE("17x65x33", 17, 65, 33), SIZE("2 of 9x12x20", 9, 12, 20, 2), \
        SIZE("3 of 6x5x4, one b", 6, 5, 4, 3, 1), SIZE("68x72x40", 68, 72, 40), SIZE("2 of 20x36x24", 20, 36, 24, 2)
// What a layer of 384 channels does with 1024 tokens, its vocabulary of 8192, and a small one of 65.
#define SPEED_CASES                                                                       \
    SPEED("512x512x512", 512, 512, 512), SPEED("1024x1152x384", 1024, 1152, 384),         \
        SPEED("1024x384x1536", 1024, 384, 1536), SPEED("1024x8192x384", 1024, 8192, 384), \
        SPEED("1024x384x8192", 1024, 384, 8192), SPEED("384x1536x1024", 384, 1536, 1024), \
        SPEED("768x512x128", 768, 512, 128)

// Longer along k than some drivers let a loop run.
#define LONG_CASE                                                      \
    {                                                                  \
        .label = "5x3x70001", .size = { 5, 3, 70001 }, .no_grad = true \
    }

// More workgroups than a device need take side by side, by the rungs with the fewest elements in each.
#define MANY_GROUPS_CASE(kernel, N)                                                          \
    {                                                                                        \
        .label = "1x" #N "x4 " kernel, .size = { 1, N, 4 }, .force = kernel, .no_grad = true \
    }

static const Case nt_cases[] = { SMALL_CASES,
                                 LONG_CASE,
                                 MANY_GROUPS_CASE("matvec_tree", 65600),
                                 MANY_GROUPS_CASE("matvec_subgroup(4,1)", 524400),
                                 SIZE_F16("f16 9x10x34", 9, 10, 34),
                                 SIZE_F16("f16 35x33x40", 35, 33, 40),
                                 SIZE("1x33x64", 1, 33, 64),
                                 SIZE("2x9x36", 2, 9, 36),
                                 SIZE("2 of 5x19x136", 5, 19, 136, 2),
                                 SIZE_F16("f16 1x33x64", 1, 33, 64),
                                 SIZE_F16("f16 6x19x136", 6, 19, 136),
                                 SPEED_CASES,
                                 SPEED("768x65x128", 768, 65, 128),
                                 SPEED("1x4096x4096", 1, 4096, 4096) };
static const Case nn_cases[] = { SMALL_CASES, LONG_CASE, SIZE("20x36x65", 20, 36, 65), SPEED_CASES,
                                 SPEED("768x128x65", 768, 128, 65) };
static const Case tn_cases[] = { SMALL_CASES,
                                 LONG_CASE,
                                 SIZE("12x80x36", 12, 80, 36),
                                 SIZE("65x36x20", 65, 36, 20),
                                 SPEED_CASES,
                                 SPEED("65x128x768", 65, 128, 768) };

#define MATMUL_LADDERS .ladder = product_ladders, .ladder_count = PRODUCT_LADDERS
const Op op_matmul_nt = {
    .name = "matmul_nt", .declare = nt_declare, .cpu = nt_cpu, .run = nt_run, CASES(nt_cases), MATMUL_LADDERS
};
const Op op_matmul_nn = {
    .name = "matmul_nn", .declare = nn_declare, .cpu = nn_cpu, .run = nn_run, CASES(nn_cases), MATMUL_LADDERS
};
const Op op_matmul_tn = {
    .name = "matmul_tn", .declare = tn_declare, .cpu = tn_cpu, .run = tn_run, CASES(tn_cases), MATMUL_LADDERS
};
