#include "ops/gather.h"
#include "ops/elements.h"

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

// How many rows of a table can be bound at once.
static int64_t rows_bound(Tape *t, int64_t V, int64_t row_bytes)
{
    const GpuTraits *traits = gpu_traits(stream_gpu(t->stream));
    int64_t most = (int64_t)(traits->max_binding_bytes - traits->alignment) / row_bytes;
    op_check(most > 0, "a row of %lld bytes cannot be bound", (long long)row_bytes);
    return most < V ? most : V;
}

static const Rung *pick(Tape *t, const Ladder *ladder, int64_t elements, int64_t C, Span a, Span b)
{
    Elements problem = { elements, C % 4 == 0 && a.offset % 16 == 0 && b.offset % 16 == 0 };
    return ladder_pick(t, ladder, &problem);
}

void gather_rows(Tape *t, Span table, DType dtype, int64_t V, int64_t C, const Tensor *ids, Span y, uint32_t accumulate)
{
    static const Rung f16_rung = { .kernel = { .shader = "gather_rows_f16" }, .tile = { 2 } };
    op_check(dtype == F32 || (dtype == F16 && !accumulate), "gather_rows: the table is %s", dtype_name(dtype));
    int64_t n = count(ids), row_bytes = C * dtype_bytes(dtype), part = rows_bound(t, V, row_bytes);
    const Rung *rung = dtype == F16 ? &f16_rung : pick(t, &gather_ladders[0], part * C, C, table, y);
    for (int64_t first = 0; first < V; first += part) {
        int64_t R = V - first < part ? V - first : part;
        gpu_dispatch(t->stream, rung_kernel(stream_gpu(t->stream), rung),
                     ITEMS(n * (C / rung->tile[0]), .flops = accumulate ? (double)(n * C) : 0,
                           .bytes = (double)n * (double)(row_bytes + 4 * C)),
                     SPANS(span_part(table, (uint64_t)(first * row_bytes), (uint64_t)(R * row_bytes)), ids->span, y),
                     ARGS(GatherArgs, (uint32_t)n, (uint32_t)C, (uint32_t)first, (uint32_t)R, (uint32_t)V, accumulate));
    }
}

void scatter_rows(Tape *t, Span x, const Tensor *ids, Span table, int64_t V, int64_t C, uint32_t accumulate)
{
    enum { END = -1 };
    Gpu *gpu = stream_gpu(t->stream);
    int64_t n = count(ids), row_bytes = 4 * C, part = rows_bound(t, V, row_bytes);
    Span head = tape_tensor(t, I32, SHAPE(n))->span, next = tape_tensor(t, I32, SHAPE(n))->span;
    stream_fill(t->stream, next, (uint32_t)END);
    gpu_dispatch(t->stream, KERNEL(gpu, "link_rows"),
                 ITEMS(n, .flops = (double)n * (double)n / 2, .bytes = 12.0 * (double)n), SPANS(ids->span, head, next),
                 ARGS(LinkArgs, (uint32_t)n));
    if (!accumulate) stream_fill(t->stream, table, 0);
    const Rung *rung = pick(t, &gather_ladders[1], n * C, C, table, x);
    for (int64_t first = 0; first < V; first += part) {
        int64_t R = V - first < part ? V - first : part;
        gpu_dispatch(
            t->stream, rung_kernel(gpu, rung),
            ITEMS(n * (C / rung->tile[0]), .flops = (double)(n * C), .bytes = 8 * (double)(n * C)),
            SPANS(x, ids->span, head, next, span_part(table, (uint64_t)(first * row_bytes), (uint64_t)(R * row_bytes))),
            ARGS(ScatterArgs, (uint32_t)n, (uint32_t)C, (uint32_t)first, (uint32_t)R, accumulate));
    }
}
