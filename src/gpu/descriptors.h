// Descriptor sets and texel views, made once for each (layout, ranges) and found again by hash: a step's arena repeats
// its ranges, so a training step makes none. Forgotten all together when there are many and nothing runs.
#pragma once
#include "gpu/vk.h"

typedef struct Binding { // what one descriptor shows; without padding, for it is hashed and compared as bytes
    VkBuffer buffer;
    uint64_t block, offset, bytes; // the block's id
    uint64_t format;               // of a texel view; 0 for a storage buffer
} Binding;

typedef struct DescriptorCache {
    struct SetEntry *sets;
    struct ViewEntry *views;
    uint32_t set_count, set_capacity, view_count, view_capacity;
    VkDescriptorPool *pools;
    int pool_count, pool_capacity, used_in_pool;
} DescriptorCache;

// The set that shows `bindings` by the layout; VK_NULL_HANDLE with `err` set when the driver refuses.
VkDescriptorSet descriptor_set(Gpu *gpu, DescriptorCache *cache, const KernelLayout *layout, const Binding *bindings,
                               Error *err);
bool descriptors_full(const DescriptorCache *cache);       // worth forgetting when the device is idle
void descriptors_forget(Gpu *gpu, DescriptorCache *cache); // the device is idle
