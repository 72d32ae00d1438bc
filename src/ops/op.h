// What every file of src/ops gives: an op's formula as a CPU twin, its cases, and its kernels' ladders. The build lists
// all of them in one table; the unit tests, the gradient checks, `lectern doctor` and `lectern bench` loop over it.
//
//   const Op op_rmsnorm = { .name = "rmsnorm", .declare = …, .cpu = …, .run = …, CASES(rmsnorm_cases) };
#pragma once
#include "base/random.h"
#include "tensor/tape.h"

// ---- Ladders: several kernels for one product ---------------------------------------------------------------------

// One rung. `can` says if the device and the shape allow it, `chosen` if it is the one to take when they do; NULL means
// yes. Both see static traits only, so the same device and shape always take the same rung.
typedef struct Rung Rung;
typedef enum RungVerdict { RUNG_CANNOT, RUNG_CAN, RUNG_CHOSEN } RungVerdict;
struct Rung {
    KernelSpec kernel;
    bool (*can)(const GpuTraits *traits, const void *problem);
    bool (*chosen)(const GpuTraits *traits, const void *problem);
    // Instead of both, for ladders whose rungs differ in numbers: constants, subgroup, tile.
    RungVerdict (*judge)(const Rung *rung, const GpuTraits *traits, const void *problem);
    const char *idea; // one line for the learner: what this rung adds to the one before it
    uint32_t tile[4]; // the op's own: rows and columns that one group makes, …
};

typedef struct Ladder {
    const char *name; // "matmul_nt"
    const Rung *rung; // the naive one last: it can always run
    int count;
} Ladder;
#define LADDER(name_, rungs)               \
    {                                      \
        name_, rungs, (int)COUNT_OF(rungs) \
    }

// The first rung that can and is chosen; or the one that t->force names, if it is of this ladder and can run. Where none
// can, the stream fails, with the last rung for what is then recorded in vain.
const Rung *ladder_pick(Tape *t, const Ladder *ladder, const void *problem);

// For rungs that read by texel fetches: whether a texel buffer holds so many bytes behind an aligned base, and where it is
// the faster way to read.
static inline bool texels_hold(const GpuTraits *traits, uint64_t bytes)
{
    return (bytes + traits->alignment) / 16 <= traits->max_texel_elements;
}
bool rung_likes_texels(const GpuTraits *traits, const void *problem);

// A rung's kernel name as profiles, doctor and t->force have it: "matmul_nt_tile(8,8)".
const Kernel *rung_kernel(Gpu *gpu, const Rung *rung);

// The most that a dispatch should cost: a driver may kill work that runs for seconds. Ops that can be larger are cut.
static inline double op_most_flops(Gpu *gpu)
{
    double flops = gpu_options(gpu)->dispatch_flops;
    return flops > 0 ? flops : 1e11;
}

// ---- Cases -------------------------------------------------------------------------------------------------------

enum { TRIAL_TENSORS = 12 };

// One problem for an op, small or odd or large. `size`, `real` and `flags` mean what the op's declare() says.
typedef struct Case {
    const char *label; // "64x576 causal": unique within the op
    int64_t size[8];
    double real[4];
    uint32_t flags;
    DType dtype;         // of the op's main tensors or weights; F32 when left out
    const char *force;   // run this kernel alone, where the case is about one
    bool no_grad;        // forward only: too large for finite differences, or nothing to derive
    bool bench;          // a speed problem: bench runs it, the tests do not
    double flops, bytes; // for bench: what the problem costs by its formula (0: what the dispatches say)
} Case;

// An input or output of a running case. Values are doubles on the host, rounded to the dtype for inputs, so that the
// twin and the device see the same numbers.
typedef struct TrialTensor {
    const char *name;
    Shape shape;
    DType dtype;
    bool needs_grad;
    double *value; // input: filled by declare(); output: filled by the twin
    double *scale; // output: Σ|a||b| of each element, from the twin, for the bound of its error; NULL: max |y|
    int64_t count;
    uint8_t *planes; // input of a quantised type: what the device gets
    Tensor *tensor;  // on the device; outputs: set by run()
} TrialTensor;

typedef struct Trial {
    const Case *c;
    TrialTensor in[TRIAL_TENSORS], out[TRIAL_TENSORS];
    int in_count, out_count;
    bool plan; // values are 0: nothing will be computed
    Random random;
    Arena arena;
} Trial;

// For declare(): inputs in their order, filled; then outputs.
TrialTensor *trial_normal(Trial *trial, const char *name, DType dtype, Shape shape, bool needs_grad); // N(0, 1)
TrialTensor *trial_uniform(Trial *trial, const char *name, Shape shape, double low, double high, bool needs_grad);
// Weights of about `size`, without gradient.
TrialTensor *trial_quantized(Trial *trial, const char *name, DType dtype, int64_t N, int64_t K, double size);
TrialTensor *trial_ids(Trial *trial, const char *name, Shape shape, int64_t below); // 0 … below−1
TrialTensor *trial_output(Trial *trial, const char *name, DType dtype, Shape shape);
TrialTensor *trial_output_scaled(Trial *trial, const char *name, DType dtype, Shape shape); // the twin fills scale

typedef struct Op {
    const char *name;
    const Case *cases;
    int case_count;
    void (*declare)(Trial *trial);      // shapes and values of the case
    void (*cpu)(Trial *trial);          // the twin: out values from in values, in double
    void (*run)(Trial *trial, Tape *t); // the op itself: out tensors from in tensors
    const Ladder *ladder;               // each rung is tested on each case that it can run
    int ladder_count;
    double nmse; // largest normalised mean squared error in f32; 0 means 1e-11
    bool exact;  // ids, copies, random numbers: equal to the twin's value to the last bit
    // For bench: what backward needs to compute, as a multiple of forward's FLOPs, where its kernels compute again what
    // forward had. 0: all that they make.
    double backward_share;
} Op;
#define CASES(list) .cases = list, .case_count = (int)COUNT_OF(list)
#define LADDERS(list) .ladder = list, .ladder_count = (int)COUNT_OF(list)

extern const Op *const ops[]; // from the build, sorted by name
extern const int ops_count;

// Gives an input its memory on the device and its value.
bool trial_put(Stream *stream, Trial *trial, int input, Tensor *device, Error *err);

// ---- Trials ------------------------------------------------------------------------------------------------------

typedef struct TrialResult {
    double nmse;  // of the worst output: Σ(y − twin)² / Σ twin²
    double worst; // the largest error as a share of its element's bound
    double grad;  // the worst gradient's relative error against finite differences; −1: no gradient checked
    bool skipped; // `force` cannot run this case
    bool pass;
    char why[256]; // of a failure: which output, element, both values
} TrialResult;

// Runs one case on the device with `force` (a kernel's name, or NULL) and holds it against the twin and, if `gradients`
// and the case has them, against central differences of the twin in double. False with `err` when the device fails.
bool trial_run(Stream *stream, const Op *op, const Case *c, const char *force, bool gradients, TrialResult *result,
               Error *err);

// The same on a plan, where nothing runs: stream_profile(plan) then knows the kernels. False if `force` cannot run this
// case.
bool trial_plan(Stream *plan, const Op *op, const Case *c, const char *force, bool gradients);

// Calls `visit` for each case of the op and, where it has ladders, each rung; it says whether the rung took part. A case
// in which none did is visited once more as it comes. Speed problems (c->bench) alone, or all others.
typedef bool VisitFn(void *context, const Op *op, const Case *c, const char *force);
void op_each(const Op *op, Gpu *gpu, bool bench, VisitFn *visit, void *context);
