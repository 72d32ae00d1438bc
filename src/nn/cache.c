#include "nn/cache.h"
#include "base/memory.h"
#include <stdlib.h>

bool kv_cache_open(KvCache *cache, Gpu *gpu, int n_layers, int64_t n_pages, int64_t page_size, int64_t n_kv_heads,
                   int64_t head_dim, int64_t sequences, int64_t max_pages, Error *err)
{
    *cache = (KvCache){ .n_layers = n_layers, .page_size = page_size, .n_pages = n_pages };
    const GpuTraits *traits = gpu_traits(gpu);
    double bytes = 4 * (double)n_pages * (double)page_size * (double)(n_kv_heads * head_dim);
    double most = (double)(traits->max_binding_bytes - traits->alignment);
    if (bytes > most) // attention binds a layer's keys in one piece
        return error_set(
            err, "a cache of %lld tokens has %.0f MB a layer, and %s binds %.0f MB at once; ask for fewer tokens",
            (long long)(n_pages * page_size), bytes / 1e6, traits->name, most / 1e6);
    cache->keys = NEW_ARRAY(Tensor, n_layers);
    cache->values = NEW_ARRAY(Tensor, n_layers);
    Shape shape = SHAPE(n_pages, page_size, n_kv_heads, head_dim);
    bool ok = tensor_alloc(gpu, &cache->pages, I32, SHAPE(sequences, max_pages), err) &&
              tensor_alloc(gpu, &cache->lengths, I32, SHAPE(sequences), err);
    for (int i = 0; i < n_layers && ok; i++)
        ok = tensor_alloc(gpu, &cache->keys[i], F32, shape, err) &&
             tensor_alloc(gpu, &cache->values[i], F32, shape, err);
    if (!ok) kv_cache_close(cache, gpu);
    return ok;
}

void kv_cache_close(KvCache *cache, Gpu *gpu)
{
    for (int i = 0; i < cache->n_layers; i++) {
        tensor_free(gpu, &cache->keys[i]);
        tensor_free(gpu, &cache->values[i]);
    }
    tensor_free(gpu, &cache->pages);
    tensor_free(gpu, &cache->lengths);
    free(cache->keys);
    free(cache->values);
    *cache = (KvCache){ 0 };
}
