// Texts to vectors against sentence-transformers: the tiny BERT of fixtures/bert.
#include "base/file.h"
#include "models/embedding.h"
#include <string.h>
#include <unistd.h>

#define FIXTURE "tests/models/fixtures/bert"

static char folder[64];

static void set_up(void)
{
    open_model(FIXTURE);
    strcpy(folder, "/tmp/lectern-embedder-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
    dir_remove_tree(folder, NULL);
    close_model();
}

START_TEST(vectors_are_those_of_sentence_transformers)
{
    Error err = { "" };
    json_t *expected = json_file_read(FIXTURE "/expected.json", &err), *texts = json_object_get(expected, "texts");
    static const char *const names[] = { [POOLING_MEAN] = "mean", [POOLING_CLS] = "cls" };
    ck_assert_int_eq(embedder.settings.pooling, POOLING_MEAN);
    ck_assert(embedder.settings.normalize);
    ck_assert_int_eq(embedder.settings.max_tokens, 12);
    for (int pooling = 0; pooling < 2; pooling++) {
        embedder.settings.pooling = (Pooling)pooling;
        const json_t *rows = json_object_get(json_object_get(expected, "embeddings"), names[pooling]);
        float *x = embed(texts);
        ck_assert_uint_eq(json_array_size(rows), 5);
        for (size_t i = 0; i < 5; i++)
            ck_assert_double_le(largest_difference(x + i * (size_t)model->config.d_model, json_array_get(rows, i)),
                                1e-5);
        free(x);
    }
    json_decref(expected);
}
END_TEST

START_TEST(long_texts_are_cut)
{
    TokenList ids = { 0 };
    const char *text = "the cat sat on the mat and the dog sat on the mat and ran";
    ck_assert_uint_eq(embedder_encode(&embedder, text, strlen(text), &ids), 17);
    ck_assert_uint_eq(ids.count, 12);
    ck_assert_int_eq(ids.ids[0], tokenizer_bos(tokenizer));
    ck_assert_int_eq(ids.ids[10], tokenizer_find(tokenizer, "\u2581sat"));
    ck_assert_int_eq(ids.ids[11], tokenizer_eos(tokenizer));
    free(ids.ids);
}
END_TEST

// Where the folder asks for it, and no more than once.
START_TEST(capitals_are_lowered)
{
    static const char cased[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog\nDOG\nran\n";
    static const int32_t expected[2][5] = { { 2, 1, 7, 8, 3 }, { 2, 5, 6, 8, 3 } };
    Error err = { "" };
    Tokenizer *keeps = tokenizer_from_vocab_txt(cased, sizeof cased - 1, &err);
    ck_assert_msg(keeps != NULL, "%s", err.message);
    for (int lower = 0; lower < 2; lower++) {
        Embedder e;
        TokenList ids = { 0 };
        EmbedderSettings settings = { .max_tokens = 16, .lower = lower };
        ck_assert_msg(embedder_open(&e, model, keeps, stream, settings, &err), "%s", err.message);
        ck_assert_uint_eq(embedder_encode(&e, "A DOG ran", 9, &ids), 5);
        ck_assert_mem_eq(ids.ids, expected[lower], sizeof expected[lower]);
        free(ids.ids);
        embedder_close(&e);
        ck_assert(embedder_open(&e, model, tokenizer, stream, settings, &err) && !e.settings.lower);
        embedder_close(&e);
    }
    tokenizer_free(keeps);
}
END_TEST

static int passes;
static bool after_one_pass(void) { return passes++ >= 1; }

// More than one pass, of texts in no order: each is what it is alone.
START_TEST(many_texts_keep_their_order)
{
    Error err = { "" };
    enum { N = 700 };
    static const char *const words[] = { "a", "the", "cat", "dog", "sat", "ran", "on" };
    size_t C = (size_t)model->config.d_model;
    json_t *texts = json_array();
    for (int i = 0; i < N; i++) {
        char text[64] = "";
        for (int k = 0; k < i * 13 % 11; k++) strcat(strcat(text, words[(i + k * k) % 7]), " ");
        json_array_append_new(texts, json_string(text));
    }
    float *all = embed(texts);
    for (size_t i = 0; i < N; i += 97) {
        json_t *one = json_pack("[O]", json_array_get(texts, i));
        float *x = embed(one);
        for (size_t k = 0; k < C; k++) ck_assert_float_eq_tol(all[i * C + k], x[k], 1e-5f);
        free(x);
        json_decref(one);
    }
    TokenList ids[N] = { 0 };
    for (int i = 0; i < N; i++) embedder_encode(&embedder, "the cat", 7, &ids[i]);
    embedder.stopped = after_one_pass;
    ck_assert(!embedder_run(&embedder, ids, N, all, &err));
    ck_assert_str_eq(err.message, "stopped");
    for (int i = 0; i < N; i++) free(ids[i].ids);
    free(all);
    json_decref(texts);
}
END_TEST

// ---- Settings --------------------------------------------------------------------------------------------------------

static void write_file(const char *name, const char *text)
{
    Error err = { "" };
    char *path = path_join(folder, name), *slash = strrchr(path, '/');
    *slash = '\0';
    ck_assert_msg(dir_create(path, &err), "%s", err.message);
    *slash = '/';
    if (text) ck_assert_msg(file_write(path, text, strlen(text), &err), "%s", err.message);
    free(path);
}

#define MODULES(first, pooling, rest) \
    "[{\"path\": " first ", \"type\": \"s.Transformer\"}, {\"path\": \"" pooling "\", \"type\": \"s.Pooling\"}" rest "]"
#define NORMALIZE ", {\"path\": \"2\", \"type\": \"s.Normalize\"}"

static const struct {
    const char *modules, *pooling, *limit, *tokenizer; // NULL: no such file
    EmbedderSettings settings;
    const char *message; // NULL: the settings
} CASES[] = {
    { NULL, NULL, NULL, NULL, { POOLING_MEAN, false, 16 }, NULL },
    { NULL, NULL, NULL, "{\"model_max_length\": 1000000000000000019884624838656}", { POOLING_MEAN, false, 16 }, NULL },
    { NULL, NULL, NULL, "{\"model_max_length\": 9}", { POOLING_MEAN, false, 9 }, NULL },
    { NULL, NULL, "{\"max_seq_length\": 10}", "{\"model_max_length\": 9}", { POOLING_MEAN, false, 10 }, NULL },
    { NULL, NULL, "{\"max_seq_length\": 17}", NULL, { POOLING_MEAN, false, 16 }, NULL },
    { MODULES("\"\"", "1", ""), "{\"pooling_mode\": \"cls\"}", NULL, NULL, { POOLING_CLS, false, 16 }, NULL },
    { MODULES("\"\"", "1", NORMALIZE),
      "{\"pooling_mode_mean_tokens\": true, \"pooling_mode_max_tokens\": false}",
      NULL,
      NULL,
      { POOLING_MEAN, true, 16 },
      NULL },
    { NULL, NULL, "{\"do_lower_case\": true}", NULL, { POOLING_MEAN, false, 16, true }, NULL },
    { NULL, NULL, "{\"do_lower_case\": null, \"max_seq_length\": 8}", NULL, { POOLING_MEAN, false, 8 }, NULL },
    { NULL, NULL, "{\"do_lower_case\": \"yes\"}", NULL, { 0 }, "do_lower_case is \"yes\", not true or false" },
    { NULL, NULL, "{\"max_seq_length\": 2}", NULL, { 0 }, "max_seq_length is 2.0; a text has 3 tokens or more" },
    { NULL, NULL, "{\"max_seq_length\": \"long\"}", NULL, { 0 }, "max_seq_length is \"long\"" },
    { NULL, NULL, "{", NULL, { 0 }, "sentence_bert_config.json: line 1: " },
    { "{}", NULL, NULL, NULL, { 0 }, "modules.json: it is no list of modules" },
    { "[", NULL, NULL, NULL, { 0 }, "modules.json: line 1: " },
    { "[]", NULL, NULL, NULL, { 0 }, "0 modules; lectern runs Transformer, Pooling and Normalize" },
    { "[1, 2]", NULL, NULL, NULL, { 0 }, "module 0 is \"\"; lectern runs" },
    { MODULES("\"\"", "1", ", {\"type\": \"s.Dense\"}"), NULL, NULL, NULL, { 0 }, "module 2 is \"Dense\"" },
    { MODULES("\"0\"", "1", ""), NULL, NULL, NULL, { 0 }, "the Transformer's path is another folder, not \"\"" },
    { MODULES("\"\"", "..", ""), NULL, NULL, NULL, { 0 }, "the Pooling's path is \"..\", which is no folder" },
    { MODULES("\"\"", "../1", ""), NULL, NULL, NULL, { 0 }, "the Pooling's path is \"../1\", which is no folder" },
    { MODULES("\"\"", "1", ""), NULL, NULL, NULL, { 0 }, "1/config.json: cannot open" },
    { MODULES("\"\"", "1", ""),
      "{\"pooling_mode\": \"max\"}",
      NULL,
      NULL,
      { 0 },
      "pooling_mode is \"max\"; lectern knows" },
    { MODULES("\"\"", "1", ""), "{}", NULL, NULL, { 0 }, "0 poolings are set; lectern takes one" },
    { MODULES("\"\"", "1", ""),
      "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}",
      NULL,
      NULL,
      { 0 },
      "2 poolings are set; lectern takes one" },
    { MODULES("\"\"", "1", ""),
      "{\"pooling_mode_max_tokens\": true}",
      NULL,
      NULL,
      { 0 },
      "pooling_mode_max_tokens is set" },
};

START_TEST(settings_of_a_folder)
{
    Error err = { "" };
    EmbedderSettings s;
    const char *names[] = { "modules.json", "1/config.json", "sentence_bert_config.json", "tokenizer_config.json" };
    const char *const texts[] = { CASES[_i].modules, CASES[_i].pooling, CASES[_i].limit, CASES[_i].tokenizer };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (texts[i]) write_file(names[i], texts[i]);
    bool ok = embedder_settings(folder, model->family, &model->config, &s, &err);
    if (CASES[_i].message) {
        ck_assert(!ok);
        ck_assert_msg(strstr(err.message, CASES[_i].message) && strstr(err.message, folder),
                      "\"%s\" does not say \"%s\"", err.message, CASES[_i].message);
        return;
    }
    ck_assert_msg(ok, "%s", err.message);
    ck_assert_int_eq(s.pooling, CASES[_i].settings.pooling);
    ck_assert_int_eq(s.normalize, CASES[_i].settings.normalize);
    ck_assert_int_eq(s.max_tokens, CASES[_i].settings.max_tokens);
    ck_assert_int_eq(s.lower, CASES[_i].settings.lower);
}
END_TEST

START_TEST(settings_of_a_gguf)
{
    static const struct {
        uint32_t type; // 9: none
        const char *message;
    } cases[] = { { 9, NULL },
                  { 1, NULL },
                  { 2, NULL },
                  { 0, "bert.pooling_type is 0; lectern knows 1" },
                  { 4, "bert.pooling_type is 4; lectern knows 1" } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Error err = { "" };
        EmbedderSettings s;
        GgufWriter *w = gguf_writer_new();
        model_put_config(w, model->family, &model->config);
        if (cases[i].type != 9) gguf_put_u32(w, "bert.pooling_type", cases[i].type);
        char *path = path_join(folder, "bert.gguf");
        ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
        gguf_writer_free(w);
        bool ok = embedder_settings(path, model->family, &model->config, &s, &err);
        if (cases[i].message)
            ck_assert_msg(!ok && strstr(err.message, cases[i].message), "\"%s\"", err.message);
        else
            ck_assert(ok && s.normalize && s.pooling == (cases[i].type == 2 ? POOLING_CLS : POOLING_MEAN));
        free(path);
    }
}
END_TEST

START_TEST(only_encoders)
{
    Error err = { "" };
    Embedder e;
    Config config = { .n_layers = 1, .n_heads = 1, .d_model = 8, .vocab_size = 21, .seq_len = 8 };
    family_find("gpt2")->defaults(&config);
    Model *writer = model_new(gpu, family_find("gpt2"), &config);
    ck_assert(!embedder_open(&e, writer, tokenizer, stream, embedder.settings, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "gpt2 writes texts"));
    model_free(writer);
    Tokenizer *bytes = tokenizer_byte();
    err = (Error){ "" };
    ck_assert(!embedder_open(&e, model, bytes, stream, embedder.settings, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "puts nothing around a text"));
    tokenizer_free(bytes);
}
END_TEST

Suite *suite_embedder(void);
Suite *suite_embedder(void)
{
    Suite *suite = suite_create("embedder");
    TCase *tests = tcase_create("embedder");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, vectors_are_those_of_sentence_transformers);
    tcase_add_test(tests, long_texts_are_cut);
    tcase_add_test(tests, capitals_are_lowered);
    tcase_add_test(tests, many_texts_keep_their_order);
    tcase_add_loop_test(tests, settings_of_a_folder, 0, COUNT_OF(CASES));
    tcase_add_test(tests, settings_of_a_gguf);
    tcase_add_test(tests, only_encoders);
    suite_add_tcase(suite, tests);
    return suite;
}
