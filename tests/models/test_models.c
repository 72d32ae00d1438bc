// Whole models: the same weights give the same logits in training, in a prefill and token by token; files hold a model.
#include "base/file.h"
#include "device.h"
#include "folder.h"
#include "generate/generator.h"
#include "generate/sampler.h"
#include "models/export.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *arch;
    Config config;
} models[] = {
    { "gpt2", { .n_layers = 2, .n_heads = 3, .d_model = 24, .vocab_size = 261, .seq_len = 80, .tied = true } },
    { "gpt2", { .n_layers = 2, .n_heads = 2, .d_model = 16, .vocab_size = 263, .seq_len = 80 } }, // untied
    { "llama", { .n_layers = 2, .n_heads = 4, .n_kv_heads = 2, .d_model = 32, .vocab_size = 257, .seq_len = 80 } },
    { "qwen2",
      { .n_layers = 2,
        .n_heads = 4,
        .n_kv_heads = 2,
        .d_model = 32,
        .vocab_size = 257,
        .seq_len = 80,
        .rope_linear = 2 } },
};

static Model *make(int i)
{
    Error err = { "" };
    const Family *family = family_find(models[i].arch);
    Config config = models[i].config;
    family->defaults(&config);
    ck_assert_msg(config_check(family, &config, &err), "%s", err.message);
    Model *model = model_new(gpu, family, &config);
    ck_assert_msg(model_alloc(model, stream, &err), "%s", err.message);
    parameters_init(&model->parameters, stream, 7);
    return model;
}

// Logits of all positions of one row of ids, without a cache.
static float *whole(const Model *model, const int32_t *ids, int n)
{
    Error err = { "" };
    Tape *t = tape_open(stream);
    int32_t positions[128];
    for (int i = 0; i < n; i++) positions[i] = i;
    Tensor *x = tape_tensor(t, I32, SHAPE(1, n)), *pos = tape_tensor(t, I32, SHAPE(1, n));
    tensor_write_ids(stream, x, ids);
    tensor_write_ids(stream, pos, positions);
    Tensor *y = model_logits(t, model, x, &(Place){ .pos = pos });
    float *logits = malloc((size_t)count(y) * sizeof *logits);
    ck_assert_msg(tensor_read(stream, y, logits, &err), "%s", err.message);
    tape_close(t);
    return logits;
}

static void expect_close(const float *a, const float *b, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabsf(a[i] - b[i]) <= 2e-5f * (1 + fabsf(b[i])), "%s: logit %d is %g, not %g", what, i,
                      (double)a[i], (double)b[i]);
}

START_TEST(cached_equals_whole)
{
    Error err = { "" };
    Model *model = make(_i);
    int V = model->config.vocab_size, n = 70; // over one page of the cache
    int32_t ids[70];
    Random random = { .key = 3 };
    for (int i = 0; i < n; i++) ids[i] = (int32_t)random_below(&random, (uint64_t)V);
    float *all = whole(model, ids, n);
    Generator g;
    ck_assert_msg(generator_open(&g, model, stream, 80, &err), "%s", err.message);
    ck_assert_msg(generator_feed(&g, ids, 60, &err), "%s", err.message); // prefill
    expect_close(g.logits, all + 59 * V, V, "prefill");
    for (int i = 60; i < n; i++) {
        ck_assert_msg(generator_feed(&g, ids + i, 1, &err), "%s", err.message);
        expect_close(g.logits, all + i * V, V, "decode");
    }
    ck_assert(!generator_feed(&g, ids, 60, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "130 tokens do not fit: the model's context is 80"));
    generator_close(&g);
    free(all);
    model_free(model);
}
END_TEST

static void hear(void *context, Tape *t, const char *name, Tensor *x)
{
    (void)t, (void)x;
    char *names = context;
    strcat(strcat(names, name), " ");
}

START_TEST(listening_changes_no_bit)
{
    Error err = { "" };
    Model *model = make(_i);
    int V = model->config.vocab_size;
    int32_t ids[] = { 5, 9, 200, 31, 7 };
    Generator a, b;
    char names[8192] = "";
    ck_assert(generator_open(&a, model, stream, 80, &err) && generator_open(&b, model, stream, 80, &err));
    tape_listen(b.tape, "*", hear, names);
    ck_assert_msg(generator_feed(&a, ids, 5, &err) && generator_feed(&b, ids, 5, &err), "%s", err.message);
    ck_assert_mem_eq(a.logits, b.logits, (size_t)V * sizeof *a.logits);
    ck_assert_ptr_nonnull(strstr(names, "hook_embed "));
    ck_assert_ptr_nonnull(strstr(names, "blocks.1.attn.hook_pattern "));
    ck_assert_ptr_nonnull(strstr(names, "blocks.0.hook_resid_mid "));
    generator_close(&a);
    generator_close(&b);
    model_free(model);
}
END_TEST

START_TEST(files_hold_a_model)
{
    Error err = { "" };
    Model *model = make(_i);
    Tokenizer *tokenizer = tokenizer_byte(), *read = NULL;
    char *path = path_join(folder, "model.gguf");
    ck_assert_msg(model_save(model, tokenizer, stream, path, &err), "%s", err.message);
    Model *again = model_load(gpu, stream, path, false, &read, &err);
    ck_assert_msg(again != NULL, "%s", err.message);
    ck_assert_str_eq(again->family->arch, models[_i].arch);
    ck_assert_int_eq(again->config.n_kv_heads, model->config.n_kv_heads);
    ck_assert_int_eq(again->config.tied, model->config.tied);
    ck_assert_int_eq(tokenizer_vocab_size(read), 257);
    int32_t ids[] = { 1, 2, 3, 250 };
    float *a = whole(model, ids, 4), *b = whole(again, ids, 4);
    ck_assert_mem_eq(a, b, 4 * (size_t)model->config.vocab_size * sizeof *a);

    ck_assert(truncate(path, 20000) == 0);
    ck_assert_ptr_null(model_load(gpu, stream, path, false, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "model.gguf"));
    free(a), free(b), free(path);
    model_free(model), model_free(again);
    tokenizer_free(tokenizer), tokenizer_free(read);
}
END_TEST

static bool never(void) { return false; }

// The hub's names, transposed weights and rotary pairs are turned back on the way to the device.
START_TEST(folders_hold_a_model)
{
    Error err = { "" };
    Model *model = make(_i);
    Tokenizer *tokenizer = tokenizer_byte(), *read = NULL;
    ExportReport report;
    char *file = path_join(folder, "model.gguf"), *hub = path_join(folder, "hub"), *half = path_join(folder, "half");
    char *shard = path_join(hub, "model.safetensors");
    ck_assert_msg(model_save(model, tokenizer, stream, file, &err), "%s", err.message);
    ck_assert_msg(model_export(&(ExportOptions){ file, hub, NULL, false, never }, &report, &err), "%s", err.message);
    ck_assert_msg(model_export(&(ExportOptions){ file, half, ggml_type_by_name("f16"), false, never }, &report, &err),
                  "%s", err.message);
    Model *again = model_load(gpu, stream, hub, false, &read, &err),
          *alone = model_load(gpu, stream, shard, true, NULL, &err);
    Model *halved = model_load(gpu, stream, half, false, NULL, &err);
    ck_assert_msg(again && alone && halved, "%s", err.message);
    ck_assert_int_eq(tokenizer_vocab_size(read), 257);
    ck_assert_int_eq(halved->token_embedding->dtype, F16);
    int32_t ids[] = { 1, 2, 3, 250 };
    int n = 4 * model->config.vocab_size;
    float *a = whole(model, ids, 4), *b = whole(again, ids, 4), *c = whole(alone, ids, 4), *d = whole(halved, ids, 4);
    ck_assert_mem_eq(a, b, (size_t)n * sizeof *a);
    ck_assert_mem_eq(a, c, (size_t)n * sizeof *a);
    for (int i = 0; i < n; i++) ck_assert_float_eq_tol(a[i], d[i], 1e-3f);

    ck_assert(truncate(shard, 20000) == 0);
    ck_assert_ptr_null(model_load(gpu, stream, hub, false, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "model.safetensors"));
    free(a), free(b), free(c), free(d), free(file), free(hub), free(half), free(shard);
    model_free(model), model_free(again), model_free(alone), model_free(halved);
    tokenizer_free(tokenizer), tokenizer_free(read);
}
END_TEST

// What a file promises is taken when it is used: four million positions are no table of 32 GB.
START_TEST(a_long_context_costs_what_is_used)
{
    Error err = { "" };
    Config config = models[2].config;
    config.seq_len = 1 << 22;
    const Family *family = family_find("llama");
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    model->rope_table.shape.dim[0] = 1;
    ck_assert_msg(model_alloc(model, stream, &err), "%s", err.message);
    parameters_init(&model->parameters, stream, 7);
    Tokenizer *tokenizer = tokenizer_byte();
    char *path = path_join(folder, "model.gguf");
    ck_assert_msg(model_save(model, tokenizer, stream, path, &err), "%s", err.message);
    Model *loaded = model_load(gpu, stream, path, false, NULL, &err);
    ck_assert_msg(loaded != NULL, "%s", err.message);
    ck_assert_int_eq(dim(&loaded->rope_table, 0), MODEL_POSITIONS);
    int32_t ids[2100] = { 0 };
    Generator g;
    ck_assert_msg(generator_open(&g, loaded, stream, 2200, &err), "%s", err.message);
    ck_assert_msg(generator_feed(&g, ids, 2100, &err), "%s", err.message); // past the end of a short table all is NaN
    generator_close(&g);
    ck_assert(!generator_open(&g, loaded, stream, 1 << 22, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "ask for fewer tokens"));
    generator_close(&g);
    free(path);
    model_free(model), model_free(loaded);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(no_tensor_is_ignored)
{
    Error err = { "" };
    Config config = models[2].config;
    const Family *family = family_find("llama");
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    parameter_add(&model->parameters, SHAPE(4), 0, 1, "rope_freqs.weight");
    ck_assert_msg(model_alloc(model, stream, &err), "%s", err.message);
    parameters_init(&model->parameters, stream, 7);
    Tokenizer *tokenizer = tokenizer_byte();
    char *path = path_join(folder, "model.gguf");
    ck_assert_msg(model_save(model, tokenizer, stream, path, &err), "%s", err.message);
    ck_assert_ptr_null(model_load(gpu, stream, path, false, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "rope_freqs.weight is no part of the llama"));
    free(path);
    model_free(model);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(configurations_that_cannot_be)
{
    const struct {
        Config config;
        const char *message;
    } bad[] = {
        { { .n_layers = 1, .n_heads = 3, .d_model = 32, .vocab_size = 99, .seq_len = 8 },
          "n_heads is 3, which does not divide d_model, 32" },
        { { .n_layers = 1, .n_heads = 4, .n_kv_heads = 3, .d_model = 32, .vocab_size = 99, .seq_len = 8 },
          "n_kv_heads is 3, which does not divide n_heads, 4" },
        { { .n_layers = 0, .n_heads = 4, .d_model = 32, .vocab_size = 99, .seq_len = 8 },
          "n_layers is 0; it must be between 1 and 1024" },
        { { .n_layers = 1, .n_heads = 4, .d_model = 12, .vocab_size = 99, .seq_len = 8 },
          "a head has 3 channels; rotary positions need an even number" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Error err = { "" };
        Config config = bad[i].config;
        family_find("llama")->defaults(&config);
        ck_assert(!config_check(family_find("llama"), &config, &err));
        ck_assert_str_eq(err.message, bad[i].message);
    }
}
END_TEST

Suite *suite_models(void);
Suite *suite_models(void)
{
    Suite *suite = suite_create("models");
    TCase *tests = tcase_create("models");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_checked_fixture(tests, open_folder, close_folder);
    tcase_add_loop_test(tests, cached_equals_whole, 0, COUNT_OF(models));
    tcase_add_loop_test(tests, listening_changes_no_bit, 0, COUNT_OF(models));
    tcase_add_loop_test(tests, files_hold_a_model, 0, COUNT_OF(models));
    tcase_add_loop_test(tests, folders_hold_a_model, 0, COUNT_OF(models));
    tcase_add_test(tests, a_long_context_costs_what_is_used);
    tcase_add_test(tests, no_tensor_is_ignored);
    tcase_add_test(tests, configurations_that_cannot_be);
    suite_add_tcase(suite, tests);
    return suite;
}
