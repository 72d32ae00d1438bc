// The two kernels that the roof is measured by do the work that they are counted for.
#include "ops/bench.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

static Gpu *gpu;
static Stream *stream;
static Span data, sums;

enum { ITEMS_ = 128, TURNS = 3, LOADS = 16, SHARE = TURNS * LOADS, NUMBERS = ITEMS_ * SHARE * 4 };

static void open_device(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    ck_assert(gpu_alloc(gpu, 4 * NUMBERS, &data, &err) && gpu_alloc(gpu, 4 * ITEMS_, &sums, &err));
}

static void close_device(void)
{
    gpu_free(gpu, data);
    gpu_free(gpu, sums);
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

static void read_sums(float got[ITEMS_])
{
    Error err = { "" };
    ck_assert_msg(stream_read(stream, sums, got, 4 * ITEMS_, &err), "%s", err.message);
}

// Each item sums its share and no other: side by side with its neighbours, or a run of its own; by both kinds of load.
START_TEST(every_byte_is_read_once)
{
    typedef struct BytesArgs {
        uint32_t turns, first, next;
    } BytesArgs;
    bool runs = _i & 1, texel = _i & 2;
    if (texel && gpu_traits(gpu)->max_texel_elements < NUMBERS / 4) return;
    float *numbers = malloc(4 * NUMBERS), got[ITEMS_];
    for (int i = 0; i < NUMBERS; i++) numbers[i] = (float)(i * 37 % 101);
    stream_write(stream, data, numbers, 4 * NUMBERS);
    gpu_dispatch(stream, KERNEL(gpu, texel ? "roof_bytes.texel" : "roof_bytes"), ITEMS(ITEMS_, .bytes = 4 * NUMBERS),
                 SPANS(data, sums), ARGS(BytesArgs, TURNS, runs ? SHARE : 1, runs ? 1 : ITEMS_));
    read_sums(got);
    for (int item = 0; item < ITEMS_; item++) {
        float want = 0; // whole numbers: any order gives the same
        for (int k = 0; k < SHARE; k++)
            for (int j = 0; j < 4; j++) want += numbers[4 * (runs ? item * SHARE + k : item + k * ITEMS_) + j];
        if (got[item] != want) ck_abort_msg("item %d has %g, not %g", item, (double)got[item], (double)want);
    }
    free(numbers);
}
END_TEST

// The chains end at the fixed points of x² + c: never NaN, denormal or infinite.
START_TEST(chains_stay_near_their_fixed_points)
{
    typedef struct FlopsArgs {
        uint32_t turns;
    } FlopsArgs;
    float got[ITEMS_];
    double want = 0;
    for (int k = 1; k <= 4; k++) want += 3 * (1 - sqrt(1 - 4 * 0.05 * k)) / 2;
    gpu_dispatch(stream, KERNEL(gpu, "roof_flops"), ITEMS(ITEMS_, .flops = 1), SPANS(sums), ARGS(FlopsArgs, TURNS));
    read_sums(got);
    for (int item = 0; item < ITEMS_; item++) ck_assert_double_eq_tol((double)got[item], want, 1e-5);
}
END_TEST

Suite *suite_roof(void);
Suite *suite_roof(void)
{
    Suite *suite = suite_create("roof");
    TCase *tests = tcase_create("roof");
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_loop_test(tests, every_byte_is_read_once, 0, 4);
    tcase_add_test(tests, chains_stay_near_their_fixed_points);
    suite_add_tcase(suite, tests);
    return suite;
}
