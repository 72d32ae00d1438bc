#include "ops/rows.h"
#include <string.h>

int64_t rows_in_part(const GpuTraits *traits, int64_t words)
{
    // A binding starts at an aligned base, up to `alignment` bytes before the part.
    int64_t most = (int64_t)(traits->max_binding_bytes - traits->alignment) / (4 * (words > 1 ? words : 1));
    return most < 1 ? 1 : most > 64 ? most / 64 * 64 : most;
}

static bool aligned_in_fours(int64_t n, RowTables tables)
{
    bool fours = n % 4 == 0;
    for (int i = 0; i < tables.count; i++) fours &= tables.table[i].words == 1 || tables.table[i].span.offset % 16 == 0;
    return fours;
}

// Rows of a part of all tables.
static int64_t part_rows(const GpuTraits *traits, RowTables tables)
{
    int64_t words = 1;
    for (int i = 0; i < tables.count; i++)
        if (tables.table[i].words > words) words = tables.table[i].words;
    return rows_in_part(traits, words);
}

static void part_spans(RowTables tables, int64_t first, int64_t rows, Span *spans)
{
    for (int i = 0; i < tables.count; i++) {
        uint64_t bytes = 4 * (uint64_t)tables.table[i].words;
        spans[i] = tables.table[i].span;
        if (bytes) spans[i] = span_part(spans[i], (uint64_t)first * bytes, (uint64_t)rows * bytes);
    }
}

// ---- The row ladder ------------------------------------------------------------------------------------------------

bool rows_in_fours(const GpuTraits *traits, const void *problem)
{
    (void)traits;
    return ((const RowProblem *)problem)->fours;
}

bool column_can_texel(const GpuTraits *traits, const void *problem)
{
    const RowProblem *p = problem;
    uint64_t bytes = 4 * (uint64_t)(p->rows * p->n), most = traits->max_binding_bytes;
    return p->fours && texels_hold(traits, bytes < most ? bytes : most);
}

// A row kernel passes over its row at most three times.
static bool few_steps(const GpuTraits *traits, int64_t n, int64_t lanes)
{
    return !traits->max_loop_steps || 3 * (n / lanes + 1) <= traits->max_loop_steps;
}

bool row_can_subgroup(const GpuTraits *traits, const void *problem)
{
    return traits->subgroup_arithmetic && traits->max_subgroup_size > 0 &&
           few_steps(traits, ((const RowProblem *)problem)->n, traits->subgroup_size);
}

static bool can_fours(const GpuTraits *traits, const RowProblem *p)
{
    RowProblem quarter = { p->rows, p->n / 4, true };
    return p->fours && row_can_subgroup(traits, &quarter);
}

bool row_can_fours(const GpuTraits *traits, const void *problem) { return can_fours(traits, problem); }

bool row_can_texel(const GpuTraits *traits, const void *problem)
{
    return can_fours(traits, problem) && column_can_texel(traits, problem);
}

bool row_can_invocation(const GpuTraits *traits, const void *problem)
{
    return few_steps(traits, ((const RowProblem *)problem)->n, 1);
}

// One running sum of n terms is off by up to n roundings: beyond this the blocks' sums of sums are needed.
enum { LONGEST_RUNNING_SUM = 16384 };

bool column_can_whole(const GpuTraits *traits, const void *problem)
{
    int64_t rows = ((const RowProblem *)problem)->rows;
    return rows <= LONGEST_RUNNING_SUM && few_steps(traits, rows, 1);
}

// A barrier is cheap where workgroups are the hardware's own; a processor emulates it.
bool row_likes_workgroup(const GpuTraits *traits, const void *problem)
{
    bool subgroup = row_can_subgroup(traits, problem);
    if (!subgroup && !row_can_invocation(traits, problem)) return true;
    return traits->type != GPU_CPU && ((const RowProblem *)problem)->n >= (subgroup ? 4096 : 128);
}

bool row_likes_subgroup(const GpuTraits *traits, const void *problem)
{
    return 2 * ((const RowProblem *)problem)->n >= traits->subgroup_size;
}

void rows_dispatch(Tape *t, const Ladder *ladder, int64_t rows, int64_t n, double flops, double bytes, RowTables tables,
                   const void *args, size_t args_bytes)
{
    Gpu *gpu = stream_gpu(t->stream);
    const GpuTraits *traits = gpu_traits(gpu);
    RowProblem problem = { rows, n, aligned_in_fours(n, tables) };
    const Rung *rung = ladder_pick(t, ladder, &problem);
    int64_t lanes = rung->tile[0] == ROW_SUBGROUP ? traits->subgroup_size : rung->tile[0];
    int64_t most = part_rows(traits, tables);

    Span spans[GPU_MAX_BINDINGS];
    uint32_t words[32];
    CHECK(tables.count <= GPU_MAX_BINDINGS && args_bytes >= sizeof(RowArgs) && args_bytes <= sizeof words,
          "%s: %d tables and %zu bytes of arguments", ladder->name, tables.count, args_bytes);
    memcpy(words, args, args_bytes);
    for (int64_t first = 0; first < rows; first += most) {
        int64_t part = rows - first < most ? rows - first : most;
        double share = (double)part / (double)rows;
        memcpy(words, &(RowArgs){ (uint32_t)part, (uint32_t)n, (uint32_t)first }, sizeof(RowArgs));
        part_spans(tables, first, part, spans);
        gpu_dispatch(t->stream, rung_kernel(gpu, rung),
                     ITEMS(part * lanes, .flops = share * flops, .bytes = share * bytes),
                     ((Spans){ spans, tables.count }), words, args_bytes);
    }
}

// ---- Sums down columns ---------------------------------------------------------------------------------------------

typedef struct ColumnArgs {
    uint32_t rows, n, accumulate;
    float factor;
} ColumnArgs;

void columns_dispatch(Tape *t, const Ladder *ladder, int64_t rows, int64_t n, double flops, RowTables tables, Span out,
                      bool accumulate, float factor)
{
    Gpu *gpu = stream_gpu(t->stream);
    const GpuTraits *traits = gpu_traits(gpu);
    RowProblem problem = { rows, n, aligned_in_fours(n, tables) && out.offset % 16 == 0 };
    const Rung *rung = ladder_pick(t, ladder, &problem);
    int64_t most = part_rows(traits, tables), height = rung->tile[0] ? rung->tile[0] : rows;

    Span spans[GPU_MAX_BINDINGS];
    CHECK(tables.count < GPU_MAX_BINDINGS, "%s: %d tables", ladder->name, tables.count);
    double words = 0;
    for (int i = 0; i < tables.count; i++) words += (double)tables.table[i].words;
    for (int64_t first = 0; first < rows; first += most) {
        int64_t part = rows - first < most ? rows - first : most, blocks = (part + height - 1) / height;
        bool add = accumulate || first > 0, whole = blocks == 1;
        Span sums = whole ? out : tape_tensor(t, F32, SHAPE(blocks, n))->span;
        part_spans(tables, first, part, spans);
        spans[tables.count] = sums;
        gpu_dispatch(t->stream, rung_kernel(gpu, rung),
                     ITEMS(blocks * n / rung->tile[1], .flops = flops * (double)part / (double)rows,
                           .bytes = 4 * (words * (double)part + (double)(blocks * n))),
                     ((Spans){ spans, tables.count + 1 }),
                     ARGS(ColumnArgs, (uint32_t)part, (uint32_t)n, whole && add, whole ? factor : 1));
        if (!whole) sum_columns(t, sums, blocks, n, out, add, factor);
    }
}

static const Rung rungs[] = { COLUMN_RUNGS("sum_columns") };
const Ladder column_ladders[] = { LADDER("sum_columns", rungs) };

void sum_columns(Tape *t, Span x, int64_t rows, int64_t n, Span out, bool accumulate, float factor)
{
    columns_dispatch(t, &column_ladders[0], rows, n, (double)(rows * n), ROW_TABLES({ x, n }), out, accumulate, factor);
}
