// Cache write        cache[slots[b,t]] = x[b,t],   a slot being page · page_size + place
//   x [B,T,G,D], slots [B,T] i32, cache [pages, page_size, G, D] f32 or f16. A slot outside the cache is padding, whose
//   row is written nowhere; no two rows may have the same slot.                     Kwon et al. 2023, §4.1 (pages)
#include "ops/op.h"
#include "ops/ops.h"

typedef struct CacheArgs {
    uint32_t items, words, slots;
} CacheArgs;

void cache_write(Tape *t, Tensor *cache, Tensor *x, Tensor *slots)
{
    op_check(cache->shape.rank == 4 && x->shape.rank == 4 && dim(cache, 2) == dim(x, 2) && dim(cache, 3) == dim(x, 3),
             "cache_write: the cache is %s but x is %s", tensor_text(cache), tensor_text(x));
    op_check(x->dtype == F32 && (cache->dtype == F32 || cache->dtype == F16),
             "cache_write: the cache is %s and x is %s; f32 or f16 and f32", tensor_text(cache), tensor_text(x));
    op_check(slots->dtype == I32 && slots->shape.rank == 2 && dim(slots, 0) == dim(x, 0) && dim(slots, 1) == dim(x, 1),
             "cache_write: slots is %s but x is %s", tensor_text(slots), tensor_text(x));
    bool half = cache->dtype == F16;
    int64_t items = count(x) / (half ? 2 : 1), words = dim(x, 2) * dim(x, 3) / (half ? 2 : 1);
    const char *shader = half ? "cache_write.f16" : "cache_write";
    gpu_dispatch(t->stream, KERNEL(stream_gpu(t->stream), shader),
                 ITEMS(items, .bytes = (double)(tensor_bytes(x) + 4 * items)), SPANS(x->span, slots->span, cache->span),
                 ARGS(CacheArgs, (uint32_t)items, (uint32_t)words, (uint32_t)(dim(cache, 0) * dim(cache, 1))));
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
    CASE("one of each", F32, 1, 1, 1, 1, 1, 1),
    CASE("odd", F32, 2, 3, 3, 5, 4, 3),
    CASE("8 heads", F32, 3, 9, 8, 16, 9, 4),
    CASE("8 heads, f16", F16, 3, 9, 8, 16, 9, 4),
};

const Op op_cache_write = {
    .name = "cache_write", .declare = cache_write_declare, .cpu = cache_write_cpu, .run = cache_write_run, CASES(cases)
};
