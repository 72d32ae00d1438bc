// Cache write        cache[slots[b,t]] = x[b,t],   a slot being page · page_size + place
//   x [B,T,G,D], slots [B,T] i32, cache [pages, page_size, G, D] f32 or f16. A slot outside the cache is padding, whose
//   row is written nowhere; no two rows may have the same slot.                     Kwon et al. 2023, §4.1 (pages)
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct CacheArgs {
    uint32_t items, words, first, held;
} CacheArgs;

static Span rows_of(Span table, int64_t first, int64_t n, int64_t words)
{
    return span_part(table, 4 * (uint64_t)(first * words), 4 * (uint64_t)(n * words));
}

void cache_write(Tape *t, Tensor *cache, Tensor *x, Tensor *slots)
{
    op_check(cache->shape.rank == 4 && x->shape.rank == 4 && dim(cache, 2) == dim(x, 2) && dim(cache, 3) == dim(x, 3),
             "cache_write: the cache is %s but x is %s", tensor_text(cache), tensor_text(x));
    op_check(x->dtype == F32 && (cache->dtype == F32 || cache->dtype == F16),
             "cache_write: the cache is %s and x is %s; f32 or f16 and f32", tensor_text(cache), tensor_text(x));
    op_check(slots->dtype == I32 && slots->shape.rank == 2 && dim(slots, 0) == dim(x, 0) && dim(slots, 1) == dim(x, 1),
             "cache_write: slots is %s but x is %s", tensor_text(slots), tensor_text(x));
    bool half = cache->dtype == F16;
    Gpu *gpu = stream_gpu(t->stream);
    const Kernel *kernel = KERNEL(gpu, half ? "cache_write.f16" : "cache_write");
    int64_t width = dim(x, 2) * dim(x, 3), words = width / (half ? 2 : 1), rows = count(slots);
    int64_t all = dim(cache, 0) * dim(cache, 1), most = rows_in_part(gpu_traits(gpu), width);
    int64_t most_slots = rows_in_part(gpu_traits(gpu), words);
    for (int64_t r = 0, n; r < rows; r += n) {
        n = rows - r < most ? rows - r : most;
        for (int64_t first = 0, held; first < all; first += held) { // each part takes the rows that are its own
            held = all - first < most_slots ? all - first : most_slots;
            gpu_dispatch(t->stream, kernel, ITEMS(n * words, .bytes = 4 * (double)(n * (width + words))),
                         SPANS(rows_of(x->span, r, n, width), rows_of(slots->span, r, n, 1),
                               rows_of(cache->span, first, held, words)),
                         ARGS(CacheArgs, (uint32_t)(n * words), (uint32_t)words, (uint32_t)first, (uint32_t)held));
        }
    }
}

// ---- Cases: size = { B, T, G, D, pages, page size } ----------------------------------------------------------------

static void cache_write_declare(Trial *trial)
{
    const int64_t *size = trial->c->size;
    int64_t B = size[0], T = size[1], G = size[2], D = size[3], all = size[4] * size[5];
    trial_normal(trial, "cache", trial->c->dtype, SHAPE(size[4], size[5], G, D), false);
    trial_normal(trial, "x", F32, SHAPE(B, T, G, D), false);
    TrialTensor *slots = trial_ids(trial, "slots", SHAPE(B, T), 1);
    for (int64_t i = 0; i < slots->count; i++) // each slot once, in no order; every fifth is padding
        slots->value[i] = i % 5 == 4 ? -1 : (double)((i * (all - 1) + 2) % all);
    trial_output(trial, "cache", trial->c->dtype, SHAPE(size[4], size[5], G, D));
}

static void cache_write_cpu(Trial *trial)
{
    int64_t row = trial->c->size[2] * trial->c->size[3];
    double *cache = trial->out[0].value;
    for (int64_t i = 0; i < trial->out[0].count; i++) cache[i] = trial->in[0].value[i];
    for (int64_t r = 0; r < trial->in[2].count; r++)
        for (int64_t i = 0; trial->in[2].value[r] >= 0 && i < row; i++)
            cache[(int64_t)trial->in[2].value[r] * row + i] = trial->in[1].value[r * row + i];
}

static void cache_write_run(Trial *trial, Tape *t)
{
    cache_write(t, trial->in[0].tensor, trial->in[1].tensor, trial->in[2].tensor);
    trial->out[0].tensor = trial->in[0].tensor;
}

#define CASE(label_, dtype_, ...)                                 \
    {                                                             \
        .label = label_, .dtype = dtype_, .size = { __VA_ARGS__ } \
    }
static const Case cases[] = {
    CASE("one of each", F32, 1, 1, 1, 1, 1, 1), CASE("odd", F32, 2, 3, 3, 5, 4, 3),
    CASE("8 heads", F32, 3, 9, 8, 16, 9, 4),    CASE("8 heads, f16", F16, 3, 9, 8, 16, 9, 4),
    CASE("long", F32, 2, 70, 2, 16, 15, 11), // x and cache are more than test_parts lets the device bind
};

const Op op_cache_write = {
    .name = "cache_write", .declare = cache_write_declare, .cpu = cache_write_cpu, .run = cache_write_run, CASES(cases)
};
