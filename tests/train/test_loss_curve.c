// Fifty steps of training beside PyTorch's: the same first weights and batches must give the same losses, to a relative 1e-5
// (PyTorch in float32 is 2e-7 from itself in float64). The fixture, with all settings, is made by tests/peers/loss_curve.py,
// where both models are written down once more.
#include "train/trainer.h"
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static Gpu *gpu;
static Stream *stream;
static json_t *fixture;

static void open_all(void)
{
    Error err = { "" };
    json_error_t at;
    fixture = json_load_file("tests/train/fixtures/loss_curve.json", 0, &at);
    ck_assert_msg(fixture != NULL, "%s: %s", at.source, at.text);
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
}

static void close_all(void)
{
    stream_close(stream);
    gpu_close(gpu);
    json_decref(fixture);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s is missing", key);
    return json_number_value(value);
}

static double at(const json_t *run, const char *list, size_t i)
{
    return json_number_value(json_array_get(json_object_get(run, list), i));
}

static Model *declare(const json_t *run)
{
    const json_t *c = json_object_get(run, "config");
    const Family *family = family_find(json_string_value(json_object_get(run, "arch")));
    Config config = { .n_layers = (int)number(c, "n_layers"),
                      .n_heads = (int)number(c, "n_heads"),
                      .n_kv_heads = (int)number(c, "n_kv_heads"),
                      .d_model = (int)number(c, "d_model"),
                      .d_ff = (int)number(c, "d_ff"),
                      .vocab_size = (int)number(c, "vocab_size"),
                      .seq_len = (int)number(c, "seq_len"),
                      .tied = json_is_true(json_object_get(c, "tied")) };
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    parameters_train(&model->parameters);
    return model;
}

static TrainOptions read_options(const json_t *run, int64_t steps)
{
    const json_t *o = json_object_get(run, "options");
    return (TrainOptions){ .batch = (int)number(o, "batch"),
                           .seq_len = (int)number(json_object_get(run, "config"), "seq_len"),
                           .grad_accum = (int)number(o, "grad_accum"),
                           .steps = steps,
                           .warmup = (int64_t)number(o, "warmup"),
                           .lr = number(o, "lr"),
                           .min_lr = number(o, "min_lr"),
                           .beta1 = number(o, "beta1"),
                           .beta2 = number(o, "beta2"),
                           .eps = 1e-8,
                           .weight_decay = number(o, "weight_decay"),
                           .clip = number(o, "clip"),
                           .seed = (uint64_t)number(o, "seed") };
}

START_TEST(losses_are_those_of_pytorch)
{
    Error err = { "" };
    int32_t ids[4000];
    const json_t *run = json_array_get(json_object_get(fixture, "runs"), (size_t)_i);
    size_t steps = json_array_size(json_object_get(run, "losses"));
    ck_assert_uint_eq(steps, 50);
    Model *model = declare(run);
    int kinds = model->config.vocab_size < 50 ? model->config.vocab_size : 50;
    for (int i = 0; i < 4000; i++) ids[i] = (i * i + i / 7) % kinds;
    TrainOptions o = read_options(run, (int64_t)steps);
    TrainPlan plan = train_plan(model, &o, NULL);
    Trainer trainer;
    BatchesSource source = { "ids", "4000", "" };
    ck_assert_msg(trainer_open(&trainer, model, stream, &o, &plan, ids, 4000, source, &err), "%s", err.message);
    double loss_off = 0, norm_off = 0;
    for (size_t i = 0; i < steps; i++) {
        StepReport step;
        ck_assert_msg(trainer_step(&trainer, &step, &err), "%s", err.message);
        double loss = at(run, "losses", i), norm = at(run, "grad_norms", i), rate = at(run, "rates", i);
        loss_off = fmax(loss_off, fabs(step.loss - loss) / loss);
        norm_off = fmax(norm_off, fabs(step.grad_norm - norm) / norm);
        ck_assert_msg(loss_off <= 1e-5, "step %zu: the loss is %.7g, PyTorch's %.7g", i + 1, step.loss, loss);
        ck_assert_msg(norm_off <= 1e-4, "step %zu: the gradient's norm is %.7g, PyTorch's %.7g", i + 1, step.grad_norm,
                      norm);
        ck_assert_double_eq_tol(step.lr, rate, 1e-8 * rate);
    }
    printf("%s: losses within %.1e of PyTorch's, norms within %.1e\n", model->family->arch, loss_off, norm_off);
    trainer_close(&trainer);
    model_free(model);
}
END_TEST

Suite *suite_loss_curve(void);
Suite *suite_loss_curve(void)
{
    Suite *suite = suite_create("loss_curve");
    TCase *tests = tcase_create("loss_curve");
    tcase_set_timeout(tests, 180);
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_loop_test(tests, losses_are_those_of_pytorch, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
