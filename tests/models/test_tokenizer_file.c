// A vocabulary of each kind through GGUF.
#include "base/file.h"
#include "base/memory.h"
#include "models/model.h"
#include "models/tokenizer_file.h"
#include "text/fixture.h"
#include "text/normalize.h"

static char *folder, *path;

static void make_folder(void)
{
    char name[] = "/tmp/lectern-vocabulary-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(name));
    folder = mem_string(name);
    path = path_join(folder, "v.gguf");
}

static void remove_folder(void)
{
    Error err = { "" };
    dir_remove(folder, &err);
    free(folder);
    free(path);
}

static Tokenizer *through_gguf(const Tokenizer *t)
{
    Error err = { "" };
    GgufWriter *w = gguf_writer_new();
    tokenizer_to_gguf(t, w);
    ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
    gguf_writer_free(w);
    Tokenizer *back = model_tokenizer(path, &err);
    ck_assert_msg(back != NULL, "%s", err.message);
    return back;
}

static StringView LLAMA_TOKENS[] = { { "<unk>", 5 }, { "<s>", 3 },    { "</s>", 4 },
                                     { "a", 1 },     { "\u2581", 3 }, { "\u2581a", 4 } };
static int32_t LLAMA_TYPES[] = { TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL, 1, 1, 1 };
static float LLAMA_SCORES[] = { 0, 0, 0, -3, -2, -1 };
static StringView BERT_TOKENS[] = { { "[UNK]", 5 }, { "[CLS]", 5 }, { "[SEP]", 5 }, { "\u2581te", 5 }, { "dy", 2 } };
static int32_t BERT_TYPES[] = { TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL, 1, 1 };

static Vocabulary of_llama(void)
{
    Vocabulary v = VOCABULARY_NONE;
    v.model = string_view("llama");
    v.n_tokens = COUNT_OF(LLAMA_TOKENS), v.tokens = LLAMA_TOKENS, v.types = LLAMA_TYPES, v.scores = LLAMA_SCORES;
    v.bos = 1, v.eos = 2, v.unk = 0, v.add_bos = true, v.space_prefix = true;
    return v;
}

static Vocabulary of_bert(void)
{
    Vocabulary v = VOCABULARY_NONE;
    v.model = string_view("bert");
    v.n_tokens = COUNT_OF(BERT_TOKENS), v.tokens = BERT_TOKENS, v.types = BERT_TYPES;
    v.bos = 1, v.eos = 2, v.unk = 0, v.add_bos = v.add_eos = true;
    v.normalize = NORMALIZE_CLEAN | NORMALIZE_CJK | NORMALIZE_ACCENTS | NORMALIZE_LOWER;
    return v;
}

static void assert_whole(const Tokenizer *t, const char *text, const char *expected)
{
    json_t *list = json_loads(expected, 0, NULL);
    assert_ids(t, text, strlen(text), list);
    json_decref(list);
}

START_TEST(every_kind_comes_back)
{
    const struct {
        Vocabulary v;
        const char *text, *ids;
    } cases[] = { { of_llama(), "a a", "[1, 5, 5]" }, { of_bert(), "T\u00c9dy x", "[1, 3, 4, 0, 2]" } };
    make_folder();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Error err = { "" };
        Tokenizer *t = tokenizer_load(&cases[i].v, &err);
        ck_assert_msg(t != NULL, "%s", err.message);
        Tokenizer *back = through_gguf(t);
        assert_whole(t, cases[i].text, cases[i].ids);
        assert_whole(back, cases[i].text, cases[i].ids);
        tokenizer_free(back);
        tokenizer_free(t);
    }
    Tokenizer *byte = tokenizer_byte(), *back = through_gguf(byte);
    assert_whole(back, "a<|endoftext|>", "[97, 256]");
    tokenizer_free(back);
    tokenizer_free(byte);
    remove_folder();
}
END_TEST

// Files that leave out what their kind implies.
START_TEST(defaults)
{
    make_folder();
    const struct {
        Vocabulary v;
        const char *text, *ids;
    } cases[] = { { of_llama(), "a", "[1, 5]" }, { of_bert(), "T\u00c9dy", "[1, 3, 4, 2]" } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        GgufWriter *w = gguf_writer_new();
        const Vocabulary *v = &cases[i].v;
        gguf_put_string(w, "tokenizer.ggml.model", v->model);
        gguf_put_strings(w, "tokenizer.ggml.tokens", v->tokens, v->n_tokens);
        gguf_put_i32s(w, "tokenizer.ggml.token_type", v->types, v->n_tokens);
        if (v->scores) gguf_put_f32s(w, "tokenizer.ggml.scores", v->scores, v->n_tokens);
        gguf_put_u32(w, i ? "tokenizer.ggml.cls_token_id" : "tokenizer.ggml.bos_token_id", 1);
        gguf_put_u32(w, i ? "tokenizer.ggml.seperator_token_id" : "tokenizer.ggml.eos_token_id", 2);
        gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", 0);
        Error err = { "" };
        ck_assert(gguf_writer_save(w, path, &err));
        gguf_writer_free(w);
        Tokenizer *t = model_tokenizer(path, &err);
        ck_assert_msg(t != NULL, "%s", err.message);
        assert_whole(t, cases[i].text, cases[i].ids);
        tokenizer_free(t);
    }
    remove_folder();
}
END_TEST

START_TEST(bad_files_are_named)
{
    static const struct {
        const char *model, *message;
        size_t types, scores;
    } bad[] = {
        { "llama", "tokenizer.ggml.token_type has 5 entries for 6 tokens", 5, 6 },
        { "llama", "tokenizer.ggml.scores has 7 entries for 6 tokens", 6, 7 },
        { "llama", "vocabulary: its tokens have no scores", 6, 0 },
        { "gpt2", "tokenizer.ggml.merges", 6, 6 },
        { "t5", "vocabulary: tokenizer model \"t5\" is not known here", 6, 6 },
    };
    make_folder();
    float scores[7] = { 0 };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        GgufWriter *w = gguf_writer_new();
        gguf_put_string(w, "tokenizer.ggml.model", string_view(bad[i].model));
        gguf_put_strings(w, "tokenizer.ggml.tokens", LLAMA_TOKENS, COUNT_OF(LLAMA_TOKENS));
        gguf_put_i32s(w, "tokenizer.ggml.token_type", LLAMA_TYPES, bad[i].types);
        if (bad[i].scores) gguf_put_f32s(w, "tokenizer.ggml.scores", scores, bad[i].scores);
        Error err = { "" };
        ck_assert(gguf_writer_save(w, path, &err));
        gguf_writer_free(w);
        ck_assert_ptr_null(model_tokenizer(path, &err));
        ck_assert_msg(strstr(err.message, bad[i].message) && strstr(err.message, "v.gguf"), "%s", err.message);
    }
    remove_folder();
}
END_TEST

static void expect_program(const char *from, const char *expected)
{
    Error err = { "" };
    char *program;
    ck_assert_msg(model_chat_program(from, &program, &err), "%s", err.message);
    ck_assert_msg(expected ? program && !strcmp(program, expected) : !program, "%s", program ? program : "none");
    free(program);
}

START_TEST(chat_programs_are_found)
{
    Error err = { "" };
    make_folder();
    char *config = path_join(folder, "tokenizer_config.json"), *program;
    for (int there = 0; there < 2; there++) {
        GgufWriter *w = gguf_writer_new();
        gguf_put_string(w, "general.architecture", string_view("llama"));
        if (there) gguf_put_string(w, "tokenizer.chat_template", string_view("{{ bos_token }}"));
        ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
        gguf_writer_free(w);
        expect_program(path, there ? "{{ bos_token }}" : NULL);
    }
    static const struct {
        const char *json, *program;
    } folders[] = { { "{\"chat_template\": \"abc\"}", "abc" },
                    { "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"r\"}, "
                      "{\"name\": \"default\", \"template\": \"d\"}]}",
                      "d" },
                    { "{\"chat_template\": [3, {\"name\": 4}]}", NULL },
                    { "{\"chat_template\": 7}", NULL },
                    { "{\"model_max_length\": 1000000000000000019884624838656, \"chat_template\": \"long\"}", "long" },
                    { "{}", NULL } };
    expect_program(folder, NULL); // without the file
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        ck_assert(file_write(config, folders[i].json, strlen(folders[i].json), &err));
        expect_program(folder, folders[i].program);
    }
    ck_assert(file_write(config, "{", 1, &err) && !model_chat_program(folder, &program, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "tokenizer_config.json"));
    char *own = path_join(folder, "chat_template.jinja"), *weights = path_join(folder, "model.safetensors");
    ck_assert(file_write(config, "{\"chat_template\": \"abc\"}", 24, &(Error){ "" }));
    expect_program(weights, "abc"); // a file means its folder
    ck_assert(file_write(own, "own", 3, &(Error){ "" }));
    expect_program(folder, "own");
    free(own);
    free(weights);
    free(config);
    remove_folder();
}
END_TEST

Suite *suite_tokenizer_file(void)
{
    Suite *suite = suite_create("tokenizer_file");
    TCase *tests = tcase_create("tokenizer_file");
    tcase_add_test(tests, every_kind_comes_back);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, bad_files_are_named);
    tcase_add_test(tests, chat_programs_are_found);
    suite_add_tcase(suite, tests);
    return suite;
}
