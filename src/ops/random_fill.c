// Uniform draws      x[i] = (word i mod 4 of philox(key, ⌊i/4⌋, subsequence) >> 8) · 2⁻²⁴, the i-th draw of a Random
//   x [...]          Salmon et al. 2011, §4. Equal to the last bit on every device.
#include "base/random.h"
#include "ops/ops.h"
#include "ops/rows.h"

static uint64_t case_key(const Trial *trial) { return random_key((uint64_t)trial->c->size[1], "fill"); }

static void random_fill_cpu(Trial *trial)
{
    Random random = { .key = case_key(trial), .subsequence = (uint64_t)trial->c->size[2] };
    TrialTensor *x = &trial->out[0];
    for (int64_t i = 0; i < x->count; i++) x->value[i] = (double)(random_u32(&random) >> 8) * 0x1p-24;
}

typedef struct FillArgs {
    uint32_t n, key_low, key_high, first_block, subsequence_low, subsequence_high;
} FillArgs;

void random_fill(Stream *stream, Tensor *x, uint64_t key, uint64_t subsequence)
{
    Gpu *gpu = stream_gpu(stream);
    int64_t n = count(x), most = rows_in_part(gpu_traits(gpu), 4) * 4; // whole blocks of four draws
    op_check(x->dtype == F32 && n / 4 < UINT32_MAX, "random_fill: x is %s", tensor_text(x));
    for (int64_t first = 0; first < n; first += most) {
        int64_t part = n - first < most ? n - first : most;
        gpu_dispatch(stream, KERNEL(gpu, "random_fill"),
                     ITEMS((part + 3) / 4, .flops = 20 * (double)part, .bytes = 4 * (double)part),
                     SPANS(span_part(x->span, 4 * (uint64_t)first, 4 * (uint64_t)part)),
                     ARGS(FillArgs, (uint32_t)part, (uint32_t)key, (uint32_t)(key >> 32), (uint32_t)(first / 4),
                          (uint32_t)subsequence, (uint32_t)(subsequence >> 32)));
    }
}

static void random_fill_declare(Trial *trial) { trial_output(trial, "x", F32, SHAPE(trial->c->size[0])); }

static void random_fill_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor = tape_tensor(t, F32, trial->out[0].shape);
    random_fill(t->stream, trial->out[0].tensor, case_key(trial), (uint64_t)trial->c->size[2]);
}

#define SIZE(n, seed, subsequence)                                   \
    {                                                                \
        .label = #n " seed " #seed, .size = { n, seed, subsequence } \
    }
static const Case cases[] = {
    SIZE(1, 0, 0),
    SIZE(7, 42, 3),
    SIZE(4099, 7, 1ll << 40),
};

const Op op_random_fill = { .name = "random_fill",
                            .declare = random_fill_declare,
                            .cpu = random_fill_cpu,
                            .run = random_fill_run,
                            CASES(cases),
                            .exact = true };
