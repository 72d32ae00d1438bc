#include "gpu/descriptors.h"
#include <stdlib.h>
#include <string.h>

enum { POOL_SETS = 256, MANY_SETS = 1 << 15 };

struct SetEntry {
    const KernelLayout *layout; // NULL: free
    VkDescriptorSet set;
    Binding bindings[GPU_MAX_BINDINGS];
};

struct ViewEntry {
    VkBufferView view; // 0: free
    Binding binding;
};

static uint64_t hash_words(uint64_t hash, const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t word;
        memcpy(&word, (const char *)data + 8 * i, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

// The view's slot: the one that holds it or the free one where it belongs.
static struct ViewEntry *view_slot(DescriptorCache *cache, const Binding *binding)
{
    uint64_t at = hash_words(1, binding, sizeof *binding);
    for (;; at++) {
        struct ViewEntry *entry = &cache->views[at & (cache->view_capacity - 1)];
        if (!entry->view || !memcmp(&entry->binding, binding, sizeof *binding)) return entry;
    }
}

static void grow_views(DescriptorCache *cache)
{
    DescriptorCache old = *cache;
    cache->view_capacity = old.view_capacity ? 2 * old.view_capacity : 256;
    cache->views = NEW_ARRAY(struct ViewEntry, cache->view_capacity);
    for (uint32_t i = 0; i < old.view_capacity; i++)
        if (old.views[i].view) *view_slot(cache, &old.views[i].binding) = old.views[i];
    free(old.views);
}

static VkBufferView texel_view(Gpu *gpu, DescriptorCache *cache, const Binding *binding, Error *err)
{
    if (2 * cache->view_count >= cache->view_capacity) grow_views(cache);
    struct ViewEntry *entry = view_slot(cache, binding);
    if (entry->view) return entry->view;
    VkBufferViewCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                    .buffer = binding->buffer,
                                    .format = (VkFormat)binding->format,
                                    .offset = binding->offset,
                                    .range = binding->bytes };
    VkBufferView view = VK_NULL_HANDLE;
    VkResult result = vkCreateBufferView(gpu->device, &info, NULL, &view);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, "cannot make a texel view"), VK_NULL_HANDLE;
    *entry = (struct ViewEntry){ view, *binding };
    cache->view_count++;
    return view;
}

static VkDescriptorSet allocate_set(Gpu *gpu, DescriptorCache *cache, const KernelLayout *layout, Error *err)
{
    if (cache->pool_count == 0 || cache->used_in_pool == POOL_SETS) {
        VkDescriptorPoolSize sizes[] = { { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, POOL_SETS * GPU_MAX_BINDINGS },
                                         { VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, POOL_SETS * GPU_MAX_BINDINGS } };
        VkDescriptorPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                            .maxSets = POOL_SETS,
                                            .poolSizeCount = COUNT_OF(sizes),
                                            .pPoolSizes = sizes };
        GROW(cache->pools, cache->pool_count, cache->pool_capacity);
        VkResult result = vkCreateDescriptorPool(gpu->device, &info, NULL, &cache->pools[cache->pool_count]);
        if (result != VK_SUCCESS) return vk_fail(gpu, err, result, "cannot make a descriptor pool"), VK_NULL_HANDLE;
        cache->pool_count++;
        cache->used_in_pool = 0;
    }
    VkDescriptorSetAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                         .descriptorPool = cache->pools[cache->pool_count - 1],
                                         .descriptorSetCount = 1,
                                         .pSetLayouts = &layout->set_layout };
    VkDescriptorSet set = VK_NULL_HANDLE;
    VkResult result = vkAllocateDescriptorSets(gpu->device, &info, &set);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, "cannot make a descriptor set"), VK_NULL_HANDLE;
    cache->used_in_pool++;
    return set;
}

static bool fill_set(Gpu *gpu, DescriptorCache *cache, const KernelLayout *layout, const Binding *bindings,
                     VkDescriptorSet set, Error *err)
{
    VkDescriptorBufferInfo buffers[GPU_MAX_BINDINGS];
    VkBufferView views[GPU_MAX_BINDINGS];
    VkWriteDescriptorSet writes[GPU_MAX_BINDINGS];
    for (int i = 0; i < layout->bindings; i++) {
        const Binding *b = &bindings[i];
        buffers[i] = (VkDescriptorBufferInfo){ b->buffer, b->offset, b->bytes };
        if (b->format && !(views[i] = texel_view(gpu, cache, b, err))) return false;
        writes[i] = (VkWriteDescriptorSet){ .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                            .dstSet = set,
                                            .dstBinding = (uint32_t)i,
                                            .descriptorCount = 1,
                                            .descriptorType = layout->type[i],
                                            .pBufferInfo = b->format ? NULL : &buffers[i],
                                            .pTexelBufferView = b->format ? &views[i] : NULL };
    }
    vkUpdateDescriptorSets(gpu->device, (uint32_t)layout->bindings, writes, 0, NULL);
    return true;
}

static struct SetEntry *set_slot(DescriptorCache *cache, const KernelLayout *layout, const Binding *bindings)
{
    size_t bytes = (size_t)layout->bindings * sizeof *bindings;
    uint64_t at = hash_words((uintptr_t)layout, bindings, bytes);
    for (;; at++) {
        struct SetEntry *entry = &cache->sets[at & (cache->set_capacity - 1)];
        if (!entry->layout || (entry->layout == layout && !memcmp(entry->bindings, bindings, bytes))) return entry;
    }
}

static void grow_sets(DescriptorCache *cache)
{
    DescriptorCache old = *cache;
    cache->set_capacity = old.set_capacity ? 2 * old.set_capacity : 256;
    cache->sets = NEW_ARRAY(struct SetEntry, cache->set_capacity);
    for (uint32_t i = 0; i < old.set_capacity; i++)
        if (old.sets[i].layout) *set_slot(cache, old.sets[i].layout, old.sets[i].bindings) = old.sets[i];
    free(old.sets);
}

VkDescriptorSet descriptor_set(Gpu *gpu, DescriptorCache *cache, const KernelLayout *layout, const Binding *bindings,
                               Error *err)
{
    if (2 * cache->set_count >= cache->set_capacity) grow_sets(cache);
    struct SetEntry *entry = set_slot(cache, layout, bindings);
    if (entry->layout) return entry->set;
    VkDescriptorSet set = allocate_set(gpu, cache, layout, err);
    if (!set || !fill_set(gpu, cache, layout, bindings, set, err)) return VK_NULL_HANDLE;
    entry->layout = layout;
    entry->set = set;
    memcpy(entry->bindings, bindings, (size_t)layout->bindings * sizeof *bindings);
    cache->set_count++;
    return set;
}

bool descriptors_full(const DescriptorCache *cache) { return cache->set_count >= MANY_SETS; }

void descriptors_forget(Gpu *gpu, DescriptorCache *cache)
{
    for (int i = 0; i < cache->pool_count; i++) vkDestroyDescriptorPool(gpu->device, cache->pools[i], NULL);
    for (uint32_t i = 0; i < cache->view_capacity; i++) vkDestroyBufferView(gpu->device, cache->views[i].view, NULL);
    free(cache->pools);
    free(cache->sets);
    free(cache->views);
    *cache = (DescriptorCache){ 0 };
}
