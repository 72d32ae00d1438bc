#define VOLK_IMPLEMENTATION
#include "gpu/vk.h"
#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEVICES = 32, MAX_EXTENSIONS = 512 };

// Devices that have it must be opened with it. Its macro is in a header of extensions in beta.
#define PORTABILITY_SUBSET "VK_KHR_portability_subset"

static atomic_int validation_messages;

int gpu_validation_messages(void) { return validation_messages; }

const char *gpu_type_name(GpuType type)
{
    static const char *const names[] = { "other", "integrated", "discrete", "virtual", "software" };
    return names[type];
}

const char *vk_result_text(VkResult result)
{
    static const struct {
        VkResult result;
        const char *text;
    } table[] = {
        { VK_ERROR_OUT_OF_HOST_MEMORY, "out of host memory" },
        { VK_ERROR_OUT_OF_DEVICE_MEMORY, "out of device memory" },
        { VK_ERROR_INITIALIZATION_FAILED, "the driver failed to start" },
        { VK_ERROR_DEVICE_LOST, "the device was lost" },
        { VK_ERROR_MEMORY_MAP_FAILED, "the memory cannot be mapped" },
        { VK_ERROR_LAYER_NOT_PRESENT, "a layer is missing" },
        { VK_ERROR_EXTENSION_NOT_PRESENT, "an extension is missing" },
        { VK_ERROR_FEATURE_NOT_PRESENT, "a feature is missing" },
        { VK_ERROR_INCOMPATIBLE_DRIVER, "no driver is installed" },
        { VK_ERROR_TOO_MANY_OBJECTS, "too many allocations" },
        { VK_ERROR_FRAGMENTATION, "its pools are fragmented" },
    };
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].result == result) return table[i].text;
    static _Thread_local char other[32];
    snprintf(other, sizeof other, "Vulkan error %d", (int)result);
    return other;
}

bool vk_fail(const Gpu *gpu, Error *err, VkResult result, const char *what)
{
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
        return error_set(err, "%s: %s: %s; %.1f MB of its %.1f MB are in use by lectern", gpu->traits.name, what,
                         vk_result_text(result), (double)gpu->allocated / 1e6, (double)gpu->traits.memory_bytes / 1e6);
    return error_set(err, "%s: %s: %s", gpu->traits.name, what, vk_result_text(result));
}

// ---- Instance --------------------------------------------------------------------------------------------------

void validation_note(const char *message)
{
    validation_messages++;
    fprintf(stderr, "lectern: validation: %s\n", message);
}

static VkBool32 VKAPI_CALL validation_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                              VkDebugUtilsMessageTypeFlagsEXT types,
                                              const VkDebugUtilsMessengerCallbackDataEXT *data, void *context)
{
    (void)severity, (void)types, (void)context;
    validation_note(data->pMessage);
    return VK_FALSE;
}

static bool has_name(const VkExtensionProperties *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(list[i].extensionName, name)) return true;
    return false;
}

static bool has_validation_layer(void)
{
    VkLayerProperties layers[64];
    uint32_t count = COUNT_OF(layers);
    vkEnumerateInstanceLayerProperties(&count, layers);
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(layers[i].layerName, "VK_LAYER_KHRONOS_validation")) return true;
    return false;
}

// False with what is missing of loader and layers.
static bool can_start(bool validate, Error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    VkResult loaded = volkInitialize();
    pthread_mutex_unlock(&lock);
    if (loaded != VK_SUCCESS)
        return error_set(err, "no Vulkan loader (libvulkan.so.1) on this machine: install it (Debian: apt install "
                              "libvulkan1 mesa-vulkan-drivers)");
    if (volkGetInstanceVersion() < VK_API_VERSION_1_2)
        return error_set(err, "the Vulkan loader is older than 1.2: install a newer libvulkan1");
    if (validate && !has_validation_layer())
        return error_set(err, "the validation layer is not installed (Debian: apt install vulkan-validationlayers)");
    return true;
}

static const VkDebugUtilsMessengerCreateInfoEXT messages = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
    .pfnUserCallback = validation_message,
};

static VkInstance instance_open(bool validate, VkDebugUtilsMessengerEXT *messenger, Error *err)
{
    if (!can_start(validate, err)) return NULL;
    VkExtensionProperties available[64];
    uint32_t available_count = COUNT_OF(available), count = 0;
    vkEnumerateInstanceExtensionProperties(NULL, &available_count, available);
    const char *extensions[4], *layer = "VK_LAYER_KHRONOS_validation";
    bool portability = has_name(available, available_count, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
    if (portability) extensions[count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
    if (validate) extensions[count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;

    VkValidationFeatureEnableEXT enable = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT features = { .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                         .pNext = &messages,
                                         .enabledValidationFeatureCount = 1,
                                         .pEnabledValidationFeatures = &enable };
    VkApplicationInfo application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                      .pApplicationName = "lectern",
                                      .apiVersion = VK_API_VERSION_1_2 };
    VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                  .pNext = validate ? &features : NULL,
                                  .flags = portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
                                  .pApplicationInfo = &application,
                                  .enabledLayerCount = validate ? 1 : 0,
                                  .ppEnabledLayerNames = &layer,
                                  .enabledExtensionCount = count,
                                  .ppEnabledExtensionNames = extensions };
    VkInstance instance = NULL;
    VkResult result = vkCreateInstance(&info, NULL, &instance);
    if (result != VK_SUCCESS) {
        error_set(err, "Vulkan does not start: %s (Debian: apt install mesa-vulkan-drivers)", vk_result_text(result));
        return NULL;
    }
    volkLoadInstance(instance);
    if (validate) vkCreateDebugUtilsMessengerEXT(instance, &messages, NULL, messenger);
    return instance;
}

// ---- Physical devices ------------------------------------------------------------------------------------------

typedef struct Physical {
    VkPhysicalDevice handle;
    GpuTraits traits;
    uint32_t queue_family, timestamp_bits;
    bool has_subgroup_control, has_memory_budget, has_executable_properties, has_portability_subset;
    bool has_integer_dot;
    bool can_require_subgroup;
    char lacks[128]; // why it cannot be used, "" if it can
} Physical;

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void describe_memory(Physical *p)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
    };
    VkPhysicalDeviceMemoryProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                              .pNext = p->has_memory_budget ? &budget : NULL };
    vkGetPhysicalDeviceMemoryProperties2(p->handle, &all);
    const VkPhysicalDeviceMemoryProperties *memory = &all.memoryProperties;
    uint32_t local_heaps = 0, written_heaps = 0, unified_heaps = 0;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
        if (!(flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT)) continue;
        uint32_t heap = 1u << memory->memoryTypes[i].heapIndex;
        local_heaps |= heap;
        if ((flags & HOST_WRITES) == HOST_WRITES) written_heaps |= heap;
        if ((flags & UNIFIED) == UNIFIED) unified_heaps |= heap;
    }
    p->traits.memory_bytes = memory_within(memory, &budget);
    p->traits.host_writes = local_heaps && local_heaps == written_heaps;
    p->traits.unified = local_heaps && local_heaps == unified_heaps;
}

static void describe_queue(Physical *p)
{
    VkQueueFamilyProperties families[16];
    uint32_t count = COUNT_OF(families);
    vkGetPhysicalDeviceQueueFamilyProperties(p->handle, &count, families);
    for (uint32_t i = 0; i < count; i++)
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            p->queue_family = i;
            p->timestamp_bits = families[i].timestampValidBits;
            if (!p->timestamp_bits) p->traits.timestamp_ns = 0;
            return;
        }
    snprintf(p->lacks, sizeof p->lacks, "it has no compute queue");
}

static void describe_extensions(Physical *p)
{
    VkExtensionProperties *extensions = NEW_ARRAY(VkExtensionProperties, MAX_EXTENSIONS);
    uint32_t count = MAX_EXTENSIONS;
    vkEnumerateDeviceExtensionProperties(p->handle, NULL, &count, extensions);
    p->has_subgroup_control = has_name(extensions, count, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    p->has_memory_budget = has_name(extensions, count, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    p->has_executable_properties = has_name(extensions, count, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
    p->has_integer_dot = has_name(extensions, count, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
    p->has_portability_subset = has_name(extensions, count, PORTABILITY_SUBSET);
    free(extensions);
}

static void describe_limits(GpuTraits *t, const VkPhysicalDeviceLimits *limits)
{
    t->max_workgroup_invocations = limits->maxComputeWorkGroupInvocations;
    memcpy(t->max_workgroup_count, limits->maxComputeWorkGroupCount, sizeof t->max_workgroup_count);
    t->shared_bytes = limits->maxComputeSharedMemorySize;
    t->alignment =
        (uint32_t)larger(64, larger(limits->minStorageBufferOffsetAlignment, limits->minTexelBufferOffsetAlignment));
    t->max_binding_bytes = limits->maxStorageBufferRange & ~3u;
    t->max_texel_elements = limits->maxTexelBufferElements;
    t->timestamp_ns = limits->timestampComputeAndGraphics ? (double)limits->timestampPeriod : 0;
}

static void describe_properties(Physical *p)
{
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT
    };
    VkPhysicalDeviceShaderIntegerDotProductPropertiesKHR dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES_KHR
    };
    VkPhysicalDeviceMaintenance3Properties maintenance = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES
    };
    void **next = &maintenance.pNext;
    if (p->has_subgroup_control) *next = &control, next = &control.pNext;
    if (p->has_integer_dot) *next = &dot, next = &dot.pNext;
    VkPhysicalDeviceSubgroupProperties subgroup = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                                    .pNext = &maintenance };
    VkPhysicalDeviceDriverProperties driver = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                                .pNext = &subgroup };
    VkPhysicalDeviceIDProperties id = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES, .pNext = &driver };
    VkPhysicalDeviceProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &id };
    vkGetPhysicalDeviceProperties2(p->handle, &all);

    static const GpuType types[] = { GPU_OTHER, GPU_INTEGRATED, GPU_DISCRETE, GPU_VIRTUAL, GPU_CPU };
    GpuTraits *t = &p->traits;
    const VkPhysicalDeviceProperties *device = &all.properties;
    t->type = (size_t)device->deviceType < COUNT_OF(types) ? types[device->deviceType] : GPU_OTHER;
    snprintf(t->name, sizeof t->name, "%s", device->deviceName);
    snprintf(t->driver, sizeof t->driver, "%s%s%s", driver.driverName, *driver.driverInfo ? ", " : "",
             driver.driverInfo);
    t->vendor_id = device->vendorID;
    t->device_id = device->deviceID;
    t->driver_version = device->driverVersion;
    t->api_version = device->apiVersion;
    memcpy(t->driver_uuid, id.driverUUID, sizeof t->driver_uuid);
    t->texel_loads_fast = driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE;
    t->max_loop_steps = driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE ? 65535 : 0; // its LP_MAX_TGSI_LOOP_ITERATIONS

    bool in_compute = subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
    t->subgroup_size = subgroup.subgroupSize;
    t->subgroup_shuffle = in_compute && subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    t->subgroup_arithmetic = in_compute && subgroup.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
    p->can_require_subgroup = control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    t->min_subgroup_size = control.minSubgroupSize;
    t->max_subgroup_size = control.maxSubgroupSize;

    t->integer_dot = dot.integerDotProduct4x8BitPackedSignedAccelerated;
    describe_limits(t, &device->limits);
    t->max_allocation_bytes = smaller(maintenance.maxMemoryAllocationSize, 1ull << 40);
    if (device->limits.maxPerStageDescriptorStorageBuffers < STORAGE_BUFFERS)
        snprintf(p->lacks, sizeof p->lacks, "its kernels bind %u storage buffers; ours need %d",
                 device->limits.maxPerStageDescriptorStorageBuffers, STORAGE_BUFFERS);
}

static void describe_features(Physical *p)
{
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT
    };
    VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR
    };
    VkPhysicalDeviceVulkan12Features v12 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES };
    VkPhysicalDeviceVulkan11Features v11 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                             .pNext = &v12 };
    void **next = &v12.pNext;
    if (p->has_subgroup_control) *next = &control, next = &control.pNext;
    if (p->has_integer_dot) *next = &dot, next = &dot.pNext;
    VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v11 };
    vkGetPhysicalDeviceFeatures2(p->handle, &features);
    GpuTraits *t = &p->traits;
    p->has_subgroup_control = control.subgroupSizeControl && control.computeFullSubgroups;
    bool one_size = t->min_subgroup_size == t->max_subgroup_size; // as Mesa says of Polaris and Vega: 64
    if (!p->has_subgroup_control || !(p->can_require_subgroup || one_size))
        t->min_subgroup_size = t->max_subgroup_size = 0;
    t->f16_storage = v11.storageBuffer16BitAccess;
    t->f16_arithmetic = v12.shaderFloat16;
    t->int8_storage = v12.storageBuffer8BitAccess;
    t->int8_arithmetic = v12.shaderInt8;
    t->integer_dot = t->integer_dot && dot.shaderIntegerDotProduct;
    if (!v12.timelineSemaphore) snprintf(p->lacks, sizeof p->lacks, "it has no timeline semaphores");
}

static void describe(Physical *p)
{
    describe_extensions(p);
    describe_properties(p);
    describe_memory(p);
    describe_queue(p);
    if (p->traits.api_version >= VK_API_VERSION_1_2)
        describe_features(p);
    else
        snprintf(p->lacks, sizeof p->lacks, "its driver is older than Vulkan 1.2");
}

// Best type first; the driver's order within a type.
static int rank(GpuType type)
{
    static const int ranks[] = {
        [GPU_DISCRETE] = 0, [GPU_INTEGRATED] = 1, [GPU_VIRTUAL] = 2, [GPU_OTHER] = 3, [GPU_CPU] = 4
    };
    return ranks[type];
}

static int physical_list(VkInstance instance, Physical *list, Error *err)
{
    VkPhysicalDevice handles[MAX_DEVICES];
    uint32_t count = MAX_DEVICES;
    VkResult result = vkEnumeratePhysicalDevices(instance, &count, handles);
    if ((result != VK_SUCCESS && result != VK_INCOMPLETE) || count == 0) {
        error_set(err, "no Vulkan device: install a driver (Debian: apt install mesa-vulkan-drivers, which also brings "
                       "one in software)");
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        Physical physical = { .handle = handles[i] };
        describe(&physical);
        uint32_t at = i;
        for (; at > 0 && rank(list[at - 1].traits.type) > rank(physical.traits.type); at--) list[at] = list[at - 1];
        list[at] = physical;
    }
    return (int)count;
}

int gpu_list(GpuTraits *traits, int max, Error *err)
{
    VkInstance instance = instance_open(false, NULL, err);
    if (!instance) return -1;
    Physical *list = NEW_ARRAY(Physical, MAX_DEVICES);
    int count = physical_list(instance, list, err);
    for (int i = 0; i < count && i < max; i++) traits[i] = list[i].traits;
    free(list);
    vkDestroyInstance(instance, NULL);
    return count;
}

static bool name_contains(const char *name, const char *part)
{
    size_t length = strlen(part);
    for (; *name; name++)
        if (!strncasecmp(name, part, length)) return true;
    return length == 0;
}

// The device that `wish` names: an index, a part of a name, or the first that fits.
static const Physical *choose(const Physical *list, int count, const char *wish, Error *err)
{
    if (wish && *wish && strspn(wish, "0123456789") == strlen(wish)) {
        long index = strtol(wish, NULL, 10);
        if (index < count) {
            if (!list[index].lacks[0]) return &list[index];
            error_set(err, "device %ld (%s) cannot be used: %s", index, list[index].traits.name, list[index].lacks);
            return NULL;
        }
        error_set(err, "there is no device %s: the last one is %d (see `lectern devices`)", wish, count - 1);
        return NULL;
    }
    for (int i = 0; i < count; i++)
        if (!list[i].lacks[0] && (!wish || name_contains(list[i].traits.name, wish))) return &list[i];
    if (wish)
        error_set(err, "no device that can be used has \"%s\" in its name (see `lectern devices`)", wish);
    else
        error_set(err, "no device fits: %s: %s", list[0].traits.name, list[0].lacks);
    return NULL;
}

// ---- Opening ---------------------------------------------------------------------------------------------------

// Kernels may use whatever the traits say.
static bool device_create(Gpu *gpu, Error *err)
{
    const GpuTraits *t = &gpu->traits;
    const char *extensions[8];
    uint32_t count = 0;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
        .subgroupSizeControl = true,
        .computeFullSubgroups = true
    };
    VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR,
        .shaderIntegerDotProduct = true
    };
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pipelineExecutableInfo = true
    };
    VkPhysicalDeviceVulkan12Features v12 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                             .timelineSemaphore = true,
                                             .shaderFloat16 = t->f16_arithmetic,
                                             .shaderInt8 = t->int8_arithmetic,
                                             .storageBuffer8BitAccess = t->int8_storage };
    VkPhysicalDeviceVulkan11Features v11 = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                             .pNext = &v12,
                                             .storageBuffer16BitAccess = t->f16_storage };
    void **next = &v12.pNext;
    if (gpu->has_subgroup_control) {
        extensions[count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
        *next = &control, next = &control.pNext;
    }
    if (gpu->has_executable_properties) {
        extensions[count++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
        *next = &executables, next = &executables.pNext;
    }
    if (t->integer_dot) {
        extensions[count++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
        *next = &dot, next = &dot.pNext;
    }
    if (gpu->has_portability_subset) extensions[count++] = PORTABILITY_SUBSET;

    float priority = 1;
    VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                      .queueFamilyIndex = gpu->queue_family,
                                      .queueCount = 1,
                                      .pQueuePriorities = &priority };
    VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                .pNext = &v11,
                                .queueCreateInfoCount = 1,
                                .pQueueCreateInfos = &queue,
                                .enabledExtensionCount = count,
                                .ppEnabledExtensionNames = extensions };
    VkResult result = vkCreateDevice(gpu->physical, &info, NULL, &gpu->device);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, "cannot open the device");
    vkGetDeviceQueue(gpu->device, gpu->queue_family, 0, &gpu->queue);
    return true;
}

static void lower_limits(Gpu *gpu)
{
    GpuTraits *t = &gpu->traits;
    const GpuOptions *o = &gpu->options;
    if (o->max_binding_bytes) t->max_binding_bytes = smaller(t->max_binding_bytes, o->max_binding_bytes);
    if (o->max_allocation_bytes) t->max_allocation_bytes = smaller(t->max_allocation_bytes, o->max_allocation_bytes);
    if (o->no_texel) t->texel_loads_fast = false;
    if (o->no_host_access) t->unified = t->host_writes = false;
}

static bool environment_flag(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

Gpu *gpu_open(const GpuOptions *options, Error *err)
{
    Gpu *gpu = NEW(Gpu);
    if (options) gpu->options = *options;
    pthread_mutex_init(&gpu->queue_lock, NULL);
    pthread_mutex_init(&gpu->memory_lock, NULL);
    pthread_mutex_init(&gpu->kernel_lock, NULL);
    if (environment_flag("LECTERN_VALIDATE")) gpu->options.validate = true;
    if (gpu->options.submit_seconds <= 0) gpu->options.submit_seconds = 0.05;
    const char *wish = gpu->options.device ? gpu->options.device : getenv("LECTERN_DEVICE");

    Physical *list = NEW_ARRAY(Physical, MAX_DEVICES);
    gpu->instance = instance_open(gpu->options.validate, &gpu->messenger, err);
    int count = gpu->instance ? physical_list(gpu->instance, list, err) : -1;
    const Physical *chosen = count > 0 ? choose(list, count, wish, err) : NULL;
    if (chosen) {
        gpu->physical = chosen->handle;
        gpu->traits = chosen->traits;
        gpu->queue_family = chosen->queue_family;
        gpu->timestamp_mask = chosen->timestamp_bits < 64 ? (1ull << chosen->timestamp_bits) - 1 : UINT64_MAX;
        gpu->has_subgroup_control = chosen->has_subgroup_control;
        gpu->can_require_subgroup = chosen->can_require_subgroup;
        gpu->has_portability_subset = chosen->has_portability_subset;
        gpu->has_executable_properties = chosen->has_executable_properties && gpu->options.statistics;
        vkGetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
        lower_limits(gpu);
    }
    free(list);
    if (chosen && device_create(gpu, err) && kernels_open(gpu, err)) return gpu;
    gpu_close(gpu);
    return NULL;
}

void gpu_close(Gpu *gpu)
{
    if (!gpu) return;
    if (gpu->device) {
        if (gpu->blocks) vkDeviceWaitIdle(gpu->device); // a device that only compiles cannot wait
        kernels_close(gpu);
        memory_close(gpu);
        vkDestroyDevice(gpu->device, NULL);
    }
    if (gpu->messenger) vkDestroyDebugUtilsMessengerEXT(gpu->instance, gpu->messenger, NULL);
    if (gpu->instance) vkDestroyInstance(gpu->instance, NULL);
    pthread_mutex_destroy(&gpu->queue_lock);
    pthread_mutex_destroy(&gpu->memory_lock);
    pthread_mutex_destroy(&gpu->kernel_lock);
    free(gpu);
}

const GpuTraits *gpu_traits(const Gpu *gpu) { return &gpu->traits; }
const GpuOptions *gpu_options(const Gpu *gpu) { return &gpu->options; }
