#include "ops/product.h"

enum {
    FLAG_ACCUMULATE = 1, // as in product.glsl
    FLAG_BIAS = 2,
    SPLIT = 64, // cuts fall on multiples of it, so that they fall between tiles and vectors
};

typedef struct ProductArgs {
    uint32_t M, N, K, lda, ldb, ldc, batch_a, batch_b, batches, flags;
} ProductArgs;

// ---- One dispatch ------------------------------------------------------------------------------------------------

// Both operands and the result must be read or written once at least.
static Work work_of(const Product *p, const Rung *rung, const GpuTraits *traits)
{
    double M = (double)p->M, N = (double)p->N, K = (double)p->K, batches = (double)p->batches;
    double a_bytes = 4 * M * K * (p->batch_a ? batches : 1);
    double b_bytes = dtype_bytes(p->b_dtype) * N * K * (p->batch_b ? batches : 1);
    Work work = product_groups(p, rung, traits);
    work.flops = 2 * M * N * K * batches;
    work.bytes = a_bytes + b_bytes + 4 * M * N * batches * (p->accumulate ? 2 : 1);
    return work;
}

static void run_whole(Tape *t, const Product *p)
{
    Gpu *gpu = stream_gpu(t->stream);
    const Rung *rung = ladder_pick(t, &product_ladders[p->kind], p);
    uint32_t flags = (p->accumulate ? FLAG_ACCUMULATE : 0) | (p->bias.bytes ? FLAG_BIAS : 0);
    gpu_dispatch(t->stream, rung_kernel(gpu, rung), work_of(p, rung, gpu_traits(gpu)),
                 SPANS(p->a, p->b, p->bias.bytes ? p->bias : p->b, p->c),
                 ARGS(ProductArgs, (uint32_t)p->M, (uint32_t)p->N, (uint32_t)p->K, (uint32_t)p->lda, (uint32_t)p->ldb,
                      (uint32_t)p->ldc, (uint32_t)p->batch_a, (uint32_t)p->batch_b, (uint32_t)p->batches, flags));
}

// ---- Cuts --------------------------------------------------------------------------------------------------------

typedef enum Axis { AXIS_M, AXIS_N, AXIS_K } Axis;

// The rows and columns of each operand, by kind: which axis runs along them.
static const struct {
    Axis a_rows, a_columns, b_rows, b_columns;
} axes[] = {
    [PRODUCT_NT] = { AXIS_M, AXIS_K, AXIS_N, AXIS_K },
    [PRODUCT_NN] = { AXIS_M, AXIS_K, AXIS_K, AXIS_N },
    [PRODUCT_TN] = { AXIS_K, AXIS_M, AXIS_K, AXIS_N },
};

static int64_t *extent(Product *p, Axis axis) { return axis == AXIS_M ? &p->M : axis == AXIS_N ? &p->N : &p->K; }

// From the first to the last byte of a part of a matrix.
static uint64_t reach(int64_t rows, int64_t columns, int64_t ld, int bytes)
{
    return (uint64_t)((rows - 1) * ld + columns) * (uint64_t)bytes;
}

// The operand's part from `begin` along `axis`, with the extents that p has now.
static Span part(Product *p, Span span, Axis row_axis, Axis column_axis, int64_t ld, int bytes, Axis axis,
                 int64_t begin)
{
    int64_t first = row_axis == axis ? begin * ld : column_axis == axis ? begin : 0;
    uint64_t size = reach(*extent(p, row_axis), *extent(p, column_axis), ld, bytes);
    return span_part(span, (uint64_t)(first * bytes), (size + 3) & ~3ull);
}

static Product cut(const Product *whole, Axis axis, int64_t begin, int64_t n)
{
    Product p = *whole;
    *extent(&p, axis) = n;
    p.a = part(&p, whole->a, axes[p.kind].a_rows, axes[p.kind].a_columns, p.lda, 4, axis, begin);
    p.b = part(&p, whole->b, axes[p.kind].b_rows, axes[p.kind].b_columns, p.ldb, dtype_bytes(p.b_dtype), axis, begin);
    p.c = part(&p, whole->c, AXIS_M, AXIS_N, p.ldc, 4, axis, begin);
    if (p.bias.bytes && axis == AXIS_N) p.bias = span_part(p.bias, 4 * (uint64_t)begin, 4 * (uint64_t)n);
    if (axis == AXIS_K && begin > 0) { // the first part has stored, with the bias
        p.accumulate = true;
        p.bias.bytes = 0;
    }
    return p;
}

static void run_in_two(Tape *t, const Product *p, Axis axis)
{
    int64_t n = *extent((Product *)p, axis), half = (n / 2 + SPLIT - 1) / SPLIT * SPLIT;
    if (half >= n) half = n / 2;
    op_check(half > 0, "matmul: a row of %lld × %lld × %lld is more than the device binds in one piece",
             (long long)p->M, (long long)p->N, (long long)p->K);
    product_run(t, cut(p, axis, 0, half));
    product_run(t, cut(p, axis, half, n - half));
}

static void run_each_batch(Tape *t, const Product *p)
{
    for (int64_t i = 0; i < p->batches; i++) {
        Product one = *p;
        int b_bytes = dtype_bytes(p->b_dtype);
        uint64_t a = (uint64_t)(i * p->batch_a) * 4, b = (uint64_t)(i * p->batch_b * b_bytes);
        one.batches = 1;
        one.a = span_part(
            p->a, a, reach(*extent(&one, axes[p->kind].a_rows), *extent(&one, axes[p->kind].a_columns), p->lda, 4));
        one.b = span_part(
            p->b, b,
            (reach(*extent(&one, axes[p->kind].b_rows), *extent(&one, axes[p->kind].b_columns), p->ldb, b_bytes) + 3) &
                ~3ull);
        one.c = span_part(p->c, (uint64_t)(i * p->M * p->ldc) * 4, reach(p->M, p->N, p->ldc, 4));
        product_run(t, one);
    }
}

// Along its rows, or where it has one only, along that.
static void halve(Tape *t, Product *p, Axis rows, Axis columns)
{
    run_in_two(t, p, *extent(p, rows) > 1 ? rows : columns);
}

// A driver may kill work that runs for seconds, and index arithmetic is 32 bits wide.
void product_run(Tape *t, Product p)
{
    const GpuTraits *traits = gpu_traits(stream_gpu(t->stream));
    double most = op_most_flops(stream_gpu(t->stream));
    uint64_t limit = traits->max_binding_bytes - traits->alignment; // a descriptor may start a little earlier
    bool a_large = p.a.bytes > limit, b_large = p.b.bytes > limit, c_large = p.c.bytes > limit;
    double flops = 2.0 * (double)p.M * (double)p.N * (double)p.K;
    if (p.batches > 1 && (a_large || b_large || c_large || flops * (double)p.batches > most || p.K > PRODUCT_LONGEST ||
                          p.batches > traits->max_workgroup_count[2]))
        run_each_batch(t, &p);
    else if (a_large)
        halve(t, &p, axes[p.kind].a_rows, axes[p.kind].a_columns);
    else if (b_large)
        halve(t, &p, axes[p.kind].b_rows, axes[p.kind].b_columns);
    else if (c_large || (flops > most && p.M > SPLIT))
        run_in_two(t, &p, AXIS_M);
    else if (p.K > PRODUCT_LONGEST)
        run_in_two(t, &p, AXIS_K);
    else
        run_whole(t, &p);
}

Product product_of(ProductKind kind, Span a, Span b, Span c, int64_t M, int64_t N, int64_t K)
{
    return (Product){ .kind = kind,
                      .a = a,
                      .b = b,
                      .c = c,
                      .M = M,
                      .N = N,
                      .K = K,
                      .lda = kind == PRODUCT_TN ? M : K,
                      .ldb = kind == PRODUCT_NT ? K : N,
                      .ldc = N,
                      .batches = 1 };
}
