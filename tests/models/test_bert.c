// BERT against transformers and sentence-transformers (fixtures/bert, made by tests/peers/make_bert_fixture.py), and what
// a batch may not change.
#include "base/file.h"
#include "formats/json_file.h"
#include "models/model.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIXTURE "tests/models/fixtures/bert"

static Gpu *gpu;
static Stream *stream;
static Model *model;
static Tokenizer *tokenizer;
static json_t *expected;
static char folder[64];

static void set_up(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    model = model_load(gpu, stream, FIXTURE, false, &tokenizer, &err);
    ck_assert_msg(model != NULL, "%s", err.message);
    expected = json_file_read(FIXTURE "/expected.json", &err);
    ck_assert_msg(expected != NULL, "%s", err.message);
    strcpy(folder, "/tmp/lectern-bert-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
    model_free(model);
    tokenizer_free(tokenizer);
    json_decref(expected);
    stream_close(stream);
    gpu_close(gpu);
    dir_remove_tree(folder, NULL);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

enum { ROWS = 2, LONGEST = 12, WIDTH = 24 };

typedef struct Batch {
    int n, length;
    int32_t ids[ROWS * LONGEST], segments[ROWS * LONGEST], texts[ROWS * LONGEST], pos[ROWS * LONGEST];
} Batch;

static int32_t integer_at(const char *name, int row, int i)
{
    return (int32_t)json_integer_value(
        json_array_get(json_array_get(json_object_get(expected, name), (size_t)row), (size_t)i));
}

// Rows first … first+n−1 of the fixture's, the first `length` tokens of them.
static Batch batch_of(int first, int n, int length)
{
    Batch b = { .n = n, .length = length };
    for (int r = 0; r < n; r++)
        for (int i = 0; i < length; i++) {
            b.ids[r * length + i] = integer_at("ids", first + r, i);
            b.segments[r * length + i] = integer_at("segments", first + r, i);
            b.texts[r * length + i] = integer_at("mask", first + r, i) - 1;
            b.pos[r * length + i] = i;
        }
    return b;
}

static Tensor *put(Tape *t, const Batch *b, const int32_t *values)
{
    Tensor *x = tape_tensor(t, I32, SHAPE(b->n, b->length));
    tensor_write_ids(t->stream, x, values);
    return x;
}

static Tensor *hidden(Tape *t, const Model *m, const Batch *b)
{
    Place place = { .pos = put(t, b, b->pos), .texts = put(t, b, b->texts), .segments = put(t, b, b->segments) };
    return m->family->hidden(t, m, put(t, b, b->ids), &place);
}

static void read_hidden(const Model *m, const Batch *b, float *out)
{
    Error err = { "" };
    Tape *t = tape_open(stream);
    ck_assert_msg(tensor_read(stream, hidden(t, m, b), out, &err), "%s", err.message);
    tape_close(t);
}

typedef struct Heard {
    int layers;
    double off;
    char names[4096];
} Heard;

// Of the tokens that are no padding: how far x is from hidden state `layer`.
static double distance(const float *x, int layer)
{
    double off = 0;
    const json_t *list = json_array_get(json_object_get(expected, "hidden_states"), (size_t)layer);
    for (int i = 0; i < ROWS * LONGEST * WIDTH; i++)
        if (integer_at("mask", i / (LONGEST * WIDTH), i / WIDTH % LONGEST))
            off = fmax(off, fabs((double)x[i] - json_real_value(json_array_get(list, (size_t)i))));
    return off;
}

static void hear(void *context, Tape *t, const char *name, Tensor *x)
{
    Heard *heard = context;
    strcat(strcat(heard->names, name), " ");
    if (!strstr(name, "hook_normalized_resid_post") && strcmp(name, "hook_full_embed") != 0) return;
    float values[ROWS * LONGEST * WIDTH];
    ck_assert(tensor_read(t->stream, x, values, NULL));
    heard->off = fmax(heard->off, distance(values, heard->layers++));
}

START_TEST(hidden_states_are_those_of_transformers)
{
    Error err = { "" };
    Batch b = batch_of(0, ROWS, LONGEST);
    float quiet[ROWS * LONGEST * WIDTH], heard_too[ROWS * LONGEST * WIDTH];
    Heard heard = { 0 };
    read_hidden(model, &b, quiet);
    ck_assert_double_le(distance(quiet, model->config.n_layers), 1e-4);
    Tape *t = tape_open(stream);
    tape_listen(t, "*", hear, &heard);
    ck_assert_msg(tensor_read(stream, hidden(t, model, &b), heard_too, &err), "%s", err.message);
    tape_close(t);
    ck_assert_int_eq(heard.layers, 1 + model->config.n_layers);
    ck_assert_double_le(heard.off, 1e-4);
    ck_assert_mem_eq(quiet, heard_too, sizeof quiet); // listening changes no bit
    static const char *const names[] = { "embed.hook_token_type_embed", "blocks.0.attn.hook_pattern",
                                         "blocks.0.hook_attn_out",      "blocks.1.ln1.hook_normalized",
                                         "blocks.1.mlp.hook_post",      "blocks.1.hook_resid_post" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        ck_assert_msg(strstr(heard.names, names[i]) != NULL, "nobody heard %s", names[i]);
}
END_TEST

START_TEST(padding_changes_nothing)
{
    Batch both = batch_of(0, ROWS, LONGEST), alone = batch_of(1, 1, 5); // the second text has 5 tokens
    float a[ROWS * LONGEST * WIDTH], b[5 * WIDTH];
    for (int i = LONGEST + 5; i < ROWS * LONGEST; i++) both.ids[i] = 9; // whatever stands there
    read_hidden(model, &both, a);
    read_hidden(model, &alone, b);
    for (int i = 0; i < 5 * WIDTH; i++) ck_assert_float_eq_tol(a[LONGEST * WIDTH + i], b[i], 2e-5f);
}
END_TEST

START_TEST(without_segments_all_are_the_first)
{
    Error err = { "" };
    Batch b = batch_of(1, 1, 5); // whose segments are 0
    float given[5 * WIDTH], none[5 * WIDTH];
    read_hidden(model, &b, given);
    Tape *t = tape_open(stream);
    Tensor *x = model->family->hidden(t, model, put(t, &b, b.ids), &(Place){ .pos = put(t, &b, b.pos) });
    ck_assert_msg(tensor_read(stream, x, none, &err), "%s", err.message);
    tape_close(t);
    ck_assert_mem_eq(given, none, sizeof none);
}
END_TEST

// A training step: gradients reach every parameter, and are those of the slope of the loss along them.
START_TEST(gradients_reach_every_parameter)
{
    Error err = { "" };
    Model *trained = model_load(gpu, stream, FIXTURE, true, NULL, &err);
    ck_assert_msg(trained != NULL, "%s", err.message);
    Batch b = batch_of(0, ROWS, LONGEST);
    Parameters *ps = &trained->parameters;
    double loss[2], slope = 0;
    for (int pass = 0; pass < 2; pass++) {
        Tape *t = tape_open(stream);
        t->train = true;
        Tensor *x = hidden(t, trained, &b), *y = reduce_all(t, REDUCE_MEAN, mul(t, x, x));
        float value;
        ck_assert_msg(tensor_read(stream, y, &value, &err), "%s", err.message);
        loss[pass] = (double)value;
        if (pass == 0) {
            parameters_begin_step(ps);
            tape_backward(t, y, 1);
            parameters_end_backward(ps, stream);
            for (int i = 0; i < ps->count; i++) {
                Tensor *p = &ps->list[i]->tensor, grad = *p;
                grad.span = p->grad->span;
                int64_t n = count(p);
                float *g = malloc((size_t)n * sizeof *g), *w = malloc((size_t)n * sizeof *w);
                ck_assert(tensor_read(stream, &grad, g, &err) && tensor_read(stream, p, w, &err));
                double norm = 0;
                for (int64_t j = 0; j < n; j++) {
                    norm += (double)g[j] * (double)g[j];
                    w[j] -= 1e-3f * g[j];
                }
                // a shift of all keys alike changes no softmax
                ck_assert_msg(norm > 0 || strstr(ps->list[i]->name, "attn_k.bias"), "%s got none", ps->list[i]->name);
                slope += 1e-3 * norm;
                tensor_write(stream, p, w);
                free(g), free(w);
            }
        }
        tape_close(t);
    }
    ck_assert_double_gt(slope, 0);
    ck_assert_double_eq_tol((loss[0] - loss[1]) / slope, 1, 0.05);
    model_free(trained);
}
END_TEST

START_TEST(a_gguf_file_is_the_same_model)
{
    Error err = { "" };
    Tokenizer *read = NULL;
    char *path = path_join(folder, "bert.gguf");
    ck_assert_msg(model_save(model, tokenizer, stream, path, &err), "%s", err.message);
    Model *again = model_load(gpu, stream, path, false, &read, &err);
    ck_assert_msg(again != NULL, "%s", err.message);
    ck_assert_int_eq(again->config.n_segments, 2);
    ck_assert_int_eq(tokenizer_vocab_size(read), 21);
    Batch b = batch_of(0, ROWS, LONGEST);
    float x[ROWS * LONGEST * WIDTH], y[ROWS * LONGEST * WIDTH];
    read_hidden(model, &b, x);
    read_hidden(again, &b, y);
    ck_assert_mem_eq(x, y, sizeof x);
    model_free(again);
    tokenizer_free(read);
    free(path);
}
END_TEST

static void copy_file(const char *name)
{
    Error err = { "" };
    size_t size;
    char *from = path_join(FIXTURE, name), *to = path_join(folder, name), *data = file_read(from, &size, &err);
    ck_assert_msg(data && file_write(to, data, size, &err), "%s", err.message);
    free(from), free(to), free(data);
}

// The fixture's tensors as BERT's first files spell them, with a head of its pre-training, and with `extra`.
static void save_old_spelling(const char *extra)
{
    Error err = { "" };
    Safetensors *s = safetensors_open(FIXTURE, &err);
    ck_assert_msg(s != NULL, "%s", err.message);
    SafetensorsWriter *w = safetensors_writer_new();
    for (size_t i = 0; i < s->n_tensors; i++) {
        const SafetensorsTensor *t = &s->tensors[i];
        char name[160], *norm;
        snprintf(name, sizeof name, "bert.%.*s", VIEW_ARGS(t->name));
        if ((norm = strstr(name, "LayerNorm.weight"))) strcpy(norm, "LayerNorm.gamma");
        if ((norm = strstr(name, "LayerNorm.bias"))) strcpy(norm, "LayerNorm.beta");
        safetensors_put_tensor_data(w, name, GGML_F32, t->n_dims, t->shape, t->data);
    }
    float zeros[21] = { 0 };
    safetensors_put_tensor_data(w, "cls.predictions.bias", GGML_F32, 1, (int64_t[]){ 21 }, zeros);
    if (extra) safetensors_put_tensor_data(w, extra, GGML_F32, 1, (int64_t[]){ 21 }, zeros);
    char *path = path_join(folder, "model.safetensors");
    ck_assert_msg(safetensors_writer_save(w, path, &err), "%s", err.message);
    safetensors_writer_free(w);
    safetensors_close(s);
    free(path);
}

START_TEST(other_spellings_and_tensors)
{
    Error err = { "" };
    copy_file("config.json");
    copy_file("vocab.txt");
    save_old_spelling(NULL);
    Model *again = model_load(gpu, stream, folder, false, NULL, &err);
    ck_assert_msg(again != NULL, "%s", err.message);
    Batch b = batch_of(0, ROWS, LONGEST);
    float x[ROWS * LONGEST * WIDTH], y[ROWS * LONGEST * WIDTH];
    read_hidden(model, &b, x);
    read_hidden(again, &b, y);
    ck_assert_mem_eq(x, y, sizeof x);
    model_free(again);

    save_old_spelling("bert.encoder.layer.0.adapter.weight");
    ck_assert_ptr_null(model_load(gpu, stream, folder, false, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "adapter.weight is no part of the bert that lectern runs"));
}
END_TEST

// A file with the family's configuration, its attention.causal changed.
static bool read_causal(const char *arch, bool causal, Error *err)
{
    const Family *family = family_find(arch), *read;
    Config c = { .n_layers = 1, .n_heads = 2, .d_model = 8, .vocab_size = 5, .seq_len = 4 }, config;
    char *path = path_join(folder, "plain.gguf"), *changed = path_join(folder, "changed.gguf"), key[32];
    float zeros[40] = { 0 };
    family->defaults(&c);
    GgufWriter *w = gguf_writer_new();
    model_put_config(w, family, &c);
    ck_assert(gguf_writer_save(w, path, err));
    gguf_writer_free(w);
    Gguf *file = gguf_open(path, err);
    snprintf(key, sizeof key, "%s.attention.causal", arch);
    w = gguf_writer_new();
    for (size_t i = 0; i < file->n_values; i++)
        if (!string_view_equal(file->values[i].key, string_view(key))) gguf_put_value(w, &file->values[i]);
    gguf_put_bool(w, key, causal);
    gguf_put_tensor_data(w, "token_embd.weight", GGML_F32, 2, (int64_t[]){ 5, 8 }, zeros);
    ck_assert(gguf_writer_save(w, changed, err));
    gguf_writer_free(w);
    gguf_close(file);
    file = gguf_open(changed, err);
    bool ok = model_read_config(file, &read, &config, err);
    gguf_close(file);
    free(path);
    free(changed);
    return ok;
}

START_TEST(what_tokens_see_is_the_familys)
{
    static const struct {
        const char *arch;
        bool causal;
        const char *message; // NULL: it is read
    } cases[] = { { "bert", false, NULL },
                  { "bert", true, "changed.gguf: bert.attention.causal is true" },
                  { "gpt2", true, NULL },
                  { "gpt2", false, "changed.gguf: gpt2.attention.causal is false" } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Error err = { "" };
        bool ok = read_causal(cases[i].arch, cases[i].causal, &err);
        ck_assert_msg(cases[i].message ? !ok && strstr(err.message, cases[i].message) : ok, "case %zu: \"%s\"", i,
                      err.message);
    }
}
END_TEST

Suite *suite_bert(void);
Suite *suite_bert(void)
{
    Suite *suite = suite_create("bert");
    TCase *tests = tcase_create("bert");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, hidden_states_are_those_of_transformers);
    tcase_add_test(tests, padding_changes_nothing);
    tcase_add_test(tests, without_segments_all_are_the_first);
    tcase_add_test(tests, gradients_reach_every_parameter);
    tcase_add_test(tests, a_gguf_file_is_the_same_model);
    tcase_add_test(tests, other_spellings_and_tensors);
    tcase_add_test(tests, what_tokens_see_is_the_familys);
    suite_add_tcase(suite, tests);
    return suite;
}
