#include "ops/gather.h"
#include "ops/elements.h"
#include "ops/rows.h"

static const Rung gather_rungs[] = ELEMENT_RUNGS("gather_rows"), scatter_rungs[] = ELEMENT_RUNGS("scatter_rows");
const Ladder gather_ladders[GATHER_LADDERS] = { LADDER("gather_rows", gather_rungs),
                                                LADDER("scatter_rows", scatter_rungs) };

typedef struct GatherArgs {
    uint32_t n, width, first, rows, vocab, accumulate;
} GatherArgs;

typedef struct LinkArgs {
    uint32_t n;
} LinkArgs;

typedef struct ScatterArgs {
    uint32_t n, width, first, rows, accumulate;
} ScatterArgs;

static const Rung *pick(Tape *t, const Ladder *ladder, int64_t elements, int64_t C, Span a, Span b)
{
    Elements problem = { elements, C % 4 == 0 && a.offset % 16 == 0 && b.offset % 16 == 0 };
    return ladder_pick(t, ladder, &problem);
}

static Span rows_of(Span table, int64_t first, int64_t n, int64_t row_bytes)
{
    return span_part(table, (uint64_t)(first * row_bytes), (uint64_t)(n * row_bytes));
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

void gather_rows(Tape *t, Span table, DType dtype, int64_t V, int64_t C, const Tensor *ids, Span y, uint32_t accumulate)
{
    static const Rung f16_rung = { .kernel = { .shader = "gather_rows_f16" }, .tile = { 2 } };
    op_check(dtype == F32 || (dtype == F16 && !accumulate), "gather_rows: the table is %s", dtype_name(dtype));
    Gpu *gpu = stream_gpu(t->stream);
    int64_t n = count(ids), row_bytes = C * dtype_bytes(dtype);
    int64_t most_rows = least(V, rows_in_part(gpu_traits(gpu), row_bytes / 4)), most = rows_in_part(gpu_traits(gpu), C);
    const Rung *rung = dtype == F16 ? &f16_rung : pick(t, &gather_ladders[0], most_rows * C, C, table, y);
    for (int64_t j = 0; j < n; j += most)
        for (int64_t first = 0; first < V; first += most_rows) {
            int64_t R = least(most_rows, V - first), N = least(most, n - j);
            gpu_dispatch(
                t->stream, rung_kernel(gpu, rung),
                ITEMS(N * (C / rung->tile[0]), .flops = accumulate ? (double)(N * C) : 0,
                      .bytes = (double)N * (double)(row_bytes + 4 * C)),
                SPANS(rows_of(table, first, R, row_bytes), rows_of(ids->span, j, N, 4), rows_of(y, j, N, 4 * C)),
                ARGS(GatherArgs, (uint32_t)N, (uint32_t)C, (uint32_t)first, (uint32_t)R, (uint32_t)V, accumulate));
        }
}

void scatter_rows(Tape *t, Span x, const Tensor *ids, Span table, int64_t V, int64_t C, uint32_t accumulate)
{
    enum { BLOCK = 4096, END = -1 };
    Gpu *gpu = stream_gpu(t->stream);
    int64_t n = count(ids), row_bytes = 4 * C, most_rows = rows_in_part(gpu_traits(gpu), C);
    int64_t most = least(n, least(BLOCK, most_rows));
    Span head = tape_tensor(t, I32, SHAPE(most))->span, next = tape_tensor(t, I32, SHAPE(most))->span;
    const Rung *rung = pick(t, &gather_ladders[1], most * C, C, table, x);
    if (!accumulate) stream_fill(t->stream, table, 0);
    for (int64_t j = 0; j < n; j += most) {
        int64_t N = least(most, n - j);
        Span block = rows_of(ids->span, j, N, 4);
        stream_fill(t->stream, next, (uint32_t)END);
        gpu_dispatch(t->stream, KERNEL(gpu, "link_rows"),
                     ITEMS(N, .flops = (double)N * (double)N / 2, .bytes = 12 * (double)N), SPANS(block, head, next),
                     ARGS(LinkArgs, (uint32_t)N));
        for (int64_t first = 0; first < V; first += most_rows) {
            int64_t R = least(most_rows, V - first);
            gpu_dispatch(
                t->stream, rung_kernel(gpu, rung),
                ITEMS(N * (C / rung->tile[0]), .flops = (double)(N * C), .bytes = 8 * (double)(N * C)),
                SPANS(rows_of(x, j, N, row_bytes), block, head, next, rows_of(table, first, R, row_bytes)),
                ARGS(ScatterArgs, (uint32_t)N, (uint32_t)C, (uint32_t)first, (uint32_t)R, accumulate || j > 0));
        }
    }
}
