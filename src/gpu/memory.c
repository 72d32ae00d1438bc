#include "gpu/vk.h"
#include <stdlib.h>
#include <string.h>

// Blocks of 64 MiB, or of one tensor that is larger; a piece starts at the device's alignment. First fit, merging on
// free: the engine allocates weights once and steps from arenas, so the lists stay short. A block that was made for one
// tensor goes back to the device with it.
enum { BLOCK_BYTES = 64 << 20 };

// The first of the permitted memory types that has all of `wanted`.
static bool find_type(const Gpu *gpu, uint32_t permitted, VkMemoryPropertyFlags wanted, uint32_t *type)
{
    for (*type = 0; *type < gpu->memory.memoryTypeCount; ++*type)
        if (permitted & 1u << *type && (gpu->memory.memoryTypes[*type].propertyFlags & wanted) == wanted) return true;
    return false;
}

// Tensors live in the device's own memory; what the host reads is best cached. All that is mapped is coherent.
static bool choose_type(const Gpu *gpu, BlockUse use, uint32_t permitted, uint32_t *type)
{
    if (use == BLOCK_STAGING)
        return find_type(gpu, permitted, HOST_COHERENT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, type) ||
               find_type(gpu, permitted, HOST_COHERENT, type);
    return find_type(gpu, permitted,
                     gpu->traits.unified       ? UNIFIED
                     : gpu->traits.host_writes ? HOST_WRITES
                                               : VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                     type);
}

uint64_t memory_within(const VkPhysicalDeviceMemoryProperties *memory,
                       const VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++) {
        uint64_t size = memory->memoryHeaps[i].size, most = budget->heapBudget[i];
        if (memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) bytes += most && most < size ? most : size;
    }
    return bytes;
}

bool block_create(Gpu *gpu, uint64_t bytes, BlockUse use, GpuBlock *block, Error *err)
{
    static _Atomic uint64_t blocks_made;
    *block = (GpuBlock){ .id = ++blocks_made, .bytes = bytes };
    VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                .size = bytes,
                                .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                                         VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT };
    VkResult result = vkCreateBuffer(gpu->device, &info, NULL, &block->buffer);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, "cannot make a buffer");
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(gpu->device, block->buffer, &needs);
    uint32_t type;
    if (!choose_type(gpu, use, needs.memoryTypeBits, &type)) { // Mesa's AMD driver without its hardware: only compiles
        block_destroy(gpu, block);
        return error_set(err, "%s: it has no memory for %s", gpu->traits.name,
                         use == BLOCK_STAGING ? "transfers to and from the host" : "buffers of kernels");
    }
    VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                      .allocationSize = needs.size,
                                      .memoryTypeIndex = type };
    result = vkAllocateMemory(gpu->device, &allocate, NULL, &block->memory);
    if (result == VK_SUCCESS) result = vkBindBufferMemory(gpu->device, block->buffer, block->memory, 0);
    if (result == VK_SUCCESS && (use == BLOCK_STAGING || gpu->traits.host_writes))
        result = vkMapMemory(gpu->device, block->memory, 0, VK_WHOLE_SIZE, 0, (void **)&block->mapped);
    if (result == VK_SUCCESS) return true;
    block_destroy(gpu, block);
    return vk_fail(gpu, err, result, "cannot allocate memory");
}

void block_destroy(Gpu *gpu, GpuBlock *block)
{
    vkDestroyBuffer(gpu->device, block->buffer, NULL);
    vkFreeMemory(gpu->device, block->memory, NULL);
    free(block->free);
    *block = (GpuBlock){ 0 };
}

void memory_close(Gpu *gpu)
{
    while (gpu->blocks) {
        GpuBlock *next = gpu->blocks->next;
        block_destroy(gpu, gpu->blocks);
        free(gpu->blocks);
        gpu->blocks = next;
    }
}

static uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

static bool take_from(GpuBlock *block, uint64_t bytes, Span *span)
{
    for (int i = 0; i < block->free_count; i++) {
        struct FreeRange *range = &block->free[i];
        if (range->bytes < bytes) continue;
        *span = (Span){ block, range->offset, bytes };
        range->offset += bytes;
        range->bytes -= bytes;
        if (!range->bytes) memmove(range, range + 1, (size_t)(--block->free_count - i) * sizeof *range);
        return true;
    }
    return false;
}

static void merge_with_next(GpuBlock *block, int i)
{
    struct FreeRange *range = &block->free[i];
    if (range->offset + range->bytes != range[1].offset) return;
    range->bytes += range[1].bytes;
    memmove(range + 1, range + 2, (size_t)(--block->free_count - i - 1) * sizeof *range);
}

static void give_back(GpuBlock *block, uint64_t offset, uint64_t bytes)
{
    int i = 0;
    while (i < block->free_count && block->free[i].offset < offset) i++;
    GROW(block->free, block->free_count, block->free_capacity);
    memmove(&block->free[i + 1], &block->free[i], (size_t)(block->free_count++ - i) * sizeof *block->free);
    block->free[i] = (struct FreeRange){ offset, bytes };
    if (i + 1 < block->free_count) merge_with_next(block, i);
    if (i > 0) merge_with_next(block, i - 1);
}

static bool find_space(Gpu *gpu, uint64_t bytes, Span *span, Error *err)
{
    for (GpuBlock *block = gpu->blocks; block; block = block->next)
        if (take_from(block, bytes, span)) return true;
    uint64_t limit = gpu->traits.max_allocation_bytes, size = BLOCK_BYTES < limit ? BLOCK_BYTES : limit;
    GpuBlock *block = NEW(GpuBlock);
    Error cause = { "" };
    bool ok = block_create(gpu, bytes > size ? bytes : size, BLOCK_TENSORS, block, &cause);
    if (!ok && bytes < size)
        ok = block_create(gpu, bytes, BLOCK_TENSORS, block, err);
    else if (!ok)
        error_set(err, "%s", cause.message);
    if (!ok) return free(block), false;
    block->next = gpu->blocks;
    gpu->blocks = block;
    give_back(block, 0, block->bytes);
    return take_from(block, bytes, span);
}

uint64_t gpu_guard_bytes(const Gpu *gpu)
{
    enum { BYTES = 256 };
    return gpu->options.poison && gpu->traits.unified ? BYTES : 0;
}

// A signalling NaN, another one at each place: arithmetic with it gives a quiet one, and a copy is not its own.
uint32_t guard_word(Span span) { return 0x7f800001u + (uint32_t)(span.offset / 64 & 0x1fffff); }

static uint32_t *guard_of(Span span)
{
    return span.guard && span.block->mapped ? (uint32_t *)(void *)(span.block->mapped + span.offset + span.bytes)
                                            : NULL;
}

bool gpu_guard_holds(Span span)
{
    const uint32_t *guard = guard_of(span);
    for (uint64_t i = 0; guard && i < span.guard / 4; i++)
        if (guard[i] != guard_word(span)) return false;
    return true;
}

// With the guard and the padding.
static uint64_t taken_for(const Gpu *gpu, uint64_t bytes)
{
    return round_up(round_up(bytes ? bytes : 4, 4) + gpu_guard_bytes(gpu), gpu->traits.alignment);
}

// Large blocks of which nothing is handed out go back to the device, once no stream can have recorded a use of them.
static void give_back_blocks(Gpu *gpu)
{
    GpuBlock **link = &gpu->blocks, *block;
    while (!gpu->busy_streams && (block = *link)) {
        if (block->bytes > BLOCK_BYTES && block->free_count == 1 && block->free->bytes == block->bytes) {
            *link = block->next;
            block_destroy(gpu, block);
            free(block);
        } else
            link = &block->next;
    }
}

void memory_busy(Gpu *gpu, int streams)
{
    pthread_mutex_lock(&gpu->memory_lock);
    gpu->busy_streams += streams;
    give_back_blocks(gpu);
    pthread_mutex_unlock(&gpu->memory_lock);
}

bool gpu_alloc(Gpu *gpu, uint64_t bytes, Span *span, Error *err)
{
    *span = (Span){ 0 };
    if (bytes > gpu->traits.max_allocation_bytes)
        return error_set(err, "%s: %.1f MB were asked for in one piece; the device gives at most %.1f MB",
                         gpu->traits.name, (double)bytes / 1e6, (double)gpu->traits.max_allocation_bytes / 1e6);
    uint64_t taken = taken_for(gpu, bytes);
    pthread_mutex_lock(&gpu->memory_lock);
    bool ok = find_space(gpu, taken, span, err);
    if (ok) gpu->allocated += taken;
    pthread_mutex_unlock(&gpu->memory_lock);
    if (!ok) return error_prefix(err, "%.1f MB were asked for", (double)bytes / 1e6);
    if (gpu->options.poison && span->block->mapped) memset(span->block->mapped + span->offset, 0xff, taken);
    span->bytes = round_up(bytes, 4);
    span->guard = gpu_guard_bytes(gpu);
    uint32_t *guard = guard_of(*span);
    for (uint64_t i = 0; guard && i < span->guard / 4; i++) guard[i] = guard_word(*span);
    return true;
}

void gpu_free(Gpu *gpu, Span span)
{
    if (!span.block) return;
    if (!gpu_guard_holds(span)) validation_note("gpu_free: a kernel wrote behind the span");
    uint64_t taken = taken_for(gpu, span.bytes);
    pthread_mutex_lock(&gpu->memory_lock);
    give_back(span.block, span.offset, taken);
    give_back_blocks(gpu);
    gpu->allocated -= taken;
    pthread_mutex_unlock(&gpu->memory_lock);
}

uint64_t gpu_allocated(const Gpu *gpu) { return gpu->allocated; }
