// The tape: gradients that several tensors share, segments, marks, plans, failures, probes.
#include "base/random.h"
#include "ops/ops.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40, BLOCKS = 4, MAX_PARAMETERS = 1 + BLOCKS };

static Gpu *gpu;
static Stream *stream;
static Tensor parameter[MAX_PARAMETERS]; // [N/8, 8]
static float value[MAX_PARAMETERS][N];

static void open_device(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    Random random = { .key = random_key(7, "tape") };
    for (int p = 0; p < MAX_PARAMETERS; p++) {
        ck_assert(tensor_alloc(gpu, &parameter[p], F32, SHAPE(N / 8, 8), &err));
        ck_assert(tensor_alloc_grad(gpu, &parameter[p], &err));
        for (int i = 0; i < N; i++) value[p][i] = (float)random_normal(&random);
    }
}

static void close_device(void)
{
    for (int p = 0; p < MAX_PARAMETERS; p++) tensor_free(gpu, &parameter[p]);
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

static void fresh_parameters(void)
{
    for (int p = 0; p < MAX_PARAMETERS; p++) {
        tensor_write(stream, &parameter[p], value[p]);
        parameter[p].grad->written = false;
    }
}

static void read_span(Span span, float *to)
{
    Error err = { "" };
    ck_assert_msg(stream_read(stream, span, to, N * sizeof *to, &err), "%s", err.message);
}

static Tape *training_tape(void)
{
    Tape *t = tape_open(stream);
    t->train = true;
    fresh_parameters();
    return t;
}

static void hold_gradient(int p, float (*slope)(int i))
{
    float got[N];
    read_span(parameter[p].grad->span, got);
    for (int i = 0; i < N; i++)
        ck_assert_msg(got[i] - slope(i) < 1e-4f && slope(i) - got[i] < 1e-4f, "gradient %d[%d] is %g, not %g", p, i,
                      (double)got[i], (double)slope(i));
}

// ---- Gradients that are shared -----------------------------------------------------------------------------------

static float two(int i) { return (void)i, 2; }
static float six(int i) { return (void)i, 6; }

START_TEST(a_sum_with_itself)
{
    Tape *t = training_tape();
    Tensor *x = &parameter[0];
    tape_backward(t, add(t, x, x), 1);
    hold_gradient(0, two);
    tape_reset(t);
    Tensor *y = scale(t, x, 1); // and where the shared one is not a parameter
    tape_backward(t, scale(t, add(t, y, y), 2), 1);
    hold_gradient(0, six); // added to the 2 of before
    tape_close(t);
}
END_TEST

// y = x·w + 3x + x, of which each way adds its own part
static float three_ways(int i) { return value[1][i] + 4; }
static float times_x(int i) { return value[0][i]; }

START_TEST(a_tensor_used_three_times)
{
    Tape *t = training_tape();
    Tensor *x = scale(t, &parameter[0], 1);
    tape_backward(t, add(t, add(t, mul(t, x, &parameter[1]), scale(t, x, 3)), x), 1);
    hold_gradient(0, three_ways);
    hold_gradient(1, times_x);
    tape_close(t);
}
END_TEST

// r1 = x + x·w1, r2 = r1 + r1·w2, r3 = r2 + r2·w3
static float chain(int i, int without)
{
    float product = without ? value[0][i] : 1;
    for (int p = 1; p <= 3; p++) product *= p == without ? 1 : 1 + value[p][i];
    return product;
}
static float chain_x(int i) { return chain(i, 0); }
static float chain_1(int i) { return chain(i, 1); }
static float chain_2(int i) { return chain(i, 2); }
static float chain_3(int i) { return chain(i, 3); }

START_TEST(a_chain_of_residuals)
{
    Tape *t = training_tape();
    Tensor *x = scale(t, &parameter[0], 1);
    for (int p = 1; p <= 3; p++) x = residual(t, x, mul(t, x, &parameter[p]));
    tape_backward(t, x, 1);
    hold_gradient(0, chain_x);
    hold_gradient(1, chain_1);
    hold_gradient(2, chain_2);
    hold_gradient(3, chain_3);
    tape_close(t);
}
END_TEST

// Three slices give a gradient each to their own columns, the last column gets none.
static float by_column(int i) { return (float[]){ 1, 1, 1, 5, 5, -2, -2, 0 }[i % 8]; }

START_TEST(slices_and_reshapes)
{
    Tape *t = training_tape();
    Tensor *x = reshape(t, reshape(t, &parameter[0], SHAPE(N)), SHAPE(N / 8, 8));
    Tensor *a = slice(t, x, 1, 0, 3), *b = slice(t, x, -1, 3, 2), *c = slice(t, x, 1, 5, 2);
    Tensor *y = concat(t, (Tensor *[]){ a, scale(t, b, 5), scale(t, c, -2) }, 3, 1);
    ck_assert(shape_equal(y->shape, SHAPE(N / 8, 7)));
    tape_backward(t, y, 1);
    hold_gradient(0, by_column);
    tape_close(t);
}
END_TEST

// ---- A step, in every way ----------------------------------------------------------------------------------------

static Tensor *block(Tape *t, Tensor *x, const void *context)
{
    Tensor *w = &parameter[1 + *(const int *)context];
    t->layer = *(const int *)context;
    Tensor *h = probe(t, "mlp.hook_pre", mul(t, x, w));
    x = residual(t, x, dropout(t, activate(t, GELU_TANH, h), 0.25f));
    t->layer = -1;
    return x;
}

typedef struct Step {
    bool train, segments;
    ListenFn *listen;
    void *listen_context;
} Step;

typedef struct Outcome {
    float y[N], gradient[MAX_PARAMETERS][N];
    uint64_t peak;
    StreamCount count;
} Outcome;

// y = dropout(blocks(2·x)) forward and, when training, backward
static Tensor *record(Tape *t, Step step)
{
    t->train = step.train;
    t->dropout_key = 99;
    tape_listen(t, "*", step.listen, step.listen_context);
    Tensor *x = probe(t, "hook_embed", scale(t, &parameter[0], 2));
    for (int i = 0; i < BLOCKS; i++) {
        TapeMark mark = tape_mark(t);
        x = step.segments ? tape_segment(t, block, x, &i, sizeof i) : block(t, x, &i);
        tape_release(t, mark);
    }
    x = dropout(t, x, 0.25f);
    if (step.train) tape_backward(t, x, 1);
    return x;
}

static StreamCount spent(StreamCount before)
{
    StreamCount now = stream_count(stream);
    return (StreamCount){ .dispatches = now.dispatches - before.dispatches,
                          .flops = now.flops - before.flops,
                          .bytes = now.bytes - before.bytes };
}

static Outcome run(Step step)
{
    Outcome outcome = { 0 };
    Tape *t = tape_open(stream);
    fresh_parameters();
    StreamCount before = stream_count(stream);
    Tensor *y = record(t, step);
    outcome.count = spent(before);
    outcome.peak = t->memory.peak;
    read_span(y->span, outcome.y);
    for (int p = 0; step.train && p < MAX_PARAMETERS; p++) read_span(parameter[p].grad->span, outcome.gradient[p]);
    tape_close(t);
    return outcome;
}

static void hold_equal(const Outcome *a, const Outcome *b)
{
    ck_assert_mem_eq(a->y, b->y, sizeof a->y);
    ck_assert_mem_eq(a->gradient, b->gradient, sizeof a->gradient);
}

START_TEST(dropout_drops)
{
    Outcome outcome = run((Step){ .train = true });
    int zeros = 0;
    for (int i = 0; i < N; i++) zeros += outcome.y[i] == 0;
    ck_assert_int_gt(zeros, 0);
    ck_assert_int_lt(zeros, N / 2);
}
END_TEST

START_TEST(segments_change_no_bit)
{
    Outcome whole = run((Step){ .train = true }), segments = run((Step){ .train = true, .segments = true });
    hold_equal(&whole, &segments);
    ck_assert_uint_gt(segments.count.dispatches, whole.count.dispatches); // blocks were computed twice
}
END_TEST

START_TEST(inference_equals_training_and_gives_memory_back)
{
    Outcome trained = run((Step){ .train = true }), inferred = run((Step){ .train = false });
    ck_assert_mem_eq(trained.y, inferred.y, sizeof trained.y);

    // One block's temporaries at a time, whatever the number of blocks.
    Tape *t = tape_open(stream);
    fresh_parameters();
    Tensor *x = scale(t, &parameter[0], 2);
    uint64_t before = t->memory.total, peak = 0;
    for (int i = 0; i < BLOCKS; i++) {
        TapeMark mark = tape_mark(t);
        ck_assert_ptr_eq(block(t, x, &i), x);
        ck_assert_uint_gt(t->memory.total, before);
        tape_release(t, mark);
        ck_assert_uint_eq(t->memory.total, before);
        if (i == 0) peak = t->memory.peak;
    }
    ck_assert_uint_eq(t->memory.peak, peak);
    ck_assert_int_eq(t->node_count, 0);
    tape_close(t);
}
END_TEST

START_TEST(a_plan_tells_memory_and_work)
{
    Stream *real = stream, *plan = stream_open_plan(gpu);
    for (int way = 0; way < 3; way++) {
        Step step = { .train = way > 0, .segments = way == 2 };
        stream = real;
        Outcome outcome = run(step);

        stream = plan;
        for (int p = 0; p < MAX_PARAMETERS; p++) parameter[p].grad->written = false;
        Tape *t = tape_open(plan);
        StreamCount before = stream_count(plan);
        record(t, step);
        StreamCount count = spent(before);
        uint64_t peak = t->memory.peak;
        tape_close(t);
        ck_assert_uint_eq(peak, outcome.peak);
        ck_assert_uint_eq(count.dispatches, outcome.count.dispatches);
        ck_assert(count.flops == outcome.count.flops && count.flops > 0);

        // What the plan has found is enough: nothing more is taken.
        stream = real;
        Error err = { "" };
        t = tape_open(real);
        ck_assert_msg(tape_reserve(t, peak, &err), "%s", err.message);
        uint64_t allocated = gpu_allocated(gpu);
        fresh_parameters();
        record(t, step);
        ck_assert_msg(stream_wait(real, &err), "%s", err.message);
        ck_assert_uint_eq(gpu_allocated(gpu), allocated);
        ck_assert_int_eq(t->memory.chunk_count, 1);
        tape_close(t);
    }
    stream_close(plan);
}
END_TEST

// ---- Failures ----------------------------------------------------------------------------------------------------

START_TEST(a_failed_stream_does_nothing)
{
    Tape *t = tape_open(stream);
    fresh_parameters();
    Error err = { "" }, cause = { "the cause" };
    ck_assert(stream_wait(stream, &err));
    stream_fail(stream, &cause);
    residual(t, &parameter[0], &parameter[1]);
    ck_assert(stream_failed(stream));
    ck_assert(!stream_wait(stream, &err));
    ck_assert_str_eq(err.message, "the cause");
    float got[N];
    read_span(parameter[0].span, got);
    ck_assert_mem_eq(got, value[0], sizeof got);
    residual(t, &parameter[0], &parameter[1]); // and it works again
    read_span(parameter[0].span, got);
    for (int i = 0; i < N; i++) ck_assert(got[i] == value[0][i] + value[1][i]);
    tape_close(t);
}
END_TEST

START_TEST(memory_that_runs_out_fails_the_stream)
{
    Tape *t = tape_open(stream);
    fresh_parameters();
    Error err = { "" };
    tape_tensor(t, F32, SHAPE(1ll << 44));
    ck_assert(stream_failed(stream));
    residual(t, &parameter[0], &parameter[1]);
    ck_assert(!stream_wait(stream, &err));
    ck_assert(err.message[0] != '\0');
    tape_close(t);
}
END_TEST

// ---- Probes ------------------------------------------------------------------------------------------------------

typedef struct Heard {
    char names[16][64];
    int count;
} Heard;

// Listens, and computes something aside from what it hears.
static void listen_and_compute(void *context, Tape *t, const char *name, Tensor *x)
{
    Heard *heard = context;
    ck_assert_int_lt(heard->count, 16);
    snprintf(heard->names[heard->count++], sizeof heard->names[0], "%s", name);
    float got[N];
    read_span(scale(t, x, 3)->span, got);
}

// One number too many in a tensor: giving its memory back, by reset or by release, fails the stream and says which.
START_TEST(writing_behind_a_tensor_fails_the_stream)
{
    typedef struct FillArgs {
        uint32_t n;
        float value;
    } FillArgs;
    Error err = { "" };
    Tape *t = tape_open(stream);
    for (uint32_t extra = 0; extra < 2; extra++)
        for (int by_release = 0; by_release < 2; by_release++) {
            TapeMark mark = tape_mark(t);
            Tensor *before = tape_tensor(t, F32, SHAPE(7)), *x = tape_tensor(t, F32, SHAPE(3, 5));
            if (!x->span.guard) continue; // a device whose memory the host cannot look at
            gpu_dispatch(stream, KERNEL(gpu, "fill"), ITEMS(16, .bytes = 64), SPANS(before->span),
                         ARGS(FillArgs, 7, 1));
            gpu_dispatch(stream, KERNEL(gpu, "fill"), ITEMS(16, .bytes = 64), SPANS(x->span),
                         ARGS(FillArgs, 15 + extra, 1));
            if (by_release)
                tape_release(t, mark);
            else
                tape_reset(t);
            ck_assert_int_eq(stream_wait(stream, &err), !extra);
            ck_assert_str_eq(err.message, extra ? "a kernel wrote behind a tensor of f32 [3, 5]" : "");
            err = (Error){ "" };
        }
    tape_close(t);
}
END_TEST

START_TEST(probes_are_heard_and_change_no_bit)
{
    for (int way = 0; way < 3; way++) {
        Step step = { .train = way > 0, .segments = way == 2 };
        Heard heard = { .count = 0 };
        Outcome silent = run(step);
        step.listen = listen_and_compute;
        step.listen_context = &heard;
        Outcome listened = run(step);
        hold_equal(&silent, &listened);
        ck_assert_int_eq(heard.count, 1 + BLOCKS); // a segment's second pass is not heard again
        ck_assert_str_eq(heard.names[0], "hook_embed");
        ck_assert_str_eq(heard.names[1], "blocks.0.mlp.hook_pre");
        ck_assert_str_eq(heard.names[BLOCKS], "blocks.3.mlp.hook_pre");
    }
}
END_TEST

Suite *suite_tape(void);
Suite *suite_tape(void)
{
    Suite *suite = suite_create("tape");
    TCase *tests = tcase_create("tape");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_test(tests, a_sum_with_itself);
    tcase_add_test(tests, a_tensor_used_three_times);
    tcase_add_test(tests, a_chain_of_residuals);
    tcase_add_test(tests, slices_and_reshapes);
    tcase_add_test(tests, dropout_drops);
    tcase_add_test(tests, segments_change_no_bit);
    tcase_add_test(tests, inference_equals_training_and_gives_memory_back);
    tcase_add_test(tests, a_plan_tells_memory_and_work);
    tcase_add_test(tests, a_failed_stream_does_nothing);
    tcase_add_test(tests, memory_that_runs_out_fails_the_stream);
    tcase_add_test(tests, writing_behind_a_tensor_fails_the_stream);
    tcase_add_test(tests, probes_are_heard_and_change_no_bit);
    suite_add_tcase(suite, tests);
    return suite;
}
