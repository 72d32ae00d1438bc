// What the files of src/gpu share. Nobody outside this folder and its tests includes it.
#pragma once
#include "base/memory.h"
#include "gpu/gpu.h"
#include <pthread.h>
#include <volk.h>

// The most storage buffers that a shader of ours binds; Vulkan itself promises 4.
enum { STORAGE_BUFFERS = 15 };

enum { KERNEL_BUCKETS = 256 };

struct Gpu {
    GpuOptions options;
    GpuTraits traits;
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice physical;
    VkDevice device;
    VkPhysicalDeviceMemoryProperties memory;
    uint32_t queue_family;
    uint64_t timestamp_mask; // of the bits that count
    VkQueue queue;
    pthread_mutex_t queue_lock; // one submission at a time
    bool has_subgroup_control, has_executable_properties, has_portability_subset;
    bool can_require_subgroup;

    pthread_mutex_t memory_lock;
    GpuBlock *blocks; // newest first
    int busy_streams; // that have recorded something and have not yet waited for it
    _Atomic uint64_t allocated;

    pthread_mutex_t kernel_lock;
    Kernel *kernels[KERNEL_BUCKETS]; // by the hash of their spec
    struct KernelLayout *layouts;
    VkPipelineCache pipeline_cache;
    size_t pipeline_cache_bytes; // as loaded, to know whether it grew
};

// A VkBuffer with memory of its own, handed out in pieces.
struct GpuBlock {
    GpuBlock *next;
    uint64_t id; // no two in a process have the same; a driver gives the handle of a freed buffer to another
    VkBuffer buffer;
    VkDeviceMemory memory;
    uint64_t bytes;
    char *mapped; // NULL where the host cannot reach it
    struct FreeRange {
        uint64_t offset, bytes;
    } * free; // sorted by offset, never adjacent
    int free_count, free_capacity;
};

// What the SPIR-V says.
typedef struct Reflection {
    int bindings;
    VkDescriptorType type[GPU_MAX_BINDINGS];
    VkFormat texel_format[GPU_MAX_BINDINGS];
    bool reads[GPU_MAX_BINDINGS], writes[GPU_MAX_BINDINGS];
    uint32_t push_bytes;
    uint32_t local_size[3]; // with the constants of the spec
} Reflection;

// Shared by all kernels whose bindings have the same types, so that their descriptor sets are interchangeable.
typedef struct KernelLayout {
    struct KernelLayout *next;
    int bindings;
    VkDescriptorType type[GPU_MAX_BINDINGS];
    uint32_t push_bytes;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
} KernelLayout;

struct Kernel {
    Kernel *next; // in its bucket
    Gpu *gpu;
    KernelSpec spec;
    const Shader *shader;
    Reflection reflection;
    KernelLayout *layout;
    char name[96];
    _Atomic(VkPipeline) pipeline; // 0 until first used; whoever sees it sees the layout too
};

const char *vk_result_text(VkResult result);

// Fails a stream or a call with "what: the result" and the memory that was in use, when it is out of memory.
bool vk_fail(const Gpu *gpu, Error *err, VkResult result, const char *what);

void validation_note(const char *message); // prints and counts it

// memory.c
enum {
    HOST_COHERENT = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    HOST_WRITES = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | HOST_COHERENT,
    UNIFIED = HOST_WRITES | VK_MEMORY_PROPERTY_HOST_CACHED_BIT
};
typedef enum BlockUse { BLOCK_TENSORS, BLOCK_STAGING } BlockUse;
// Bytes of the device's own heaps, no more than the budget of each; `budget` is all 0 where the driver tells none.
uint64_t memory_within(const VkPhysicalDeviceMemoryProperties *memory,
                       const VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget);
void memory_close(Gpu *gpu);
void memory_busy(Gpu *gpu, int streams); // so many more are busy, or fewer
bool block_create(Gpu *gpu, uint64_t bytes, BlockUse use, GpuBlock *block, Error *err);
void block_destroy(Gpu *gpu, GpuBlock *block);
uint32_t guard_word(Span span); // what its guard is filled with

// spirv.c: false with `err` if the module is not one that our shaders can be. `constants` replace defaults where not 0.
bool spirv_reflect(const uint32_t *code, size_t words, const uint32_t constants[GPU_MAX_CONSTANTS], Reflection *out,
                   Error *err);

// kernel.c
bool kernels_open(Gpu *gpu, Error *err);
void kernels_close(Gpu *gpu);
