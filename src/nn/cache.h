// The key/value cache of a model: pages of every layer, and for each sequence the table of its pages (Kwon et al. 2023,
// §4.1). Which page belongs to whom is decided by src/generate/pages.h; here is the device's side.
#pragma once
#include "tensor/tensor.h"

typedef struct KvCache {
    int n_layers;
    int64_t page_size, n_pages;
    Tensor *keys, *values; // by layer: [pages, page_size, n_kv_heads, head_dim]
    Tensor pages;          // i32 [B, P]
    Tensor lengths;        // i32 [B]: keys that a sequence has, this pass's among them
} KvCache;

// Memory for `n_pages` pages, shared by at most `sequences` sequences of at most `max_pages` pages each.
bool kv_cache_open(KvCache *cache, Gpu *gpu, int n_layers, int64_t n_pages, int64_t page_size, int64_t n_kv_heads,
                   int64_t head_dim, int64_t sequences, int64_t max_pages, Error *err);
void kv_cache_close(KvCache *cache, Gpu *gpu);
