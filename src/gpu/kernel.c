#include "base/file.h"
#include "gpu/vk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Shader *shader_find(const char *name)
{
    int low = 0, high = shaders_count;
    while (low < high) {
        int middle = (low + high) / 2, order = strcmp(name, shaders[middle].name);
        if (order == 0) return &shaders[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

// ---- Cache of pipelines on disk ----------------------------------------------------------------------------------

// A driver may crash on a cache that it did not write, so that ours carries a hash of its bytes.
static uint64_t hash_bytes(const void *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return hash;
}

// ~/.cache/lectern/pipelines-<driver UUID>-<driver version>-<subgroup size>; NULL where there is no cache folder.
static char *cache_path(const Gpu *gpu)
{
    char *folder = cache_dir(NULL), uuid[33];
    if (!folder) return NULL;
    for (int i = 0; i < 16; i++) snprintf(uuid + 2 * i, 3, "%02x", gpu->traits.driver_uuid[i]);
    char *path =
        mem_format("%s/pipelines-%s-%x-%u", folder, uuid, gpu->traits.driver_version, gpu->traits.subgroup_size);
    free(folder);
    return path;
}

static void cache_load(Gpu *gpu, VkPipelineCacheCreateInfo *info, char **data)
{
    char *path = cache_path(gpu);
    size_t size = 0;
    *data = path && file_exists(path) ? file_read(path, &size, NULL) : NULL;
    free(path);
    uint64_t hash;
    if (!*data || size <= sizeof hash) return;
    memcpy(&hash, *data, sizeof hash);
    if (hash != hash_bytes(*data + sizeof hash, size - sizeof hash)) return;
    info->pInitialData = *data + sizeof hash;
    info->initialDataSize = gpu->pipeline_cache_bytes = size - sizeof hash;
}

// A cache that cannot be written costs time, not correctness: nothing is said.
static void cache_save(Gpu *gpu)
{
    size_t size = 0;
    if (vkGetPipelineCacheData(gpu->device, gpu->pipeline_cache, &size, NULL) != VK_SUCCESS) return;
    if (size <= gpu->pipeline_cache_bytes) return;
    char *path = cache_path(gpu);
    uint64_t hash;
    char *data = mem_alloc(sizeof hash + size);
    if (path && vkGetPipelineCacheData(gpu->device, gpu->pipeline_cache, &size, data + sizeof hash) == VK_SUCCESS) {
        hash = hash_bytes(data + sizeof hash, size);
        memcpy(data, &hash, sizeof hash);
        file_write(path, data, sizeof hash + size, NULL);
    }
    free(data);
    free(path);
}

bool kernels_open(Gpu *gpu, Error *err)
{
    VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
    char *data = NULL;
    if (!gpu->options.statistics) cache_load(gpu, &info, &data); // a pipeline from a cache has none
    VkResult result = vkCreatePipelineCache(gpu->device, &info, NULL, &gpu->pipeline_cache);
    free(data);
    return result == VK_SUCCESS || vk_fail(gpu, err, result, "cannot make a pipeline cache");
}

void kernels_close(Gpu *gpu)
{
    if (gpu->pipeline_cache && !gpu->options.statistics) cache_save(gpu);
    for (int i = 0; i < KERNEL_BUCKETS; i++)
        for (Kernel *kernel = gpu->kernels[i], *next; kernel; kernel = next) {
            next = kernel->next;
            vkDestroyPipeline(gpu->device, kernel->pipeline, NULL);
            free(kernel);
        }
    while (gpu->layouts) {
        KernelLayout *next = gpu->layouts->next;
        vkDestroyPipelineLayout(gpu->device, gpu->layouts->layout, NULL);
        vkDestroyDescriptorSetLayout(gpu->device, gpu->layouts->set_layout, NULL);
        free(gpu->layouts);
        gpu->layouts = next;
    }
    vkDestroyPipelineCache(gpu->device, gpu->pipeline_cache, NULL);
}

static size_t shader_words(const Shader *shader) { return (size_t)(shader->code_end - shader->code); }

// ---- Kernels -----------------------------------------------------------------------------------------------------

// "matmul_nt_tile" or "matmul_nt_tile(8,64)" with the constants that were given.
static void write_name(Kernel *kernel)
{
    int used = snprintf(kernel->name, sizeof kernel->name, "%s", kernel->spec.shader), last = GPU_MAX_CONSTANTS;
    while (last > 0 && !kernel->spec.constants[last - 1]) last--;
    for (int i = 0; i < last && used < (int)sizeof kernel->name; i++)
        used += snprintf(kernel->name + used, sizeof kernel->name - (size_t)used, "%c%u%s", i ? ',' : '(',
                         kernel->spec.constants[i], i + 1 == last ? ")" : "");
}

static bool same_spec(const KernelSpec *a, const KernelSpec *b)
{
    return a->subgroup == b->subgroup && !memcmp(a->constants, b->constants, sizeof a->constants) &&
           !strcmp(a->shader, b->shader);
}

static Kernel **spec_bucket(Gpu *gpu, const KernelSpec *spec)
{
    uint64_t hash = spec->subgroup;
    for (const char *c = spec->shader; *c; c++) hash = 31 * hash + (uint8_t)*c;
    for (int i = 0; i < GPU_MAX_CONSTANTS; i++) hash = 31 * hash + spec->constants[i];
    return &gpu->kernels[(hash * 0x9E3779B97F4A7C15u >> 32) % KERNEL_BUCKETS];
}

const Kernel *gpu_kernel(Gpu *gpu, const KernelSpec *spec)
{
    Kernel **bucket = spec_bucket(gpu, spec);
    pthread_mutex_lock(&gpu->kernel_lock);
    Kernel *kernel = *bucket;
    while (kernel && !same_spec(&kernel->spec, spec)) kernel = kernel->next;
    if (!kernel) {
        const Shader *shader = shader_find(spec->shader);
        CHECK(shader, "no shader is called %s", spec->shader);
        kernel = NEW(Kernel);
        *kernel = (Kernel){ .next = *bucket, .gpu = gpu, .spec = *spec, .shader = shader };
        kernel->spec.shader = shader->name;
        Error err = { "" };
        CHECK(spirv_reflect(shader->code, shader_words(shader), spec->constants, &kernel->reflection, &err), "%s: %s",
              shader->name, err.message);
        write_name(kernel);
        *bucket = kernel;
    }
    pthread_mutex_unlock(&gpu->kernel_lock);
    return kernel;
}

const char *kernel_name(const Kernel *kernel) { return kernel->name; }
const Shader *kernel_shader(const Kernel *kernel) { return kernel->shader; }

void kernel_local_size(const Kernel *kernel, uint32_t size[3])
{
    memcpy(size, kernel->reflection.local_size, sizeof kernel->reflection.local_size);
}

static bool layout_create(Gpu *gpu, const Reflection *r, KernelLayout *layout, Error *err)
{
    *layout = (KernelLayout){ .bindings = r->bindings, .push_bytes = r->push_bytes };
    memcpy(layout->type, r->type, sizeof layout->type);
    VkDescriptorSetLayoutBinding bindings[GPU_MAX_BINDINGS];
    for (int i = 0; i < r->bindings; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){ .binding = (uint32_t)i,
                                                      .descriptorType = r->type[i],
                                                      .descriptorCount = 1,
                                                      .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT };
    VkDescriptorSetLayoutCreateInfo set_info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                 .bindingCount = (uint32_t)r->bindings,
                                                 .pBindings = bindings };
    VkPushConstantRange push = { .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = r->push_bytes };
    VkResult result = vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &layout->set_layout);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, "cannot make a descriptor layout");
    VkPipelineLayoutCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                        .setLayoutCount = 1,
                                        .pSetLayouts = &layout->set_layout,
                                        .pushConstantRangeCount = r->push_bytes ? 1 : 0,
                                        .pPushConstantRanges = &push };
    result = vkCreatePipelineLayout(gpu->device, &info, NULL, &layout->layout);
    if (result == VK_SUCCESS) return true;
    vkDestroyDescriptorSetLayout(gpu->device, layout->set_layout, NULL);
    return vk_fail(gpu, err, result, "cannot make a pipeline layout");
}

static KernelLayout *layout_for(Gpu *gpu, const Reflection *r, Error *err)
{
    for (KernelLayout *l = gpu->layouts; l; l = l->next)
        if (l->bindings == r->bindings && l->push_bytes == r->push_bytes && !memcmp(l->type, r->type, sizeof l->type))
            return l;
    KernelLayout *layout = NEW(KernelLayout);
    if (!layout_create(gpu, r, layout, err)) return free(layout), NULL;
    layout->next = gpu->layouts;
    return gpu->layouts = layout;
}

static bool pipeline_create(Kernel *kernel, Error *err)
{
    Gpu *gpu = kernel->gpu;
    const GpuTraits *t = &gpu->traits;
    const uint32_t *size = kernel->reflection.local_size;
    uint32_t invocations = size[0] * size[1] * size[2];
    uint32_t subgroup = kernel->spec.subgroup == SUBGROUP_OWN ? t->subgroup_size : kernel->spec.subgroup;
    if (invocations > t->max_workgroup_invocations)
        return error_set(err, "%s: %s wants %u invocations a workgroup; the device has %u", t->name, kernel->name,
                         invocations, t->max_workgroup_invocations);
    if (!(kernel->layout = layout_for(gpu, &kernel->reflection, err))) return false;

    VkShaderModuleCreateInfo module_info = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                             .codeSize = shader_words(kernel->shader) * 4,
                                             .pCode = kernel->shader->code };
    VkShaderModule module;
    VkResult result = vkCreateShaderModule(gpu->device, &module_info, NULL, &module);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, kernel->name);

    VkSpecializationMapEntry entries[GPU_MAX_CONSTANTS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < GPU_MAX_CONSTANTS; i++)
        if (kernel->spec.constants[i])
            entries[count++] = (VkSpecializationMapEntry){ .constantID = i, .offset = 4 * i, .size = 4 };
    VkSpecializationInfo constants = { count, entries, sizeof kernel->spec.constants, kernel->spec.constants };
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT required = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = subgroup
    };
    bool sized = subgroup && subgroup >= t->min_subgroup_size && subgroup <= t->max_subgroup_size;
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = gpu->has_executable_properties ? VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR : 0,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                   .pNext = sized && gpu->can_require_subgroup ? &required : NULL,
                   .flags = sized && size[0] % subgroup == 0
                                ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT
                                : 0,
                   .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                   .module = module,
                   .pName = "main",
                   .pSpecializationInfo = &constants },
        .layout = kernel->layout->layout,
    };
    VkPipeline pipeline;
    result = vkCreateComputePipelines(gpu->device, gpu->pipeline_cache, 1, &info, NULL, &pipeline);
    vkDestroyShaderModule(gpu->device, module, NULL);
    if (result != VK_SUCCESS) return vk_fail(gpu, err, result, kernel->name);
    kernel->pipeline = pipeline;
    return true;
}

bool kernel_compile(const Kernel *kernel, Error *err)
{
    Kernel *mutable = (Kernel *)kernel; // callers hold kernels as constant; this one field appears when first needed
    pthread_mutex_lock(&kernel->gpu->kernel_lock);
    bool ok = kernel->pipeline || pipeline_create(mutable, err);
    pthread_mutex_unlock(&kernel->gpu->kernel_lock);
    return ok;
}

int kernel_statistics(const Kernel *kernel, void (*visit)(void *, const char *, double), void *context)
{
    const Gpu *gpu = kernel->gpu;
    if (!gpu->has_executable_properties || !kernel->pipeline) return 0;
    VkPipelineInfoKHR pipeline = { .sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = kernel->pipeline };
    VkPipelineExecutablePropertiesKHR executable = { .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR };
    uint32_t executables = 1; // a compute pipeline's
    VkResult result = vkGetPipelineExecutablePropertiesKHR(gpu->device, &pipeline, &executables, &executable);
    if ((result != VK_SUCCESS && result != VK_INCOMPLETE) || executables == 0) return 0;
    VkPipelineExecutableStatisticKHR list[64];
    uint32_t count = COUNT_OF(list);
    for (uint32_t i = 0; i < count; i++)
        list[i] = (VkPipelineExecutableStatisticKHR){ .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR };
    VkPipelineExecutableInfoKHR info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                         .pipeline = kernel->pipeline };
    result = vkGetPipelineExecutableStatisticsKHR(gpu->device, &info, &count, list);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) return 0;
    visit(context, "Subgroup size", executable.subgroupSize);
    for (uint32_t i = 0; i < count; i++) {
        const VkPipelineExecutableStatisticValueKHR *value = &list[i].value;
        double number = list[i].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR ? value->f64
                        : list[i].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR ? (double)value->i64
                                                                                              : (double)value->u64;
        visit(context, list[i].name, number);
    }
    return (int)count + 1;
}
