#include "gpu/descriptors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMAND_BUFFERS = 8,    // recorded or running at once
    MAX_ACCESSES = 192,     // ranges that are tracked between two barriers
    PROFILE_QUERIES = 4096, // two a dispatch
    STAGING_PARTS = 4,      // a ring: the host fills one while the device copies from others
    PART_BYTES = 2 << 20,
    RECENT_KERNELS = 8, // named when the device is lost
};

// A cautious guess of what a device does in a second, to bound a submit: drivers kill a job after about two seconds.
static const struct {
    double flops, bytes;
} slow_rates[] = { [GPU_OTHER] = { 1e10, 5e9 },
                   [GPU_INTEGRATED] = { 2e11, 1e10 },
                   [GPU_DISCRETE] = { 2e12, 1e11 },
                   [GPU_VIRTUAL] = { 1e10, 5e9 },
                   [GPU_CPU] = { 1e10, 5e9 } };

typedef struct Access {
    const GpuBlock *block;
    uint64_t begin, end;
    bool write;
} Access;

typedef struct Commands {
    VkCommandBuffer buffer;
    uint64_t done_at; // the timeline's value once it has run
    const Kernel *recent[RECENT_KERNELS];
    int recent_count;
} Commands;

struct Stream {
    Gpu *gpu;
    bool plan;
    Error error; // the first
    VkCommandPool pool;
    VkSemaphore timeline;
    uint64_t submitted; // the timeline's value when all that was submitted has run
    uint64_t reached;   // the last value that the host has seen
    Commands commands[COMMAND_BUFFERS];
    int current;
    const Commands *last_kernels; // of the last submit that had any
    bool recording, busy;         // busy from the first record until a wait for all
    double cost;                  // seconds, estimated, of what is recorded and not submitted
    Access accesses[MAX_ACCESSES];
    int access_count;
    DescriptorCache descriptors;
    GpuBlock staging;
    uint64_t part_done[STAGING_PARTS]; // the timeline's value once the copy from the part has run
    int next_part;
    StreamCount count;

    VkQueryPool queries;
    const Kernel **timed; // by pair of queries
    double *timed_flops, *timed_bytes;
    uint32_t timed_count;
    KernelTime *times;
    int times_count, times_capacity;
};

// ---- Life --------------------------------------------------------------------------------------------------------

Stream *stream_open_plan(Gpu *gpu)
{
    Stream *stream = NEW(Stream);
    stream->gpu = gpu;
    stream->plan = true;
    return stream;
}

static VkResult create_objects(Stream *stream)
{
    Gpu *gpu = stream->gpu;
    VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                     .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                     .queueFamilyIndex = gpu->queue_family };
    VkResult result = vkCreateCommandPool(gpu->device, &pool, NULL, &stream->pool);
    if (result != VK_SUCCESS) return result;
    VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                             .commandPool = stream->pool,
                                             .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                             .commandBufferCount = 1 };
    for (int i = 0; i < COMMAND_BUFFERS && result == VK_SUCCESS; i++)
        result = vkAllocateCommandBuffers(gpu->device, &allocate, &stream->commands[i].buffer);
    VkSemaphoreTypeCreateInfo type = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                       .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE };
    VkSemaphoreCreateInfo semaphore = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type };
    if (result == VK_SUCCESS) result = vkCreateSemaphore(gpu->device, &semaphore, NULL, &stream->timeline);
    if (result != VK_SUCCESS || !gpu->options.profile || gpu->traits.timestamp_ns <= 0) return result;
    VkQueryPoolCreateInfo queries = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                      .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                      .queryCount = PROFILE_QUERIES };
    stream->timed = NEW_ARRAY(const Kernel *, PROFILE_QUERIES / 2);
    stream->timed_flops = NEW_ARRAY(double, PROFILE_QUERIES / 2);
    stream->timed_bytes = NEW_ARRAY(double, PROFILE_QUERIES / 2);
    return vkCreateQueryPool(gpu->device, &queries, NULL, &stream->queries);
}

Stream *stream_open(Gpu *gpu, Error *err)
{
    Stream *stream = NEW(Stream);
    stream->gpu = gpu;
    VkResult result = create_objects(stream);
    if (result == VK_SUCCESS) return stream;
    vk_fail(gpu, err, result, "cannot make a stream");
    stream_close(stream);
    return NULL;
}

static void set_busy(Stream *stream, bool busy)
{
    if (busy != stream->busy) memory_busy(stream->gpu, busy ? 1 : -1);
    stream->busy = busy;
}

void stream_close(Stream *stream)
{
    if (!stream) return;
    VkDevice device = stream->gpu->device;
    if (!stream->plan) {
        Error err = { "" };
        bool ok = !stream->timeline || stream_wait(stream, &err); // without one it never opened
        if (!ok && stream->gpu->options.poison) validation_note(err.message);
        set_busy(stream, false);
        descriptors_forget(stream->gpu, &stream->descriptors);
        if (stream->staging.buffer) block_destroy(stream->gpu, &stream->staging);
        vkDestroyQueryPool(device, stream->queries, NULL);
        vkDestroySemaphore(device, stream->timeline, NULL);
        vkDestroyCommandPool(device, stream->pool, NULL);
    }
    free(stream->timed);
    free(stream->timed_flops);
    free(stream->timed_bytes);
    free(stream->times);
    free(stream);
}

Gpu *stream_gpu(const Stream *stream) { return stream->gpu; }
bool stream_is_plan(const Stream *stream) { return stream->plan; }
bool stream_failed(const Stream *stream) { return error_is_set(&stream->error); }
void stream_fail(Stream *stream, const Error *cause) { error_set(&stream->error, "%s", cause->message); }
StreamCount stream_count(const Stream *stream) { return stream->count; }

// ---- Submitting --------------------------------------------------------------------------------------------------

static void note_failure(Stream *stream, VkResult result, const char *doing)
{
    if (result == VK_SUCCESS) return;
    const Commands *c = stream->last_kernels;
    char names[512] = "";
    int count = c ? c->recent_count : 0;
    for (int i = count > RECENT_KERNELS ? count - RECENT_KERNELS : 0, used = 0; i < count; i++)
        if (used < (int)sizeof names)
            used += snprintf(names + used, sizeof names - (size_t)used, "%s%s",
                             used ? ", " : "; last kernels: ", c->recent[i % RECENT_KERNELS]->name);
    char what[600];
    snprintf(what, sizeof what, "%s%s", doing, result == VK_ERROR_DEVICE_LOST ? names : "");
    vk_fail(stream->gpu, &stream->error, result, what);
}

static bool wait_until(Stream *stream, uint64_t value)
{
    VkSemaphoreWaitInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                 .semaphoreCount = 1,
                                 .pSemaphores = &stream->timeline,
                                 .pValues = &value };
    VkResult result = vkWaitSemaphores(stream->gpu->device, &info, UINT64_MAX);
    note_failure(stream, result, "waiting for the device");
    if (result == VK_SUCCESS && value > stream->reached) stream->reached = value;
    if (stream->reached == stream->submitted && !stream->recording) set_busy(stream, false);
    return result == VK_SUCCESS;
}

// Opens the next command buffer unless one is open. False once the stream has failed.
static bool begin(Stream *stream)
{
    if (stream_failed(stream)) return false;
    if (stream->recording) return true;
    Commands *c = &stream->commands[stream->current];
    if (!wait_until(stream, c->done_at)) return false;
    VkCommandBufferBeginInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    VkResult result = vkBeginCommandBuffer(c->buffer, &info);
    note_failure(stream, result, "cannot record");
    c->recent_count = 0;
    stream->cost = 0;
    stream->recording = result == VK_SUCCESS;
    if (stream->recording) set_busy(stream, true);
    if (stream->recording && stream->queries && stream->timed_count == 0)
        vkCmdResetQueryPool(c->buffer, stream->queries, 0, PROFILE_QUERIES);
    return stream->recording;
}

// All that is recorded after it, in this submit and in later ones, sees what was written before it; and the host too,
// once it has waited, if asked.
static void barrier(Stream *stream, bool host)
{
    VkMemoryBarrier all = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                            .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                            .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                             VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT |
                                             (host ? VK_ACCESS_HOST_READ_BIT : 0) };
    VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vkCmdPipelineBarrier(stream->commands[stream->current].buffer, stages,
                         stages | (host ? VK_PIPELINE_STAGE_HOST_BIT : 0), 0, 1, &all, 0, NULL, 0, NULL);
    stream->access_count = 0;
}

void stream_submit(Stream *stream)
{
    if (!stream->recording) return;
    stream->recording = false;
    Commands *c = &stream->commands[stream->current];
    barrier(stream, true);
    VkResult result = vkEndCommandBuffer(c->buffer);
    note_failure(stream, result, "cannot record");
    if (stream_failed(stream)) return;

    c->done_at = ++stream->submitted;
    VkTimelineSemaphoreSubmitInfo timeline = { .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                               .signalSemaphoreValueCount = 1,
                                               .pSignalSemaphoreValues = &c->done_at };
    VkSubmitInfo info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                          .pNext = &timeline,
                          .commandBufferCount = 1,
                          .pCommandBuffers = &c->buffer,
                          .signalSemaphoreCount = 1,
                          .pSignalSemaphores = &stream->timeline };
    pthread_mutex_lock(&stream->gpu->queue_lock);
    result = vkQueueSubmit(stream->gpu->queue, 1, &info, VK_NULL_HANDLE);
    pthread_mutex_unlock(&stream->gpu->queue_lock);
    note_failure(stream, result, "cannot submit");
    if (result != VK_SUCCESS)
        c->done_at = --stream->submitted; // nothing will signal it
    else if (c->recent_count)
        stream->last_kernels = c;
    stream->count.submits++;
    stream->current = (stream->current + 1) % COMMAND_BUFFERS;
}

static void collect_times(Stream *stream);

bool stream_wait(Stream *stream, Error *err)
{
    if (!stream->plan) {
        stream_submit(stream);
        wait_until(stream, stream->submitted);
        collect_times(stream);
        if (descriptors_full(&stream->descriptors)) descriptors_forget(stream->gpu, &stream->descriptors);
    }
    if (!stream_failed(stream)) return true;
    error_set(err, "%s", stream->error.message);
    stream->error = (Error){ "" };
    return false;
}

// ---- Tracking ----------------------------------------------------------------------------------------------------

static bool conflicts(const Stream *stream, const Access *access)
{
    for (int i = 0; i < stream->access_count; i++) {
        const Access *a = &stream->accesses[i];
        if ((a->write || access->write) && a->block == access->block && a->begin < access->end &&
            access->begin < a->end)
            return true;
    }
    return false;
}

static void between_dispatches(Stream *stream)
{
    barrier(stream, false);
    stream->count.barriers++;
}

// Puts a barrier if one of the new accesses meets an earlier one, then remembers them.
static void track(Stream *stream, const Access *accesses, int count)
{
    bool needed = stream->access_count + count > MAX_ACCESSES;
    for (int i = 0; i < count && !needed; i++) needed = conflicts(stream, &accesses[i]);
    if (needed) between_dispatches(stream);
    memcpy(stream->accesses + stream->access_count, accesses, (size_t)count * sizeof *accesses);
    stream->access_count += count;
}

static KernelTime *time_entry(Stream *stream, const Kernel *kernel)
{
    for (int i = 0; i < stream->times_count; i++)
        if (stream->times[i].kernel == kernel) return &stream->times[i];
    GROW(stream->times, stream->times_count, stream->times_capacity);
    stream->times[stream->times_count] = (KernelTime){ .kernel = kernel };
    return &stream->times[stream->times_count++];
}

static void add_time(Stream *stream, const Kernel *kernel, double seconds, double flops, double bytes)
{
    KernelTime *time = time_entry(stream, kernel);
    time->calls++;
    time->seconds += seconds;
    time->flops += flops;
    time->bytes += bytes;
}

static void spend(Stream *stream, double flops, double bytes)
{
    GpuType type = stream->gpu->traits.type;
    double by_flops = flops / slow_rates[type].flops, by_bytes = bytes / slow_rates[type].bytes;
    stream->cost += by_flops > by_bytes ? by_flops : by_bytes;
    stream->count.flops += flops;
    stream->count.bytes += bytes;
    if (!stream->plan && stream->cost > stream->gpu->options.submit_seconds) stream_submit(stream);
}

// ---- Dispatches --------------------------------------------------------------------------------------------------

static void check_call(const char *file, int line, const Kernel *kernel, Spans spans, size_t args_bytes)
{
    const Reflection *r = &kernel->reflection;
    if (spans.count != r->bindings)
        fatal(file, line, "%s has %d bindings; %d spans were given", kernel->name, r->bindings, spans.count);
    size_t want = r->push_bytes - 4 * (size_t)r->bindings;
    if (args_bytes != want)
        fatal(file, line, "%s takes %zu bytes of args; %zu were given", kernel->name, want, args_bytes);
    for (int i = 0; i < spans.count; i++)
        for (int j = 0; j < i; j++) {
            const Span *a = &spans.span[i], *b = &spans.span[j];
            bool overlap = a->block && a->block == b->block && a->offset < b->offset + b->bytes &&
                           b->offset < a->offset + a->bytes;
            bool same = a->offset == b->offset && a->bytes == b->bytes; // in place
            if (overlap && !same && (r->writes[i] || r->writes[j]))
                fatal(file, line, "%s: spans %d and %d overlap in part and one is written", kernel->name, j, i);
        }
}

// The groups of a dispatch, folded over y where one dimension is too short.
static bool group_counts(Stream *stream, const Kernel *kernel, const Work *work, uint32_t groups[3])
{
    const uint32_t *limit = stream->gpu->traits.max_workgroup_count, *local = kernel->reflection.local_size;
    groups[0] = work->x, groups[1] = work->y ? work->y : 1, groups[2] = work->z ? work->z : 1;
    if (work->items) {
        uint64_t size = (uint64_t)local[0] * local[1] * local[2], count = (work->items + size - 1) / size;
        uint64_t rows = (count + limit[0] - 1) / limit[0];
        groups[0] = (uint32_t)((count + rows - 1) / rows);
        groups[1] = rows > UINT32_MAX ? UINT32_MAX : (uint32_t)rows;
    }
    for (int i = 0; i < 3; i++)
        if (groups[i] > limit[i])
            return error_set(&stream->error, "%s: %s wants %u × %u × %u workgroups; the device has %u × %u × %u",
                             stream->gpu->traits.name, kernel->name, groups[0], groups[1], groups[2], limit[0],
                             limit[1], limit[2]);
    return groups[0] > 0;
}

// A descriptor starts at an aligned base; the rest of the offset, in words, goes before the kernel's own args.
static bool bind_spans(Stream *stream, const Kernel *kernel, Spans spans, Binding *bindings, uint32_t *offsets)
{
    const GpuTraits *t = &stream->gpu->traits;
    const Reflection *r = &kernel->reflection;
    for (int i = 0; i < spans.count; i++) {
        const Span *span = &spans.span[i];
        CHECK(span->block && span->bytes, "%s: span %d is empty", kernel->name, i);
        uint64_t base = span->offset & ~(uint64_t)(t->alignment - 1), bytes = span->offset + span->bytes - base;
        offsets[i] = (uint32_t)((span->offset - base) / 4);
        bool texel = r->type[i] == VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        if (bytes + span->guard <= t->max_binding_bytes) bytes += span->guard;
        if (texel) bytes &= ~15ull; // whole texels: shaders that fetch four at a time have widths of fours
        if (bytes > t->max_binding_bytes || (texel && bytes / 16 > t->max_texel_elements))
            return error_set(&stream->error, "%s: %s binds %.1f MB in one piece; the device binds at most %.1f MB",
                             t->name, kernel->name, (double)bytes / 1e6, (double)t->max_binding_bytes / 1e6);
        bindings[i] =
            (Binding){ span->block->buffer, span->block->id, base, bytes, texel ? (uint64_t)r->texel_format[i] : 0 };
    }
    return true;
}

static void time_dispatch(Stream *stream, const Kernel *kernel, const Work *work, bool before)
{
    if (!stream->queries) return;
    VkCommandBuffer buffer = stream->commands[stream->current].buffer;
    vkCmdWriteTimestamp(buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stream->queries,
                        2 * stream->timed_count + (before ? 0 : 1));
    if (before) return;
    stream->timed[stream->timed_count] = kernel;
    stream->timed_flops[stream->timed_count] = work->flops;
    stream->timed_bytes[stream->timed_count++] = work->bytes;
}

void gpu_dispatch_at(const char *file, int line, Stream *stream, const Kernel *kernel, Work work, Spans spans,
                     const void *args, size_t args_bytes)
{
    check_call(file, line, kernel, spans, args_bytes);
    stream->count.dispatches++;
    if (stream->plan) {
        add_time(stream, kernel, 0, work.flops, work.bytes);
        spend(stream, work.flops, work.bytes);
        return;
    }
    uint32_t groups[3], push[32];
    Binding bindings[GPU_MAX_BINDINGS];
    if (2 * stream->timed_count == PROFILE_QUERIES)
        stream_submit(stream), wait_until(stream, stream->submitted), collect_times(stream);
    if (!begin(stream) || !group_counts(stream, kernel, &work, groups)) return;
    if (!kernel->pipeline && !kernel_compile(kernel, &stream->error)) return;
    if (!bind_spans(stream, kernel, spans, bindings, push)) return;
    VkDescriptorSet set = descriptor_set(stream->gpu, &stream->descriptors, kernel->layout, bindings, &stream->error);
    if (!set) return;

    Access accesses[GPU_MAX_BINDINGS];
    for (int i = 0; i < spans.count; i++)
        accesses[i] =
            (Access){ spans.span[i].block, spans.span[i].offset,
                      spans.span[i].offset + spans.span[i].bytes + spans.span[i].guard, kernel->reflection.writes[i] };
    if (stream->queries) between_dispatches(stream);
    track(stream, accesses, spans.count);

    Commands *c = &stream->commands[stream->current];
    c->recent[c->recent_count++ % RECENT_KERNELS] = kernel;
    size_t offset_bytes = 4 * (size_t)spans.count;
    memcpy((char *)push + offset_bytes, args, args_bytes);
    vkCmdBindPipeline(c->buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
    vkCmdBindDescriptorSets(c->buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout->layout, 0, 1, &set, 0, NULL);
    vkCmdPushConstants(c->buffer, kernel->layout->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                       (uint32_t)(offset_bytes + args_bytes), push);
    time_dispatch(stream, kernel, &work, true);
    vkCmdDispatch(c->buffer, groups[0], groups[1], groups[2]);
    time_dispatch(stream, kernel, &work, false);
    spend(stream, work.flops, work.bytes);
}

// ---- Transfers ---------------------------------------------------------------------------------------------------

void stream_copy(Stream *stream, Span to, Span from)
{
    CHECK(to.bytes == from.bytes, "stream_copy: %llu bytes to, %llu from", (unsigned long long)to.bytes,
          (unsigned long long)from.bytes);
    if (!stream->plan && begin(stream)) {
        Access accesses[] = { { from.block, from.offset, from.offset + from.bytes, false },
                              { to.block, to.offset, to.offset + to.bytes, true } };
        track(stream, accesses, 2);
        VkBufferCopy region = { from.offset, to.offset, to.bytes };
        vkCmdCopyBuffer(stream->commands[stream->current].buffer, from.block->buffer, to.block->buffer, 1, &region);
    }
    spend(stream, 0, 2 * (double)to.bytes);
}

void stream_fill(Stream *stream, Span span, uint32_t word)
{
    if (!stream->plan && begin(stream)) {
        track(stream, &(Access){ span.block, span.offset, span.offset + span.bytes, true }, 1);
        vkCmdFillBuffer(stream->commands[stream->current].buffer, span.block->buffer, span.offset, span.bytes, word);
    }
    spend(stream, 0, (double)span.bytes);
}

void stream_fill_guard(Stream *stream, Span span)
{
    Span guard = { span.block, span.offset + span.bytes, span.guard };
    if (span.guard) stream_fill(stream, guard, guard_word(span));
}

static bool need_staging(Stream *stream)
{
    return stream->staging.buffer || block_create(stream->gpu, (uint64_t)STAGING_PARTS * PART_BYTES, BLOCK_STAGING,
                                                  &stream->staging, &stream->error);
}

// The ring's next part, once the copy from it has run. The next copy to be recorded is the one from it.
static bool take_part(Stream *stream, Span *part)
{
    uint64_t *done = &stream->part_done[stream->next_part];
    if (*done > stream->submitted) stream_submit(stream);
    if (stream_failed(stream)) return false;
    if (!wait_until(stream, *done < stream->submitted ? *done : stream->submitted)) return false;
    *done = stream->submitted + 1;
    *part = (Span){ &stream->staging, (uint64_t)stream->next_part * PART_BYTES, PART_BYTES };
    stream->next_part = (stream->next_part + 1) % STAGING_PARTS;
    return true;
}

static void write_by_staging(Stream *stream, Span to, const char *data, uint64_t bytes)
{
    if (!need_staging(stream)) return;
    for (uint64_t done = 0, n; done < bytes; done += n) {
        Span part;
        if (!take_part(stream, &part)) return;
        n = bytes - done < PART_BYTES ? bytes - done : PART_BYTES;
        memcpy(part.block->mapped + part.offset, data + done, n);
        stream_copy(stream, span_part(to, done, n), span_part(part, 0, n));
        if (n == PART_BYTES) stream_submit(stream); // it travels while the next is filled
    }
}

// Small data travels inside the command buffer. Large data goes straight into memory that the host reaches if nothing
// is recorded or running, and otherwise through the staging ring, in its turn.
void stream_write(Stream *stream, Span to, const void *data, uint64_t bytes)
{
    CHECK(bytes <= to.bytes && bytes % 4 == 0, "stream_write: %llu bytes into %llu", (unsigned long long)bytes,
          (unsigned long long)to.bytes);
    enum { INLINE_BYTES = 65536 };
    if (stream->plan || stream_failed(stream) || bytes == 0) return;
    if (bytes <= INLINE_BYTES) {
        if (!begin(stream)) return;
        track(stream, &(Access){ to.block, to.offset, to.offset + bytes, true }, 1);
        vkCmdUpdateBuffer(stream->commands[stream->current].buffer, to.block->buffer, to.offset, bytes, data);
        spend(stream, 0, (double)bytes);
    } else if (to.block->mapped && !stream->busy)
        memcpy(to.block->mapped + to.offset, data, bytes);
    else
        write_by_staging(stream, to, data, bytes);
}

bool stream_read(Stream *stream, Span from, void *data, uint64_t bytes, Error *err)
{
    CHECK(!stream->plan, "stream_read: a plan has no values");
    CHECK(bytes <= from.bytes, "stream_read: %llu bytes from %llu", (unsigned long long)bytes,
          (unsigned long long)from.bytes);
    if (stream->gpu->traits.unified) {
        if (!stream_wait(stream, err)) return false;
        memcpy(data, from.block->mapped + from.offset, bytes);
        return true;
    }
    if (!need_staging(stream)) return stream_wait(stream, err);
    for (uint64_t done = 0, n; done < bytes; done += n) {
        n = bytes - done < stream->staging.bytes ? bytes - done : stream->staging.bytes;
        stream_copy(stream, (Span){ &stream->staging, 0, n }, span_part(from, done, n));
        if (!stream_wait(stream, err)) return false;
        memcpy((char *)data + done, stream->staging.mapped, n);
    }
    return true;
}

// ---- Profiles ----------------------------------------------------------------------------------------------------

static void collect_times(Stream *stream)
{
    if (!stream->timed_count) return;
    uint64_t *stamps = NEW_ARRAY(uint64_t, PROFILE_QUERIES);
    uint32_t count = 2 * stream->timed_count;
    VkResult result = vkGetQueryPoolResults(stream->gpu->device, stream->queries, 0, count, count * sizeof *stamps,
                                            stamps, sizeof *stamps, VK_QUERY_RESULT_64_BIT);
    for (uint32_t i = 0; i < stream->timed_count && result == VK_SUCCESS; i++) {
        double ticks = (double)((stamps[2 * i + 1] - stamps[2 * i]) & stream->gpu->timestamp_mask);
        add_time(stream, stream->timed[i], ticks * stream->gpu->traits.timestamp_ns * 1e-9, stream->timed_flops[i],
                 stream->timed_bytes[i]);
    }
    stream->timed_count = 0;
    free(stamps);
}

static int longer(const void *a, const void *b)
{
    double x = ((const KernelTime *)a)->seconds, y = ((const KernelTime *)b)->seconds;
    return (x < y) - (x > y);
}

const KernelTime *stream_profile(Stream *stream, int *count)
{
    if (!stream->plan) {
        stream_submit(stream);
        if (wait_until(stream, stream->submitted)) collect_times(stream);
    }
    if (stream->times_count > 1) qsort(stream->times, (size_t)stream->times_count, sizeof *stream->times, longer);
    *count = stream->times_count;
    return stream->times;
}

void stream_profile_reset(Stream *stream)
{
    int count;
    stream_profile(stream, &count);
    stream->times_count = 0;
}
