// Training: the same seed gives the same bits, a resumed run the bits of one that never stopped, a plan the memory that
// is taken; and what happens on bad days.
#include "base/file.h"
#include "train/checkpoint.h"
#include "train/dataset.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Gpu *gpu;
static Stream *stream;
static char folder[64];
static int32_t ids[4000];

static void open_device(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    strcpy(folder, "/tmp/lectern-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int i = 0; i < 4000; i++) ids[i] = (i * i + i / 7) % 50; // something to learn
}

static void close_device(void)
{
    stream_close(stream);
    gpu_close(gpu);
    for (int i = 0; i < 40; i++) {
        char *path = mem_format("%s/step-%d", folder, i);
        dir_remove(path, NULL);
        free(path);
    }
    dir_remove(folder, NULL);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

static Trainer start(const char *arch, double dropout)
{
    Error err = { "" };
    const Family *family = family_find(arch);
    Config config = { .n_layers = 2,
                      .n_heads = 2,
                      .d_model = 16,
                      .vocab_size = 257,
                      .seq_len = 12,
                      .tied = true,
                      .dropout = (float)dropout };
    family->defaults(&config);
    TrainOptions o = { .batch = 3,
                       .seq_len = 12,
                       .grad_accum = 2,
                       .steps = 12,
                       .warmup = 2,
                       .lr = 1e-2,
                       .min_lr = 1e-3,
                       .beta1 = 0.9,
                       .beta2 = 0.99,
                       .eps = 1e-8,
                       .weight_decay = 0.1,
                       .clip = 1,
                       .dropout = dropout,
                       .seed = 5 };
    Model *model = model_new(gpu, family, &config);
    parameters_train(&model->parameters);
    TrainPlan plan = train_plan(model, &o, NULL);
    Trainer trainer;
    ck_assert_msg(trainer_open(&trainer, model, stream, &o, &plan, ids, 4000, (BatchesSource){ "x", "y", "z" }, &err),
                  "%s", err.message);
    return trainer;
}

static void finish(Trainer *trainer)
{
    Model *model = trainer->model;
    trainer_close(trainer);
    model_free(model);
}

static double run_steps(Trainer *trainer, int n)
{
    Error err = { "" };
    StepReport report = { 0 };
    for (int i = 0; i < n; i++) ck_assert_msg(trainer_step(trainer, &report, &err), "%s", err.message);
    return report.loss;
}

// All weights and moments, one after another.
static float *bits(const Trainer *trainer, size_t *n)
{
    const Parameters *ps = &trainer->model->parameters;
    float *values = malloc(3 * (size_t)parameters_count(ps) * sizeof *values);
    Error err = { "" };
    *n = 0;
    for (int i = 0; i < ps->count; i++) {
        const Tensor *list[] = { &ps->list[i]->tensor, &trainer->m[i], &trainer->v[i] };
        for (int k = 0; k < 3; k++, *n += (size_t)count(list[0]))
            ck_assert_msg(tensor_read(stream, list[k], values + *n, &err), "%s", err.message);
    }
    return values;
}

static const char *const archs[] = { "gpt2", "llama" };

START_TEST(same_seed_same_bits_and_it_learns)
{
    size_t n;
    Trainer a = start(archs[_i], 0.1);
    double first = run_steps(&a, 1), last = run_steps(&a, 11);
    float *x = bits(&a, &n);
    finish(&a);
    Trainer b = start(archs[_i], 0.1);
    run_steps(&b, 12);
    float *y = bits(&b, &n);
    finish(&b);
    ck_assert_mem_eq(x, y, n * sizeof *x);
    ck_assert_msg(last < first - 0.3, "loss %g after one step, %g after twelve", first, last);
    free(x), free(y);
}
END_TEST

START_TEST(resumed_equals_uninterrupted)
{
    size_t n;
    Error err = { "" };
    Trainer a = start(archs[_i], 0.1);
    Tokenizer *tokenizer = tokenizer_byte();
    RunState state = { .data_hash = 77, .best_loss = 1.5, .settings = json_object() }, loaded = { .data_hash = 77 };
    run_steps(&a, 5);
    ck_assert_msg(checkpoint_save(&a, tokenizer, folder, &state, &err), "%s", err.message);
    run_steps(&a, 2); // these are lost, as when a run is killed
    finish(&a);
    ck_assert_int_eq(checkpoint_last(folder), 5);
    Trainer b = start(archs[_i], 0.1);
    ck_assert_msg(checkpoint_load(&b, folder, 5, &loaded, &err), "%s", err.message);
    ck_assert_double_eq(loaded.best_loss, 1.5);
    ck_assert_str_eq(loaded.other_origin.message, "");
    run_steps(&b, 7);
    float *resumed = bits(&b, &n);
    finish(&b);
    Trainer c = start(archs[_i], 0.1);
    run_steps(&c, 12);
    float *whole = bits(&c, &n);
    finish(&c);
    ck_assert_mem_eq(resumed, whole, n * sizeof *whole);
    free(resumed), free(whole);
    tokenizer_free(tokenizer);
    json_decref(state.settings);
}
END_TEST

START_TEST(a_plan_is_what_a_step_takes)
{
    Trainer a = start("gpt2", 0);
    TrainOptions o = a.options;
    run_steps(&a, 1);
    StreamCount before = stream_count(stream);
    run_steps(&a, 1);
    StreamCount after = stream_count(stream);
    uint64_t peak = a.tape->memory.peak;
    Model *planned = model_new(gpu, family_find("gpt2"), &a.model->config);
    parameters_train(&planned->parameters);
    TrainPlan plan = train_plan(planned, &o, NULL);
    ck_assert_uint_eq(plan.memory.activations, peak);
    double step = plan.flops_per_token * o.batch * o.seq_len * o.grad_accum;
    ck_assert_double_eq_tol(step, after.flops - before.flops, 1e-6 * step);
    model_free(planned);
    finish(&a);
}
END_TEST

// The kernels that a plan names are those that a step runs; a checkpoint of others says so when it is loaded.
START_TEST(a_checkpoint_knows_its_kernels)
{
    Error err = { "" };
    Gpu *profiled = gpu_open(&(GpuOptions){ .profile = true }, &err);
    ck_assert_msg(profiled != NULL, "%s", err.message);
    Gpu *old_gpu = gpu;
    Stream *old_stream = stream;
    gpu = profiled, stream = stream_open(gpu, &err);
    Trainer a = start(archs[_i], 0.1);
    stream_profile_reset(stream);
    run_steps(&a, 2);
    int count;
    const KernelTime *times = stream_profile(stream, &count);
    ck_assert_int_eq(count, a.kernels.count);
    for (int i = 0; i < count; i++) {
        bool named = false;
        for (int j = 0; j < a.kernels.count; j++) named |= a.kernels.list[j] == times[i].kernel;
        ck_assert_msg(named, "%s", kernel_name(times[i].kernel));
    }
    Tokenizer *tokenizer = tokenizer_byte();
    RunState state = { .data_hash = 77, .best_loss = INFINITY, .settings = json_object() };
    ck_assert_msg(checkpoint_save(&a, tokenizer, folder, &state, &err), "%s", err.message);
    a.kernels.count--;
    ck_assert_msg(checkpoint_load(&a, folder, 2, &state, &err), "%s", err.message);
    ck_assert_ptr_nonnull(strstr(state.other_origin.message, "the checkpoint was computed by other kernels"));
    ck_assert_ptr_nonnull(strstr(state.other_origin.message, "step-2/state.json"));
    a.kernels.count++;
    ck_assert_msg(checkpoint_load(&a, folder, 2, &state, &err), "%s", err.message);
    ck_assert_str_eq(state.other_origin.message, "");
    finish(&a);
    tokenizer_free(tokenizer);
    json_decref(state.settings);
    stream_close(stream);
    gpu_close(gpu);
    gpu = old_gpu, stream = old_stream;
}
END_TEST

static uint64_t planned_activations(const char *arch, int T)
{
    const Family *family = family_find(arch);
    Config config = { .n_layers = 3, .n_heads = 4, .d_model = 64, .vocab_size = 512, .seq_len = T, .tied = true };
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    parameters_train(&model->parameters);
    Error err = { "" };
    TrainPlan plan = train_plan(model, &(TrainOptions){ .batch = 2, .seq_len = T, .grad_accum = 1, .steps = 9 }, &err);
    ck_assert_msg(!error_is_set(&err), "%s", err.message);
    model_free(model);
    return plan.memory.activations;
}

// Flash attention keeps no T × T table: but for a small constant part, twice the tokens take exactly twice the bytes.
START_TEST(activations_are_linear_in_tokens)
{
    uint64_t bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = planned_activations(archs[_i], 128 << i);
    for (int i = 0; i < 2; i++) ck_assert_uint_eq(bytes[i + 2] - bytes[i + 1], 2 * (bytes[i + 1] - bytes[i]));
    uint64_t constant = 2 * bytes[0] - bytes[1];
    ck_assert_uint_lt(constant, bytes[3] / 100);
}
END_TEST

// What is in step-5 is overwritten by `change`; loading must say which file and what.
static void expect_refused(void (*change)(const char *path), const char *file, const char *message)
{
    Error err = { "" };
    Trainer a = start("gpt2", 0);
    Tokenizer *tokenizer = tokenizer_byte();
    RunState state = { .data_hash = 77, .best_loss = INFINITY, .settings = json_object() };
    run_steps(&a, 1);
    ck_assert_msg(checkpoint_save(&a, tokenizer, folder, &state, &err), "%s", err.message);
    char *path = mem_format("%s/step-1/%s", folder, file);
    change(path);
    ck_assert(!checkpoint_load(&a, folder, 1, &state, &err));
    ck_assert_msg(strstr(err.message, file) && strstr(err.message, message), "%s", err.message);
    finish(&a);
    free(path);
    path = path_join(folder, "step-1");
    ck_assert(dir_remove(path, NULL));
    free(path);
    tokenizer_free(tokenizer);
    json_decref(state.settings);
}

static void cut(const char *path) { ck_assert(truncate(path, 5000) == 0); }
static void edit(const char *path)
{
    FILE *file = fopen(path, "r+b");
    fseek(file, -9, SEEK_END);
    fputc(fgetc(file) ^ 1, file);
    fclose(file);
}
static void spoil(const char *path) { ck_assert(file_write(path, "{\"version\": 1, ", 15, NULL)); }
static void empty(const char *path) { ck_assert(file_write(path, "{}", 2, NULL)); }

START_TEST(broken_checkpoints_are_refused)
{
    expect_refused(cut, "model.gguf", "truncated or edited");
    expect_refused(edit, "optimizer.gguf", "truncated or edited");
    expect_refused(spoil, "state.json", "line 1");
    expect_refused(empty, "state.json", "version is missing");
}
END_TEST

START_TEST(other_data_is_refused)
{
    Error err = { "" };
    Trainer a = start("gpt2", 0);
    Tokenizer *tokenizer = tokenizer_byte();
    RunState state = { .data_hash = 77, .best_loss = INFINITY, .settings = json_object() };
    run_steps(&a, 1);
    ck_assert(checkpoint_save(&a, tokenizer, folder, &state, &err));
    state.data_hash = 78;
    ck_assert(!checkpoint_load(&a, folder, 1, &state, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "the data is not what the run was trained on"));
    finish(&a);
    tokenizer_free(tokenizer);
    json_decref(state.settings);
}
END_TEST

START_TEST(a_loss_that_is_no_number_stops)
{
    Error err = { "" };
    StepReport report;
    size_t n;
    Trainer a = start("gpt2", 0);
    run_steps(&a, 1);
    float nan_ = NAN;
    Tensor *weight = a.model->layers[1].ffn.up.weight;
    stream_write(stream, span_part(weight->span, 0, 4), &nan_, 4);
    float *before = bits(&a, &n);
    ck_assert(!trainer_step(&a, &report, &err));
    ck_assert_str_eq(err.message,
                     "step 2: the loss is not a number; a lower learning rate or gradient clipping may help");
    float *after = bits(&a, &n);
    ck_assert_mem_eq(before, after, n * sizeof *after);
    free(before), free(after);
    finish(&a);
}
END_TEST

START_TEST(learning_rate_rises_and_falls)
{
    TrainOptions o = { .steps = 110, .warmup = 10, .lr = 1, .min_lr = 0.1 };
    ck_assert_double_eq_tol(learning_rate(&o, 0), 1.0 / 11, 1e-12);
    ck_assert_double_eq_tol(learning_rate(&o, 9), 10.0 / 11, 1e-12);
    ck_assert_double_eq_tol(learning_rate(&o, 10), 1, 1e-12);
    ck_assert_double_eq_tol(learning_rate(&o, 60), 0.55, 1e-12);
    ck_assert_double_eq_tol(learning_rate(&o, 110), 0.1, 1e-12);
}
END_TEST

START_TEST(tales_and_tokenizers)
{
    static const char *const kinds[] = { "char", "byte", "bpe:300" };
    for (int i = 0; i < 3; i++) {
        Error err = { "" };
        Dataset d;
        DatasetOptions o = { .data = "tales", .tokenizer = kinds[i], .seed = 1, .bytes = 20000 };
        ck_assert_msg(dataset_open(&o, &d, NULL, NULL, &err), "%s", err.message);
        ck_assert_uint_gt(d.n_train, 1000);
        ck_assert_uint_gt(d.n_val, 100);
        ck_assert_int_eq(d.train[d.n_train - 1], tokenizer_eos(d.tokenizer)); // a tale ends with its end
        dataset_close(&d);
    }
    Error err = { "" };
    Dataset d;
    DatasetOptions o = { .data = "tales", .tokenizer = "bpe:100", .seed = 1, .bytes = 20000 };
    ck_assert(!dataset_open(&o, &d, NULL, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "100"));
}
END_TEST

// A vocabulary that puts every text between two tokens, for a text that has no documents.
START_TEST(a_text_without_documents_has_no_ends)
{
    Error err = { "" };
    Tokenizer *byte = tokenizer_byte();
    Vocabulary v = tokenizer_vocabulary(byte);
    v.bos = v.eos = tokenizer_eos(byte);
    v.add_bos = v.add_eos = true;
    Tokenizer *between = tokenizer_load(&v, &err);
    ck_assert_msg(between != NULL, "%s", err.message);
    char *vocabulary = path_join(folder, "v.gguf"), *text = path_join(folder, "text");
    GgufWriter *w = gguf_writer_new();
    tokenizer_to_gguf(between, w);
    ck_assert(gguf_writer_save(w, vocabulary, &err) && file_write(text, "abcdefghij", 10, &err));
    Dataset d;
    DatasetOptions o = { .data = text, .tokenizer = vocabulary, .val_fraction = 0.5 };
    ck_assert_msg(dataset_open(&o, &d, NULL, NULL, &err), "%s", err.message);
    TokenList list = { 0 };
    tokenizer_encode_whole(d.tokenizer, "a", 1, false, &list);
    ck_assert_uint_eq(list.count, 1);
    dataset_close(&d);
    o.data = "tales", o.bytes = 1000;
    ck_assert_msg(dataset_open(&o, &d, NULL, NULL, &err), "%s", err.message);
    list.count = 0;
    tokenizer_encode_whole(d.tokenizer, "a", 1, false, &list);
    ck_assert_uint_eq(list.count, 3);
    dataset_close(&d);
    gguf_writer_free(w);
    tokenizer_free(between);
    tokenizer_free(byte);
    free(list.ids);
    free(vocabulary);
    free(text);
}
END_TEST

Suite *suite_train(void);
Suite *suite_train(void)
{
    Suite *suite = suite_create("train");
    TCase *tests = tcase_create("train");
    tcase_set_timeout(tests, 180);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_loop_test(tests, same_seed_same_bits_and_it_learns, 0, 2);
    tcase_add_loop_test(tests, resumed_equals_uninterrupted, 0, 2);
    tcase_add_test(tests, a_plan_is_what_a_step_takes);
    tcase_add_loop_test(tests, a_checkpoint_knows_its_kernels, 0, 2);
    tcase_add_loop_test(tests, activations_are_linear_in_tokens, 0, 2);
    tcase_add_test(tests, broken_checkpoints_are_refused);
    tcase_add_test(tests, other_data_is_refused);
    tcase_add_test(tests, a_loss_that_is_no_number_stops);
    tcase_add_test(tests, learning_rate_rises_and_falls);
    tcase_add_test(tests, tales_and_tokenizers);
    tcase_add_test(tests, a_text_without_documents_has_no_ends);
    suite_add_tcase(suite, tests);
    return suite;
}
