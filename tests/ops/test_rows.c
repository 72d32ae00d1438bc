// What the op table cannot say of the row ops: whose memory a gradient takes, what a NaN does, small bindings.
#include "ops/op.h"
#include "ops/ops.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static Gpu *gpu;
static Stream *stream;

static void open_device(uint64_t max_binding_bytes)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true, .max_binding_bytes = max_binding_bytes }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
}

static void close_device(void)
{
    ck_assert_int_eq(gpu_validation_messages(), 0);
    stream_close(stream);
    gpu_close(gpu);
}

static Tensor input(Shape shape, const float *values)
{
    Error err = { "" };
    Tensor x;
    ck_assert_msg(tensor_alloc(gpu, &x, F32, shape, &err), "%s", err.message);
    tensor_write(stream, &x, values);
    return x;
}

static void read_floats(Span span, float *values, int n)
{
    Error err = { "" };
    ck_assert_msg(stream_read(stream, span, values, 4 * (uint64_t)n, &err), "%s", err.message);
}

// ---- Cross entropy's gradient in the logits' memory -----------------------------------------------------------------

enum { R = 5, V = 12 };

// A copy of x, made by an op that needs no copy's values when it goes backward: sums of rows of one.
static Tensor *copied(Tape *t, Tensor *x)
{
    return reshape(t, reduce_rows(t, REDUCE_SUM, reshape(t, x, SHAPE(count(x), 1))), x->shape);
}
static Tensor *normalised(Tape *t, Tensor *x) { return log_softmax(t, x, NULL); } // reads its output going backward
static Tensor *unchanged(Tape *t, Tensor *x) { return (void)t, x; }
static Tensor *viewed(Tape *t, Tensor *x) { return reshape(t, x, SHAPE(1, R, V)); }

static bool same_place(Span a, Span b) { return a.block == b.block && a.offset == b.offset; }

// Runs backward and holds dx against softmax − onehot, which all ways of making the logits have. `more` adds a
// second reader of the logits. Returns whether the gradient lies in the logits' memory.
static bool gradient_in_place(Tensor *(*make)(Tape *t, Tensor *x), bool more)
{
    float values[R * V], got[R * V];
    Random random = { .key = random_key(1, "logits") };
    for (int i = 0; i < R * V; i++) values[i] = (float)random_normal(&random);
    Error err = { "" };
    Tensor x = input(SHAPE(R, V), values), targets;
    ck_assert_msg(tensor_alloc_grad(gpu, &x, &err), "%s", err.message);
    ck_assert_msg(tensor_alloc(gpu, &targets, I32, SHAPE(R), &err), "%s", err.message);
    tensor_write_ids(stream, &targets, (const int32_t[R]){ 0, 11, -1, 4, 4 });

    Tape *t = tape_open(stream);
    t->train = true;
    Tensor *logits = make(t, &x), *sum = more ? reduce_all(t, REDUCE_SUM, logits) : NULL;
    Tensor *losses, *loss = cross_entropy(t, logits, &targets, 0, &losses);
    if (more) loss = reduce_all(t, REDUCE_SUM, reshape(t, losses, SHAPE(R))), (void)sum;
    tape_backward(t, loss, 1);
    read_floats(x.grad->span, got, R * V);
    bool in_place = same_place(logits->grad->span, logits->span);

    int target[R] = { 0, 11, -1, 4, 4 };
    for (int r = 0; r < R; r++) {
        double exps = 0;
        for (int i = 0; i < V; i++) exps += exp((double)values[r * V + i]);
        for (int i = 0; i < V; i++) {
            double want = exp((double)values[r * V + i]) / exps - (i == target[r]);
            want = target[r] < 0 ? 0 : more ? want : want / 4;
            ck_assert_double_eq_tol((double)got[r * V + i], want, 2e-6);
        }
    }
    tape_close(t);
    tensor_free(gpu, &x);
    tensor_free(gpu, &targets);
    return in_place;
}

START_TEST(logits_become_their_gradient)
{
    open_device(0);
    ck_assert(gradient_in_place(copied, false));
    ck_assert(!gradient_in_place(copied, true));      // another node reads the logits
    ck_assert(!gradient_in_place(normalised, false)); // the node that made them does
    ck_assert(!gradient_in_place(unchanged, false));  // they are the caller's
    ck_assert(!gradient_in_place(viewed, false));
    close_device();
}
END_TEST

// ---- NaN ---------------------------------------------------------------------------------------------------------------

static const char *const cross_entropy_kernels[] = { NULL,
                                                     "cross_entropy",
                                                     "cross_entropy.subgroup",
                                                     "cross_entropy.fours",
                                                     "cross_entropy.texel",
                                                     "cross_entropy.workgroup",
                                                     "cross_entropy.workgroup_fours" };

static float mean_loss(const float *values, int32_t target, const char *force)
{
    Error err = { "" };
    float loss;
    Tensor x = input(SHAPE(1, V), values), targets;
    ck_assert_msg(tensor_alloc(gpu, &targets, I32, SHAPE(1), &err), "%s", err.message);
    tensor_write_ids(stream, &targets, &target);
    Tape *t = tape_open(stream);
    t->force = force;
    read_floats(cross_entropy(t, &x, &targets, 0, NULL)->span, &loss, 1);
    tape_close(t);
    tensor_free(gpu, &x);
    tensor_free(gpu, &targets);
    return loss;
}

START_TEST(nan_is_not_passed_over)
{
    open_device(0);
    for (size_t k = 0; k < COUNT_OF(cross_entropy_kernels); k++) {
        float values[V] = { 0 };
        ck_assert_float_eq_tol(mean_loss(values, 3, cross_entropy_kernels[k]), logf(V), 1e-5f);
        ck_assert_float_nan(mean_loss(values, V, cross_entropy_kernels[k])); // a target that is no token
        for (int at = 0; at < V; at += V - 1) {
            float holed[V] = { 0 };
            holed[at] = NAN;
            ck_assert_float_nan(mean_loss(holed, 3, cross_entropy_kernels[k]));
            for (int i = 0; i < V; i++) holed[i] = i == at ? NAN : -INFINITY;
            ck_assert_float_nan(mean_loss(holed, 3, cross_entropy_kernels[k]));
        }
    }
    float values[V] = { 1, 2, NAN, 9 }, top[2], acted[V];
    int32_t first[2], best;
    Error err = { "" };
    Tensor x = input(SHAPE(1, V), values), *ids;
    Tape *t = tape_open(stream);
    Tensor *y = topk(t, &x, 2, &ids);
    read_floats(y->span, top, 2);
    ck_assert(tensor_read_ids(stream, ids, first, &err) && tensor_read_ids(stream, argmax(t, &x), &best, &err));
    ck_assert_float_nan(top[0]);
    ck_assert_float_eq(top[1], 9);
    ck_assert(first[0] == 2 && first[1] == 3 && best == 2);
    for (int i = 0; i < ACTIVATIONS; i++) {
        read_floats(activate(t, (Activation)i, &x)->span, acted, V);
        ck_assert_float_nan(acted[2]);
        ck_assert(!isnan(acted[0]) && !isnan(acted[3]));
    }
    tape_close(t);
    tensor_free(gpu, &x);
    close_device();
}
END_TEST

// A position that the table does not have turns what it should to NaN, and nothing else.
static void hold_rope(const char *force, int64_t D, int64_t turned, RopePairing pairing)
{
    enum { T = 4, P = 3, MOST = T * 16 };
    float values[MOST], angles[P * 16], y[MOST];
    Error err = { "" };
    for (int i = 0; i < MOST; i++) values[i] = (float)i;
    rope_table(angles, P, turned, (RopeScaling){ .base = 100 });
    Tensor x = input(SHAPE(1, T, 1, D), values), table = input(SHAPE(P, turned / 2, 2), angles), pos;
    ck_assert_msg(tensor_alloc(gpu, &pos, I32, SHAPE(1, T), &err), "%s", err.message);
    tensor_write_ids(stream, &pos, (const int32_t[T]){ 0, P, 2, -1 });
    Tape *t = tape_open(stream);
    t->force = force;
    read_floats(rope(t, &x, &pos, &table, pairing)->span, y, (int)(T * D));
    for (int64_t i = 0; i < T * D; i++)
        ck_assert_msg(isnan(y[i]) == (i / D % 2 == 1 && i % D < turned), "%s: y[%d] is %g", force, (int)i,
                      (double)y[i]);
    tape_close(t);
    tensor_free(gpu, &x);
    tensor_free(gpu, &table);
    tensor_free(gpu, &pos);
}

START_TEST(rope_shows_a_position_outside)
{
    open_device(0);
    for (int pairing = ROPE_INTERLEAVED; pairing <= ROPE_HALVES; pairing++) {
        hold_rope("rope", 6, 4, (RopePairing)pairing);
        hold_rope("rope_fours", 16, 8, (RopePairing)pairing);
        hold_rope("rope_fours.texel", 16, 8, (RopePairing)pairing);
    }
    close_device();
}
END_TEST

// ---- Tables larger than a binding --------------------------------------------------------------------------------------

static const char *const split_ops[] = { "softmax",       "log_softmax", "layernorm",      "rmsnorm",
                                         "cross_entropy", "reduce_rows", "reduce_columns", "argmax",
                                         "topk",          "global_norm", "adamw",          "sgd",
                                         "random_fill" };

static bool among_split_ops(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(split_ops); i++)
        if (!strcmp(name, split_ops[i])) return true;
    return false;
}

// The op table once more on a device that binds so little that most tables are taken in parts. A row must fit.
static void hold_with_limit(uint64_t limit, int at_least)
{
    open_device(limit);
    int split = 0;
    for (int i = 0; i < ops_count; i++) {
        if (!among_split_ops(ops[i]->name)) continue;
        for (int c = 0; c < ops[i]->case_count; c++) {
            const Case *problem = &ops[i]->cases[c];
            uint64_t row = 4 * (uint64_t)problem->size[1];
            if (problem->bench || row + 256 > limit) continue;
            split += (uint64_t)problem->size[0] * (problem->size[1] ? row : 4) > limit;
            TrialResult result;
            Error err = { "" };
            ck_assert_msg(trial_run(stream, ops[i], problem, NULL, true, &result, &err), "%s %s: %s", ops[i]->name,
                          problem->label, err.message);
            ck_assert_msg(result.pass, "%s %s: %s", ops[i]->name, problem->label, result.why);
        }
    }
    ck_assert_int_ge(split, at_least);
    close_device();
}

START_TEST(tables_in_parts)
{
    hold_with_limit(96 << 10, 5);
    hold_with_limit(4 << 10, 15);
}
END_TEST

Suite *suite_rows(void);
Suite *suite_rows(void)
{
    Suite *suite = suite_create("rows");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, logits_become_their_gradient);
    tcase_add_test(tests, nan_is_not_passed_over);
    tcase_add_test(tests, rope_shows_a_position_outside);
    tcase_add_test(tests, tables_in_parts);
    suite_add_tcase(suite, tests);
    return suite;
}
