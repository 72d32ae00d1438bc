// The GPU layer: one device with its queue, memory and kernels. The only folder that calls Vulkan compute.
//
//   Gpu     a device, opened once; its Traits are the static facts by which ops choose kernels
//   Span    bytes of device memory: what kernels read and write
//   Kernel  a shader with its specialization constants, reflected from the SPIR-V
//   Stream  records dispatches in order; barriers come from the ranges that each one reads and writes
//
// A Gpu may be used by many threads; a Stream by one thread at a time.
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Gpu Gpu;
typedef struct Kernel Kernel;
typedef struct Stream Stream;

// ---- Devices ---------------------------------------------------------------------------------------------------

typedef enum GpuType { GPU_OTHER, GPU_INTEGRATED, GPU_DISCRETE, GPU_VIRTUAL, GPU_CPU } GpuType;

// What a device is and can do. Nothing by which ops choose is measured: the same device always takes the same kernels.
typedef struct GpuTraits {
    char name[256], driver[544];
    GpuType type;
    uint32_t vendor_id, device_id, driver_version, api_version;
    uint8_t driver_uuid[16];
    uint32_t subgroup_size; // what the driver reports; the compiler may pick another
    // Sizes that a kernel can have for certain: by requiring one or, where both are equal, always. 0 where it cannot.
    uint32_t min_subgroup_size, max_subgroup_size;
    bool subgroup_shuffle, subgroup_arithmetic;
    bool f16_storage, f16_arithmetic, int8_storage, int8_arithmetic;
    bool integer_dot;        // a dot product of 4 × 8 signed bits that the device accelerates
    uint32_t max_loop_steps; // an invocation's loops end, silently, after so many steps in all (llvmpipe); 0: never
    bool texel_loads_fast;   // a texel fetch beats a storage-buffer load (Mesa's llvmpipe)
    bool host_writes;        // the host writes all of its memory in place (unified memory, resizable BAR)
    bool unified;            // and reads it there
    uint32_t max_workgroup_invocations, max_workgroup_count[3], shared_bytes;
    uint32_t alignment; // of a tensor's first byte: covers storage and texel bindings
    uint64_t max_binding_bytes, max_texel_elements, max_allocation_bytes;
    uint64_t memory_bytes; // of its own memory: what the driver says that this process can have now, else all
    double timestamp_ns;   // of one tick; 0 without timestamps
} GpuTraits;

typedef struct GpuOptions {
    const char *device; // index, or a part of the name in any case; NULL takes $LECTERN_DEVICE, else the best type
    bool validate;      // the validation layer with synchronisation validation; also $LECTERN_VALIDATE=1
    bool profile;       // serialises the dispatches and times each one
    bool statistics;    // keeps what the driver's compiler says of each kernel
    bool poison;        // tests: fresh memory is filled with NaN, and spans have guards (see gpu_guard_bytes)
    // Tests lower these to reach the paths of weaker devices; 0 leaves the device's own.
    uint64_t max_binding_bytes, max_allocation_bytes;
    bool no_texel, no_host_access;
    double dispatch_flops; // the most that one dispatch may cost, where an op can be cut; 0 means 1e11
    double submit_seconds; // the estimated cost at which a command buffer is submitted; 0 means 0.05
} GpuOptions;

const char *gpu_type_name(GpuType type);

// The devices in the order of their indices. Returns how many (at most `max` are written), or −1 with `err` set when
// there is no loader or driver.
int gpu_list(GpuTraits *traits, int max, Error *err);

// Opens a device and executes nothing on it. NULL and `err` on failure. `options` may be NULL.
Gpu *gpu_open(const GpuOptions *options, Error *err);
void gpu_close(Gpu *gpu);
const GpuTraits *gpu_traits(const Gpu *gpu);
const GpuOptions *gpu_options(const Gpu *gpu);

// Messages of the validation layer since the process began, and under GpuOptions.poison guards that gpu_free found
// written to and errors that nobody fetched from a stream. Tests hold this at 0.
int gpu_validation_messages(void);

// ---- Memory ----------------------------------------------------------------------------------------------------

typedef struct GpuBlock GpuBlock;

// A range of device memory. `offset` and `bytes` are multiples of 4.
typedef struct Span {
    GpuBlock *block;
    uint64_t offset, bytes;
    uint64_t guard; // bytes behind them that kernels reach but must leave alone, in tests; else 0
} Span;

// Takes `bytes` (rounded up to 4), aligned for every kind of binding. False with `err` naming what was asked for and
// what is in use. Spans larger than traits.max_binding_bytes can be taken but only parts of them bound.
bool gpu_alloc(Gpu *gpu, uint64_t bytes, Span *span, Error *err);
void gpu_free(Gpu *gpu, Span span);     // only the stream that uses it next may have recorded a use of it
uint64_t gpu_allocated(const Gpu *gpu); // bytes handed out now

static inline Span span_part(Span span, uint64_t offset, uint64_t bytes)
{
    return (Span){ span.block, span.offset + offset, bytes, offset + bytes == span.bytes ? span.guard : 0 };
}

// A range is bound to the byte, so a driver that checks bounds drops what a kernel writes behind it and gives it zeros
// to read: a mistake that no test on such a driver sees. Under GpuOptions.poison the spans of gpu_alloc and the tensors
// of a tape have so many bytes of NaN behind them, bound as well: what is read there spoils the result, and what is
// written there is found. 0 otherwise, and where the host cannot look.
uint64_t gpu_guard_bytes(const Gpu *gpu);
bool gpu_guard_holds(Span span); // nobody has written behind the span; what was recorded has run

// ---- Kernels ---------------------------------------------------------------------------------------------------

enum { GPU_MAX_BINDINGS = 16, GPU_MAX_CONSTANTS = 8 };

// One compiled shader of shaders/, as the build lists them.
typedef struct Shader {
    const char *name;                // file name and variant: "matmul_nt_tile", "matmul_nt_tile.f16"
    const char *path;                // "shaders/matmul/matmul_nt_tile.comp"
    const char *source;              // GLSL, as the reader sees it
    const uint32_t *code, *code_end; // SPIR-V
} Shader;
extern const Shader shaders[]; // sorted by name
extern const int shaders_count;
const Shader *shader_find(const char *name); // NULL if the build made none of that name

typedef struct KernelSpec {
    const char *shader;
    uint32_t constants[GPU_MAX_CONSTANTS]; // specialization constants 0, 1, …; 0 keeps the shader's own value
    uint32_t subgroup;                     // the subgroup size that it needs (with full subgroups); 0: any
} KernelSpec;

// As KernelSpec.subgroup: the size that traits.subgroup_size says, for shaders that are right with every size but need
// gl_SubgroupSize to be the true one. To be had where traits.max_subgroup_size is not 0.
#define SUBGROUP_OWN UINT32_MAX

// The kernel of a spec, made once and kept by `gpu`. Its pipeline is compiled when first dispatched. Stops if the
// build has no such shader.
const Kernel *gpu_kernel(Gpu *gpu, const KernelSpec *spec);
#define KERNEL(gpu, ...) gpu_kernel(gpu, &(KernelSpec){ __VA_ARGS__ })

const char *kernel_name(const Kernel *kernel);
const Shader *kernel_shader(const Kernel *kernel);
void kernel_local_size(const Kernel *kernel, uint32_t size[3]);

// Compiles the pipeline now. False and `err` if the driver refuses it.
bool kernel_compile(const Kernel *kernel, Error *err);

// What the driver's compiler says of a compiled kernel (VK_KHR_pipeline_executable_properties): calls `visit` for each
// statistic, after "Subgroup size", and returns their number; 0 where the driver has none or the option is off.
int kernel_statistics(const Kernel *kernel, void (*visit)(void *context, const char *name, double value),
                      void *context);

// ---- Streams ---------------------------------------------------------------------------------------------------

// How much a dispatch does. Either `items` invocations (the groups follow, folded over y where x is too short: the
// shader asks item_index()), or x × y × z groups (0 counts as 1).
typedef struct Work {
    uint64_t items;
    uint32_t x, y, z;
    double flops, bytes; // what the dispatch costs, for submits, profiles and plans
} Work;
#define ITEMS(n, ...) ((Work){ .items = (uint64_t)(n), __VA_ARGS__ })
#define GROUPS(n, ...) ((Work){ .x = (uint32_t)(n), __VA_ARGS__ })

typedef struct Spans {
    const Span *span;
    int count;
} Spans;
#define SPANS(...) \
    ((Spans){ (const Span[]){ __VA_ARGS__ }, (int)(sizeof((const Span[]){ __VA_ARGS__ }) / sizeof(Span)) })
#define ARGS(type, ...) (&(const type){ __VA_ARGS__ }), sizeof(type)

Stream *stream_open(Gpu *gpu, Error *err);

// A stream that records nothing and only counts: the planning pass.
Stream *stream_open_plan(Gpu *gpu);
bool stream_is_plan(const Stream *stream);
void stream_close(Stream *stream); // waits for what was submitted
Gpu *stream_gpu(const Stream *stream);

// Records one dispatch. Reads and writes follow from the shader's readonly and writeonly qualifiers. Stops, with the
// call site and both numbers, if spans or args don't fit the shader. Never fails otherwise: the stream keeps the first
// error and stream_wait returns it.
#define gpu_dispatch(...) gpu_dispatch_at(__FILE__, __LINE__, __VA_ARGS__)
void gpu_dispatch_at(const char *file, int line, Stream *stream, const Kernel *kernel, Work work, Spans spans,
                     const void *args, size_t args_bytes);

void stream_copy(Stream *stream, Span to, Span from); // the same number of bytes
void stream_fill(Stream *stream, Span span, uint32_t word);
void stream_fill_guard(Stream *stream, Span span);                            // of memory that a tape handed out anew
void stream_write(Stream *stream, Span to, const void *data, uint64_t bytes); // the data is copied now
void stream_submit(Stream *stream);                                           // starts what was recorded

// Runs all that was recorded. False with the first error since the stream was opened or last failed.
bool stream_wait(Stream *stream, Error *err);
bool stream_read(Stream *stream, Span from, void *data, uint64_t bytes, Error *err); // waits

// The first error so far, without waiting: a loop that records for long asks it. stream_fail makes one: later calls do
// nothing, as after an error of the device.
bool stream_failed(const Stream *stream);
void stream_fail(Stream *stream, const Error *cause);

// What was recorded since the stream was opened (a plan counts too).
typedef struct StreamCount {
    uint64_t dispatches, submits, barriers;
    double flops, bytes;
} StreamCount;
StreamCount stream_count(const Stream *stream);

// ---- Profiles --------------------------------------------------------------------------------------------------

typedef struct KernelTime {
    const Kernel *kernel;
    uint64_t calls;
    double seconds, flops, bytes;
} KernelTime;

// Times by kernel since the last reset, the longest first; needs options.profile. Waits for the stream. Of a plan: the
// kernels that it would dispatch, without times. The list lives until the next call.
const KernelTime *stream_profile(Stream *stream, int *count);
void stream_profile_reset(Stream *stream);
