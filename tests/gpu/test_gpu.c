#include "gpu/vk.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static Gpu *gpu;
static Stream *stream;

static void open_with(GpuOptions options)
{
    Error err = { "" };
    gpu = gpu_open(&options, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
}

static void finish(void)
{
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

static Span take(uint64_t bytes)
{
    Span span;
    Error err = { "" };
    ck_assert_msg(gpu_alloc(gpu, bytes, &span, &err), "%s", err.message);
    return span;
}

typedef struct ScaleArgs {
    uint32_t n, first, accumulate;
    float factor;
} ScaleArgs;

typedef struct FillArgs {
    uint32_t n;
    float value;
} FillArgs;

static void fill_first(Span y, uint32_t n, float value)
{
    gpu_dispatch(stream, KERNEL(gpu, "fill"), ITEMS(n, .bytes = 4.0 * n), SPANS(y), ARGS(FillArgs, n, value));
}

static void fill(Span y, float value) { fill_first(y, (uint32_t)(y.bytes / 4), value); }

static void expect(Span y, uint64_t n, float value)
{
    float *data = calloc(n, sizeof *data);
    Error err = { "" };
    ck_assert_msg(stream_read(stream, y, data, 4 * n, &err), "%s", err.message);
    for (uint64_t i = 0; i < n; i++) // a ck_assert writes to a pipe even when it holds
        if (data[i] != value) ck_abort_msg("element %d is %g, not %g", (int)i, data[i], value);
    free(data);
}

START_TEST(devices_are_listed)
{
    GpuTraits list[8];
    Error err = { "" };
    int count = gpu_list(list, 8, &err);
    ck_assert_msg(count > 0, "%s", err.message);
    for (int i = 0; i < count; i++) ck_assert_uint_ge(list[i].max_binding_bytes, 128 << 20);
}
END_TEST

START_TEST(wishes_that_no_device_meets)
{
    Error err = { "" };
    ck_assert_ptr_null(gpu_open(&(GpuOptions){ .device = "99" }, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "there is no device 99: the last one is"));
    err = (Error){ "" };
    ck_assert_ptr_null(gpu_open(&(GpuOptions){ .device = "no such name" }, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "no device that can be used has \"no such name\" in its name"));
}
END_TEST

// A view whose first byte is not aligned for the device is reached by its offset.
START_TEST(dispatch_writes_only_its_span)
{
    open_with((GpuOptions){ .poison = true });
    Span all = take(4 * 1000);
    fill(all, 1);
    fill(span_part(all, 4 * 333, 4 * 101), 2);
    expect(all, 333, 1);
    expect(span_part(all, 4 * 333, 4 * 101), 101, 2);
    expect(span_part(all, 4 * 434, 4 * 566), 566, 1);
    finish();
}
END_TEST

// A kernel that is told to write one number too many is found, one that reads it computes NaN. The ends of parts are
// guarded where they are the span's own.
START_TEST(kernels_that_pass_the_end_are_found)
{
    open_with((GpuOptions){ .poison = true });
    Span x = take(4 * 100), y = take(4 * 101);
    if (!x.guard) return; // a device whose memory the host cannot look at
    fill(x, 1), fill(y, 2);
    expect(x, 100, 1);
    ck_assert(gpu_guard_holds(x) && gpu_guard_holds(y));
    ck_assert_uint_eq(span_part(x, 0, 40).guard, 0);
    ck_assert_uint_eq(span_part(x, 40, 360).guard, x.guard);

    typedef struct AddArgs {
        uint32_t n;
    } AddArgs;
    gpu_dispatch(stream, KERNEL(gpu, "accumulate"), ITEMS(101, .bytes = 1200), SPANS(x, y), ARGS(AddArgs, 101));
    float last;
    Error err = { "" };
    ck_assert(stream_read(stream, span_part(y, 400, 4), &last, 4, &err));
    ck_assert_float_nan(last);
    ck_assert(gpu_guard_holds(x) && gpu_guard_holds(y));

    fill_first(span_part(x, 40, 360), 91, 3);
    expect(x, 10, 1);
    ck_assert(!gpu_guard_holds(x) && gpu_guard_holds(y));
    gpu_free(gpu, y);
    ck_assert_int_eq(gpu_validation_messages(), 0);
    gpu_free(gpu, x);
    ck_assert_int_eq(gpu_validation_messages(), 1);
    stream_close(stream);
    gpu_close(gpu);
}
END_TEST

// More groups than one dimension holds.
START_TEST(many_items_fold)
{
    open_with((GpuOptions){ 0 });
    uint64_t n = 65536ull * 64 * 2 + 77;
    Span y = take(4 * n);
    fill(y, 3);
    expect(span_part(y, 4 * (n - 100), 400), 100, 3);
    expect(y, 100, 3);
    finish();
}
END_TEST

// Independent dispatches share a barrier; dependent ones get one each.
START_TEST(barriers_follow_ranges)
{
    open_with((GpuOptions){ 0 });
    Span a = take(4096), b = take(4096), c = take(4096);
    fill(a, 1), fill(b, 2), fill(c, 3);
    ck_assert_uint_eq(stream_count(stream).barriers, 0);
    stream_copy(stream, c, a);
    ck_assert_uint_eq(stream_count(stream).barriers, 1);
    fill(b, 4);
    ck_assert_uint_eq(stream_count(stream).barriers, 1);
    fill(a, 5); // written after it was read
    ck_assert_uint_eq(stream_count(stream).barriers, 2);
    expect(a, 1024, 5), expect(b, 1024, 4), expect(c, 1024, 1);
    finish();
}
END_TEST

static PFN_vkCmdPipelineBarrier pipeline_barrier;
static VkPipelineStageFlags last_stages;
static VkAccessFlags last_accesses;

static VKAPI_ATTR void VKAPI_CALL note_barrier(VkCommandBuffer buffer, VkPipelineStageFlags from,
                                               VkPipelineStageFlags to, VkDependencyFlags flags, uint32_t count,
                                               const VkMemoryBarrier *barriers, uint32_t buffers,
                                               const VkBufferMemoryBarrier *of_buffers, uint32_t images,
                                               const VkImageMemoryBarrier *of_images)
{
    last_stages = to;
    last_accesses = barriers->dstAccessMask;
    pipeline_barrier(buffer, from, to, flags, count, barriers, buffers, of_buffers, images, of_images);
}

// Nothing is tracked past a submit: its last barrier shows all to whoever comes next.
START_TEST(submits_end_with_everything_visible)
{
    open_with((GpuOptions){ 0 });
    Span y = take(4096);
    fill(y, 1);
    pipeline_barrier = vkCmdPipelineBarrier;
    vkCmdPipelineBarrier = note_barrier;
    stream_submit(stream);
    vkCmdPipelineBarrier = pipeline_barrier;
    VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_HOST_BIT;
    VkAccessFlags accesses = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                             VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT;
    ck_assert_uint_eq(last_stages, stages);
    ck_assert_uint_eq(last_accesses, accesses);
    fill(y, 2); // in the next submit: ordered already
    ck_assert_uint_eq(stream_count(stream).barriers, 0);
    expect(y, 1024, 2);
    finish();
}
END_TEST

typedef enum Reach { BY_STAGING, WRITES_IN_PLACE, IN_PLACE } Reach;

static void open_with_reach(Reach reach)
{
    open_with((GpuOptions){ .no_host_access = reach == BY_STAGING });
    if (reach == WRITES_IN_PLACE) gpu->traits.unified = false; // as with resizable BAR
}

static void transfers(Reach reach)
{
    open_with_reach(reach);
    uint64_t n = 5000003; // over the staging block
    float *data = malloc(4 * n);
    for (uint64_t i = 0; i < n; i++) data[i] = (float)i;
    Span a = take(4 * n), b = take(4 * n), small = take(4 * 10);
    ck_assert((reach == BY_STAGING) == !a.block->mapped);
    stream_write(stream, a, data, 4 * n);
    stream_copy(stream, b, a);
    stream_fill(stream, a, 0);
    stream_write(stream, small, data + 7, 4 * 10);
    float *back = malloc(4 * n);
    Error err = { "" };
    ck_assert_msg(stream_read(stream, b, back, 4 * n, &err), "%s", err.message);
    ck_assert_mem_eq(back, data, 4 * n);
    ck_assert_msg(stream_read(stream, small, back, 4 * 10, &err), "%s", err.message);
    ck_assert_mem_eq(back, data + 7, 4 * 10);
    expect(a, n, 0);
    free(data), free(back);
    finish();
}

START_TEST(transfers_by_reach) { transfers((Reach)_i); }
END_TEST

// Writes take their turn among what is recorded, without a submit or a wait while the ring has room.
START_TEST(writes_take_their_turn)
{
    open_with_reach((Reach)_i);
    enum { N = 1 << 15, ROUNDS = 9 };
    float *data = malloc(4 * N);
    Span a = take(4 * N), seen[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) seen[round] = take(4 * N);
    fill(a, 0);
    for (int round = 0; round < ROUNDS; round++) {
        stream_copy(stream, seen[round], a);
        for (int i = 0; i < N; i++) data[i] = (float)(1 + round);
        stream_write(stream, a, data, 4 * N);
        if (round == 1) ck_assert_uint_eq(stream_count(stream).submits, 0);
    }
    for (int round = 0; round < ROUNDS; round++) expect(seen[round], N, (float)round);
    expect(a, N, ROUNDS);
    free(data);
    finish();
}
END_TEST

static VKAPI_ATTR VkResult VKAPI_CALL refuse(VkQueue queue, uint32_t count, const VkSubmitInfo *info, VkFence fence)
{
    (void)queue, (void)count, (void)info, (void)fence;
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

// A part of the staging ring whose copy was never submitted is free again.
START_TEST(writes_go_on_after_a_failure)
{
    open_with_reach(BY_STAGING);
    enum { N = 1 << 15 };
    float *data = calloc(N, sizeof *data);
    Span a = take(4 * N);
    for (int i = 0; i < 4; i++) stream_write(stream, a, data, 4 * N);
    PFN_vkQueueSubmit submit = vkQueueSubmit;
    vkQueueSubmit = refuse;
    Error err = { "" };
    ck_assert(!stream_wait(stream, &err));
    vkQueueSubmit = submit;
    ck_assert_ptr_nonnull(strstr(err.message, "cannot submit: out of device memory"));
    for (int i = 0; i < 4; i++) stream_write(stream, a, data, 4 * N);
    expect(a, N, 0);
    free(data);
    finish();
}
END_TEST

static VKAPI_ATTR void VKAPI_CALL permit_the_second(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs)
{
    (void)device, (void)buffer;
    *needs = (VkMemoryRequirements){ .size = 64 << 20, .alignment = 64, .memoryTypeBits = 2 };
}

// Where the device's own memory is not for buffers, a line says so, and none of another kind is taken in its place.
START_TEST(memory_of_another_kind_is_refused)
{
    open_with((GpuOptions){ 0 });
    gpu->memory.memoryTypeCount = 2;
    gpu->memory.memoryTypes[1].propertyFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    PFN_vkGetBufferMemoryRequirements needs = vkGetBufferMemoryRequirements;
    vkGetBufferMemoryRequirements = permit_the_second;
    Span span;
    Error err = { "" };
    ck_assert(!gpu_alloc(gpu, 4096, &span, &err));
    vkGetBufferMemoryRequirements = needs;
    ck_assert_ptr_nonnull(strstr(err.message, "it has no memory for buffers of kernels"));
    finish();
}
END_TEST

START_TEST(memory_is_handed_out_once_and_reused)
{
    open_with((GpuOptions){ 0 });
    enum { N = 64 };
    Span spans[N];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < N; i++) {
            spans[i] = take(4 * (uint64_t)(1 + 997 * i));
            ck_assert_uint_eq(spans[i].offset % gpu_traits(gpu)->alignment, 0);
            for (int j = 0; j < i; j++)
                ck_assert(spans[j].block != spans[i].block || spans[j].offset >= spans[i].offset + spans[i].bytes ||
                          spans[i].offset >= spans[j].offset + spans[j].bytes);
        }
        for (int i = 0; i < N; i++) gpu_free(gpu, spans[(i * 37) % N]); // in another order
        ck_assert_uint_eq(gpu_allocated(gpu), 0);
    }
    Span whole = take(48 << 20); // the pieces have grown together again
    ck_assert_ptr_eq(whole.block, spans[0].block);
    finish();
}
END_TEST

// Two heaps of the device, one of the host: the first has less to give than it holds, of the second nothing is said.
START_TEST(budgets_bound_memory)
{
    VkMemoryHeapFlags local = VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
    VkPhysicalDeviceMemoryProperties memory = { .memoryHeapCount = 3,
                                                .memoryHeaps = { { 8000, local }, { 500, local }, { 9000, 0 } } };
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = { .heapBudget = { 3000, 0, 7000 } };
    ck_assert_uint_eq(memory_within(&memory, &budget), 3500);
    budget.heapBudget[0] = 9999;
    ck_assert_uint_eq(memory_within(&memory, &budget), 8500);
}
END_TEST

static int blocks_alive(void)
{
    int count = 0;
    for (const GpuBlock *block = gpu->blocks; block; block = block->next) count++;
    return count;
}

static PFN_vkUpdateDescriptorSets update_sets;
static int sets_updated;

static VKAPI_ATTR void VKAPI_CALL count_updates(VkDevice device, uint32_t writes, const VkWriteDescriptorSet *write,
                                                uint32_t copies, const VkCopyDescriptorSet *copy)
{
    sets_updated++;
    update_sets(device, writes, write, copies, copy);
}

// A tensor larger than a common block takes its memory along, and what was cached of its buffer shows no later one.
START_TEST(large_memory_goes_back)
{
    open_with((GpuOptions){ 0 });
    Span small = take(64);
    uint64_t n = 17 << 20;
    update_sets = vkUpdateDescriptorSets;
    vkUpdateDescriptorSets = count_updates;
    for (int i = 0; i < 3; i++) {
        Span large = take(4 * n);
        ck_assert_int_eq(blocks_alive(), 2);
        fill(span_part(large, 0, 4096), (float)i);
        expect(large, 1024, (float)i);
        gpu_free(gpu, large);
        ck_assert_int_eq(blocks_alive(), 1);
    }
    Span late = take(4 * n);
    fill(span_part(late, 0, 4096), 1);
    gpu_free(gpu, late);
    ck_assert_int_eq(blocks_alive(), 2); // what was recorded still names it
    ck_assert(stream_wait(stream, NULL));
    ck_assert_int_eq(blocks_alive(), 1);
    vkUpdateDescriptorSets = update_sets;
    ck_assert_int_eq(sets_updated, 4); // the buffer's handle is the same, as a rule
    gpu_free(gpu, small);
    ck_assert_int_eq(blocks_alive(), 1);
    finish();
}
END_TEST

START_TEST(limits_are_told)
{
    open_with((GpuOptions){ .max_allocation_bytes = 1 << 20, .max_binding_bytes = 1 << 16 });
    Error err = { "" };
    Span span;
    ck_assert(!gpu_alloc(gpu, 2 << 20, &span, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "2.1 MB were asked for in one piece; the device gives at most 1.0 MB"));
    fill(take(1 << 17), 1);
    err = (Error){ "" };
    ck_assert(!stream_wait(stream, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "fill binds 0.1 MB in one piece; the device binds at most 0.1 MB"));
    Span small = take(1 << 10); // the stream works again after its error was fetched
    fill(small, 2);
    expect(small, 1 << 8, 2);
    finish();
}
END_TEST

START_TEST(args_that_do_not_fit_stop)
{
    open_with((GpuOptions){ 0 });
    gpu_dispatch(stream, KERNEL(gpu, "fill"), ITEMS(1, .flops = 1), SPANS(take(4)), ARGS(uint32_t, 1));
}
END_TEST

static VKAPI_ATTR VkResult VKAPI_CALL lost(VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
    (void)device, (void)info, (void)timeout;
    return VK_ERROR_DEVICE_LOST;
}

// The kernels of the last submit are named, whatever was submitted long before and whatever copies came after.
START_TEST(a_lost_device_names_its_kernels)
{
    open_with((GpuOptions){ 0 });
    Span x = take(4 * 64), y = take(4 * 64);
    fill(x, 1);
    for (int i = 0; i < 20; i++) {
        fill(y, 1);
        if (i == 19)
            gpu_dispatch(stream, KERNEL(gpu, "accumulate"), ITEMS(64, .flops = 64), SPANS(x, y), ARGS(uint32_t, 64));
        stream_submit(stream);
    }
    stream_copy(stream, span_part(y, 0, 64), span_part(y, 128, 64));
    PFN_vkWaitSemaphores wait = vkWaitSemaphores;
    vkWaitSemaphores = lost;
    Error err = { "" };
    ck_assert(!stream_wait(stream, &err));
    vkWaitSemaphores = wait;
    ck_assert_ptr_nonnull(
        strstr(err.message, "waiting for the device; last kernels: fill, accumulate: the device was lost"));
    finish();
}
END_TEST

START_TEST(plans_count_and_touch_nothing)
{
    open_with((GpuOptions){ 0 });
    Stream *plan = stream_open_plan(gpu);
    Span nowhere = { NULL, 0, 4096 };
    gpu_dispatch(plan, KERNEL(gpu, "fill"), ITEMS(1024, .flops = 10, .bytes = 4096), SPANS(nowhere),
                 ARGS(FillArgs, 1024, 1));
    ck_assert_double_eq(stream_count(plan).flops, 10);
    ck_assert_double_eq(stream_count(plan).bytes, 4096);
    gpu_dispatch(plan, KERNEL(gpu, "fill"), ITEMS(1024, .bytes = 4096), SPANS(nowhere), ARGS(FillArgs, 1024, 2));
    int count;
    const KernelTime *times = stream_profile(plan, &count);
    ck_assert_int_eq(count, 1);
    ck_assert_ptr_eq(times->kernel, KERNEL(gpu, "fill"));
    ck_assert_uint_eq(times->calls, 2);
    ck_assert_double_eq(times->flops, 10);
    stream_close(plan);
    finish();
}
END_TEST

START_TEST(profiles_time_each_kernel)
{
    open_with((GpuOptions){ .profile = true });
    Span y = take(4 << 20);
    for (int i = 0; i < 3000; i++) fill(i == 0 ? y : span_part(y, 0, 64), 1); // more than one pool of queries
    int count;
    const KernelTime *times = stream_profile(stream, &count);
    ck_assert_int_eq(count, 1);
    ck_assert_uint_eq(times[0].calls, 3000);
    ck_assert_double_gt(times[0].seconds, 0);
    ck_assert_double_eq(times[0].bytes, (4 << 20) + 2999 * 64);
    finish();
}
END_TEST

static VKAPI_ATTR VkResult VKAPI_CALL counter_wraps(VkDevice device, VkQueryPool pool, uint32_t first, uint32_t count,
                                                    size_t bytes, void *data, VkDeviceSize stride,
                                                    VkQueryResultFlags flags)
{
    (void)device, (void)pool, (void)first, (void)count, (void)bytes, (void)stride, (void)flags;
    memcpy(data, (const uint64_t[]){ (1ull << 36) - 100, 50 }, 16);
    return VK_SUCCESS;
}

// A spec finds the kernel that it made, among more of them than there are buckets, and no other does.
START_TEST(kernels_are_made_once)
{
    open_with((GpuOptions){ 0 });
    enum { N = 2 * KERNEL_BUCKETS };
    const Kernel *kernels[N];
    for (uint32_t i = 0; i < N; i++) kernels[i] = KERNEL(gpu, i % 2 ? "add" : "mul", .constants = { [7] = 1 + i / 2 });
    char add[] = "add"; // not the same pointer
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_ptr_eq(kernels[i], KERNEL(gpu, i % 2 ? add : "mul", .constants = { [7] = 1 + i / 2 }));
        for (uint32_t j = 0; j < i; j++)
            if (kernels[j] == kernels[i]) ck_abort_msg("kernels %u and %u are one", j, i);
    }
    ck_assert_ptr_ne(KERNEL(gpu, "add", .constants = { [7] = 1 }),
                     KERNEL(gpu, "add", .constants = { [7] = 1 }, .subgroup = 8));
    finish();
}
END_TEST

START_TEST(timestamps_wrap_at_their_bits)
{
    open_with((GpuOptions){ .profile = true });
    gpu->timestamp_mask = (1ull << 36) - 1;
    fill(take(64), 1);
    PFN_vkGetQueryPoolResults results = vkGetQueryPoolResults;
    vkGetQueryPoolResults = counter_wraps;
    int count;
    const KernelTime *times = stream_profile(stream, &count);
    vkGetQueryPoolResults = results;
    ck_assert_int_eq(count, 1);
    ck_assert_double_eq_tol(times->seconds, 150e-9 * gpu_traits(gpu)->timestamp_ns, 1e-12);
    finish();
}
END_TEST

// Devices are chosen by a number that the shaders hold.
START_TEST(shaders_bind_what_devices_must_have)
{
    int most = 0;
    for (int i = 0; i < shaders_count; i++) {
        Reflection r;
        Error err = { "" };
        size_t words = (size_t)(shaders[i].code_end - shaders[i].code);
        ck_assert_msg(spirv_reflect(shaders[i].code, words, (const uint32_t[GPU_MAX_CONSTANTS]){ 0 }, &r, &err), "%s",
                      err.message);
        int buffers = 0;
        for (int j = 0; j < r.bindings; j++) buffers += r.type[j] == VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        if (buffers > most) most = buffers;
    }
    ck_assert_int_le(most, STORAGE_BUFFERS);
}
END_TEST

static pthread_barrier_t together;

static void *scale_by_thread(void *result)
{
    Error err = { "" };
    Stream *own = stream_open(gpu, &err);
    Span y;
    float first = 0;
    bool ok = own && gpu_alloc(gpu, 4 * 1024, &y, &err);
    for (uint32_t i = 1; i <= 20; i++) {
        // A constant that the shader does not have makes a kernel that nobody compiled: both threads want to.
        const Kernel *kernel = KERNEL(gpu, "scale", .constants = { [7] = i }), *fill = KERNEL(gpu, "fill");
        pthread_barrier_wait(&together);
        ok = ok && gpu_allocated(gpu) > 0;
        if (!ok) continue;
        gpu_dispatch(own, fill, ITEMS(1024, .bytes = 4096), SPANS(y), ARGS(FillArgs, 1024, 1));
        gpu_dispatch(own, kernel, ITEMS(1024, .bytes = 4096), SPANS(y, y), ARGS(ScaleArgs, 1024, 0, 0, (float)i));
        ok = stream_read(own, y, &first, 4, &err) && first == (float)i;
    }
    if (ok) gpu_free(gpu, y);
    stream_close(own);
    *(bool *)result = ok;
    return NULL;
}

// One device, two threads, a stream each. What it is worth shows under -fsanitize=thread.
START_TEST(threads_share_a_device)
{
    open_with((GpuOptions){ 0 });
    pthread_barrier_init(&together, NULL, 2);
    pthread_t threads[2];
    bool ok[2] = { false };
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, scale_by_thread, &ok[i]), 0);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&together);
    ck_assert(ok[0] && ok[1]);
    ck_assert_uint_eq(gpu_allocated(gpu), 0);
    finish();
}
END_TEST

Suite *suite_gpu(void);
Suite *suite_gpu(void)
{
    Suite *suite = suite_create("gpu");
    TCase *tests = tcase_create("gpu");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, devices_are_listed);
    tcase_add_test(tests, wishes_that_no_device_meets);
    tcase_add_test(tests, dispatch_writes_only_its_span);
    tcase_add_test(tests, kernels_that_pass_the_end_are_found);
    tcase_add_test(tests, many_items_fold);
    tcase_add_test(tests, barriers_follow_ranges);
    tcase_add_test(tests, submits_end_with_everything_visible);
    tcase_add_loop_test(tests, transfers_by_reach, BY_STAGING, IN_PLACE + 1);
    tcase_add_loop_test(tests, writes_take_their_turn, BY_STAGING, IN_PLACE + 1);
    tcase_add_test(tests, writes_go_on_after_a_failure);
    tcase_add_test(tests, memory_of_another_kind_is_refused);
    tcase_add_test(tests, memory_is_handed_out_once_and_reused);
    tcase_add_test(tests, budgets_bound_memory);
    tcase_add_test(tests, large_memory_goes_back);
    tcase_add_test(tests, limits_are_told);
    tcase_add_test_raise_signal(tests, args_that_do_not_fit_stop, 6);
    tcase_add_test(tests, a_lost_device_names_its_kernels);
    tcase_add_test(tests, plans_count_and_touch_nothing);
    tcase_add_test(tests, profiles_time_each_kernel);
    tcase_add_test(tests, kernels_are_made_once);
    tcase_add_test(tests, timestamps_wrap_at_their_bits);
    tcase_add_test(tests, shaders_bind_what_devices_must_have);
    tcase_add_test(tests, threads_share_a_device);
    suite_add_tcase(suite, tests);
    return suite;
}
