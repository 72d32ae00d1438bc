// Flash attention and plain attention are the same function: y and every gradient, from the same inputs.
#include "base/random.h"
#include "device.h"
#include "ops/op.h"
#include "ops/ops.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { Q, K, V, BIAS, INPUTS_, Y = INPUTS_, ALL };
static const char *const names[ALL] = { "dq", "dk", "dv", "dbias", "y" };

typedef struct Problem {
    int64_t B, T, S, H, G, D, window;
    bool causal, bias, packed;
} Problem;

static const Problem problems[] = {
    { 1, 128, 128, 6, 6, 64, .causal = true }, // as in training
    { 2, 70, 70, 6, 2, 32, .causal = true, .bias = true },
    { 1, 90, 90, 4, 1, 20, .window = 9, .packed = true },
    { 2, 50, 41, 2, 2, 5 },
};

static void put_normal(Tensor *x, Shape shape, const char *name, bool needs_grad)
{
    Error err = { "" };
    Random random = { .key = random_key(3, name) };
    ck_assert_msg(tensor_alloc(gpu, x, F32, shape, &err), "%s", err.message);
    float *values = malloc((size_t)count(x) * sizeof *values);
    for (int64_t i = 0; i < count(x); i++) values[i] = (float)random_normal(&random);
    tensor_write(stream, x, values);
    free(values);
    if (needs_grad) ck_assert_msg(tensor_alloc_grad(gpu, x, &err), "%s", err.message);
}

// Sequences of 25 places, the same for queries and keys.
static void put_sequences(Tensor *x, int64_t B, int64_t n)
{
    Error err = { "" };
    ck_assert_msg(tensor_alloc(gpu, x, I32, SHAPE(B, n), &err), "%s", err.message);
    int32_t *ids = malloc((size_t)count(x) * sizeof *ids);
    for (int64_t i = 0; i < count(x); i++) ids[i] = (int32_t)(i % n / 25);
    tensor_write_ids(stream, x, ids);
    free(ids);
}

static float *values_of(Span span, int64_t *n)
{
    Error err = { "" };
    *n = (int64_t)span.bytes / 4;
    float *values = malloc(span.bytes);
    ck_assert_msg(stream_read(stream, span, values, span.bytes, &err), "%s", err.message);
    return values;
}

// y and the gradients of Σ dy·y by one of the two; NULL where the problem has none.
static void run(const Problem *p, bool plain, float *results[ALL], int64_t counts[ALL])
{
    Tensor in[INPUTS_] = { 0 }, q_seq, k_seq, dy;
    put_normal(&in[Q], SHAPE(p->B, p->T, p->H, p->D), "q", true);
    put_normal(&in[K], SHAPE(p->B, p->S, p->G, p->D), "k", true);
    put_normal(&in[V], SHAPE(p->B, p->S, p->G, p->D), "v", true);
    put_normal(&dy, SHAPE(p->B, p->T, p->H, p->D), "dy", false);
    if (p->bias) put_normal(&in[BIAS], SHAPE(p->H, p->T, p->S), "bias", true);
    put_sequences(&q_seq, p->B, p->T);
    put_sequences(&k_seq, p->B, p->S);
    Attention a = { .causal = p->causal, .window = p->window, .bias = p->bias ? &in[BIAS] : NULL };
    if (p->packed) a.q_seq = &q_seq, a.k_seq = &k_seq;

    Tape *t = tape_open(stream);
    t->train = true;
    Tensor *y = plain ? attention_plain(t, &in[Q], &in[K], &in[V], &a, NULL) : attention(t, &in[Q], &in[K], &in[V], &a);
    tape_backward_from(t, &y, &dy.span, 1);
    for (int i = 0; i < INPUTS_; i++) results[i] = in[i].grad ? values_of(in[i].grad->span, &counts[i]) : NULL;
    results[Y] = values_of(y->span, &counts[Y]);
    tape_close(t);
    for (int i = 0; i < INPUTS_; i++)
        if (in[i].grad) tensor_free(gpu, &in[i]);
    tensor_free(gpu, &q_seq);
    tensor_free(gpu, &k_seq);
    tensor_free(gpu, &dy);
}

START_TEST(flash_equals_plain)
{
    float *flash[ALL], *plain[ALL];
    int64_t n[ALL];
    run(&problems[_i], false, flash, n);
    run(&problems[_i], true, plain, n);
    for (int r = 0; r < ALL; r++) {
        if (!flash[r]) continue;
        double error = 0, power = 0;
        for (int64_t i = 0; i < n[r]; i++) {
            double off = (double)flash[r][i] - (double)plain[r][i];
            error += off * off;
            power += (double)plain[r][i] * (double)plain[r][i];
        }
        ck_assert_msg(power > 0 && error <= 1e-10 * power, "%s: normalised mean squared error %g", names[r],
                      error / power);
        free(flash[r]);
        free(plain[r]);
    }
}
END_TEST

// The pattern alone can be what a loss is made of.
START_TEST(the_pattern_carries_a_gradient)
{
    enum { T = 6, D = 4 };
    Tensor q, k, v;
    put_normal(&q, SHAPE(1, T, 1, D), "q", true);
    put_normal(&k, SHAPE(1, T, 1, D), "k", true);
    put_normal(&v, SHAPE(1, T, 1, D), "v", true);
    Tape *t = tape_open(stream);
    t->train = true;
    Tensor *pattern;
    attention_plain(t, &q, &k, &v, &(Attention){ .causal = true }, &pattern);
    tape_backward(t, reduce_all(t, REDUCE_SUM, mul(t, pattern, pattern)), 1);
    int64_t n;
    float *dq = values_of(q.grad->span, &n), most = 0;
    for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(dq[i]));
    for (int64_t i = 0; i < D; i++) ck_assert_float_eq(dq[i], 0); // the first query sees one key, whatever it asks
    ck_assert_float_gt(most, 1e-3f);
    ck_assert(!v.grad->written);
    free(dq);
    tape_close(t);
    tensor_free(gpu, &q);
    tensor_free(gpu, &k);
    tensor_free(gpu, &v);
}
END_TEST

// As it comes: the chunks of keys are then the only way.
START_TEST(more_keys_than_some_loops_reach)
{
    static const Case c = { .label = "65536 keys", .no_grad = true, .size = { 1, 1, 65536, 1, 1, 128 } };
    Error err = { "" };
    TrialResult result;
    int i = 0;
    while (strcmp(ops[i]->name, "attention") != 0) i++;
    ck_assert_msg(trial_run(stream, ops[i], &c, NULL, false, &result, &err), "%s", err.message);
    ck_assert_msg(result.pass, "%s", result.why);
}
END_TEST

Suite *suite_attention(void);
Suite *suite_attention(void)
{
    Suite *suite = suite_create("attention");
    TCase *tests = tcase_create("attention");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_loop_test(tests, flash_equals_plain, 0, COUNT_OF(problems));
    tcase_add_test(tests, the_pattern_carries_a_gradient);
    tcase_add_test(tests, more_keys_than_some_loops_reach);
    suite_add_tcase(suite, tests);
    return suite;
}
