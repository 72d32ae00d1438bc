#include "base/file.h"
#include "base/memory.h"
#include "text/fixture.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static Tokenizer *from_json(const char *json)
{
    Error err = { "" };
    Tokenizer *t = tokenizer_from_json(json, strlen(json), &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    return t;
}

static void assert_encodes(const Tokenizer *t, const char *text, bool parse_special, const char *expected)
{
    json_t *list = json_loads(expected, 0, NULL);
    TokenList ids = { 0 };
    tokenizer_encode(t, text, strlen(text), parse_special, &ids);
    bool same = ids.count == json_array_size(list);
    for (size_t i = 0; same && i < ids.count; i++) same = ids.ids[i] == json_integer_value(json_array_get(list, i));
    ck_assert_msg(same, "\"%s\": %zu ids, the first is %d, not %s", text, ids.count, ids.count ? ids.ids[0] : -1,
                  expected);
    free(ids.ids);
    json_decref(list);
}

// --- Against Hugging Face's ids (tests/peers/make_tokenizer_fixtures.py) ------------------------------------------------

static const struct {
    const char *fixture, *pre;
    size_t least_cases;
} FIXTURES[] = {
    { "hf_smollm2", "smollm", 200 },
    { "hf_minilm", "", 200 },
    { "hf_llama3", "llama-bpe", 300 },
    { "hf_qwen2", "qwen2", 300 },
};

// The file, with spaces behind it: an id is never larger than its file, and two of these vocabularies are real ones cut
// down with their ids kept.
static Tokenizer *from_fixture(const json_t *fixture)
{
    char *json = json_dumps(json_object_get(fixture, "tokenizer"), JSON_COMPACT);
    char *padded = mem_format("%s%50000s", json, "");
    Tokenizer *t = from_json(padded);
    free(padded);
    free(json);
    return t;
}

START_TEST(ids_equal_hugging_faces)
{
    json_t *fixture = fixture_open(FIXTURES[_i].fixture);
    Tokenizer *t = from_fixture(fixture);
    ck_assert(string_view_equal(tokenizer_vocabulary(t).pre, string_view(FIXTURES[_i].pre)));
    fixture_check(fixture, t, FIXTURES[_i].least_cases);
    tokenizer_free(t);
    json_decref(fixture);
}
END_TEST

// What a vocabulary keeps is enough to load it again, as from a GGUF.
START_TEST(a_vocabulary_loads_again)
{
    json_t *fixture = fixture_open(FIXTURES[_i].fixture);
    Tokenizer *t = from_fixture(fixture);
    Vocabulary v = tokenizer_vocabulary(t);
    Error err = { "" };
    Tokenizer *again = tokenizer_load(&v, &err);
    ck_assert_msg(again != NULL, "%s", err.message);
    tokenizer_free(t);
    fixture_check(fixture, again, FIXTURES[_i].least_cases);
    tokenizer_free(again);
    json_decref(fixture);
}
END_TEST

// --- What a file may say -------------------------------------------------------------------------------------------------

#define WORDPIECE(rest)                                                                                             \
    "{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"max_input_chars_per_word\": 5, \"vocab\": {" \
    "\"[UNK]\": 0, \"a\": 1, \"cute\": 2, \"te\": 3, \"##d\": 4, \"##dy\": 5, \"[CLS]\": 6, \"[SEP]\": 7}},"        \
    "\"normalizer\": {\"type\": \"BertNormalizer\"}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}" rest "}"

START_TEST(wordpiece)
{
    Tokenizer *t = from_json(WORDPIECE(
        ", \"added_tokens\": [{\"id\": 6, \"content\": \"[CLS]\", \"special\": true},"
        "{\"id\": 7, \"content\": \"[SEP]\", \"special\": true}],"
        "\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 7], \"cls\": [\"[CLS]\", 6]}"));
    assert_encodes(t, "A cute, teddy", false, "[1, 2, 0, 3, 4, 5]");
    assert_encodes(t, "teddyd tedd", false, "[0, 3, 4, 4]"); // six characters are too many
    assert_encodes(t, "\xff[CLS] a\xff", true, "[6, 1]");    // no UTF-8 is nothing
    ck_assert(tokenizer_adds_bos(t) && tokenizer_adds_eos(t));
    TokenList ids = { 0 };
    tokenizer_encode_whole(t, "a teddy", 7, true, &ids);
    ck_assert(ids.count == 6 && ids.ids[0] == 6 && ids.ids[5] == 7);
    ck_assert(string_view_equal(tokenizer_piece(t, 5), string_view("##dy")));
    ck_assert(string_view_equal(tokenizer_piece(t, 2), string_view("cute")));
    ids.count = 5;
    memmove(ids.ids, ids.ids + 1, 4 * sizeof *ids.ids), ids.count = 4;
    char *text = decode_all(t, &ids);
    ck_assert_str_eq(text, "a teddy");
    free(text);
    free(ids.ids);
    tokenizer_free(t);
}
END_TEST

// The same vocabulary as vocab.txt, and one with capitals.
START_TEST(vocab_txt)
{
    static const char uncased[] = "[UNK]\na\r\ncute\nte\n##d\n##dy\n[CLS]\n[SEP]\n", cased[] = "[UNK]\nA\na\n";
    Error err = { "" };
    Tokenizer *t = tokenizer_from_vocab_txt(uncased, sizeof uncased - 1, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    assert_encodes(t, "\xc3\x81 C\xc3\xbbte teddy[SEP]", true, "[1, 2, 3, 4, 5, 7]");
    ck_assert(tokenizer_adds_bos(t) && tokenizer_bos(t) == 6 && tokenizer_eos(t) == 7);
    tokenizer_free(t);
    t = tokenizer_from_vocab_txt(cased, sizeof cased - 1, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    assert_encodes(t, "A a \xc3\x81", false, "[1, 2, 0]");
    tokenizer_free(t);
    ck_assert_ptr_null(tokenizer_from_vocab_txt("a\nb\n", 4, &err));
    ck_assert_str_eq(err.message, "vocabulary: there is no unknown token");
}
END_TEST

START_TEST(vocab_json_and_merges_txt)
{
    static const char vocab[] = "{\"a\": 0, \"b\": 1, \"\u0120\": 2, \"ab\": 3, \"\u0120ab\": 4, \"<|endoftext|>\": 5}";
    static const char merges[] = "#version: 0.2\na b\n\u0120 ab\n";
    Error err = { "" };
    Tokenizer *t = tokenizer_from_vocab_json(vocab, sizeof vocab - 1, merges, sizeof merges - 1, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    assert_encodes(t, "ab abb  a<|endoftext|>c", true, "[3, 4, 1, 2, 2, 0, 5]"); // there is no c
    ck_assert_int_eq(tokenizer_eos(t), 5);
    tokenizer_free(t);
}
END_TEST

#define BPE(model, rest)                                                                                   \
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"1\": 2, \"ab\": 3, \"\u0120\": 4}," \
    "\"merges\": [[\"a\", \"b\"]]" model "}" rest "}"
#define BYTE_LEVEL ", \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}"
#define SEQUENCE(list) ", \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [" list "]}"
#define BYTES "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}"

#define UNREACHABLE(model)                                                                                            \
    "{\"model\": {\"vocab\": {\"a\": 0, \"b\": 1, \"aba\": 2, \"ab\": 3}, \"merges\": [\"a b\"]" model "}" BYTE_LEVEL \
    "}"

static const struct {
    const char *json, *text, *ids;
} FILES[] = {
    { UNREACHABLE(""), "aba", "[3, 0]" },
    { UNREACHABLE(", \"ignore_merges\": true"), "aba abab", "[2, 3, 3]" },
    { BPE("", BYTE_LEVEL), "ab 1ab", "[3, 4, 2, 3]" },
    { BPE("", ", \"pre_tokenizer\": {\"type\": \"ByteLevel\"}"), "ab", "[4, 3]" },
    { BPE("", ", \"pre_tokenizer\": {\"type\": \"ByteLevel\"}"), " ab", "[4, 3]" },
    { BPE(", \"unk_token\": \"1\"", BYTE_LEVEL), "axb", "[0, 2, 1]" },
    { BPE("", BYTE_LEVEL), "axb", "[3]" }, // as if the x had never been there
    { BPE("", SEQUENCE("{\"type\": \"Split\", \"pattern\": {\"String\": \"ab\"}, \"behavior\": \"Isolated\"}," BYTES)),
      "aabb", "[0, 3, 1]" },
    { BPE("",
          SEQUENCE("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(?=b)\"}, \"behavior\": \"Isolated\"}," BYTES)),
      "aabb", "[0, 0, 1, 1]" }, // an empty match cuts too
    { BPE("", SEQUENCE("{\"type\": \"Split\", \"pattern\": {\"String\": \"a|b\"}, \"behavior\": \"Isolated\"}," BYTES)),
      "ab", "[3]" },
    { BPE("", SEQUENCE("{\"type\": \"Digits\", \"individual_digits\": false}," BYTES)), "11ab", "[2, 2, 3]" },
    { BPE("", BYTE_LEVEL ", \"added_tokens\": [{\"id\": 9, \"content\": \"x y\", \"special\": false}]"), "ax yb",
      "[0, 9, 1]" },
};

START_TEST(what_files_say)
{
    Tokenizer *t = from_json(FILES[_i].json);
    assert_encodes(t, FILES[_i].text, true, FILES[_i].ids);
    tokenizer_free(t);
}
END_TEST

#define ADDED(list) BPE("", BYTE_LEVEL ", \"added_tokens\": " list)
#define SPLIT(rest) BPE("", SEQUENCE("{\"type\": \"Split\", \"pattern\": " rest "}," BYTES))
#define TEMPLATE(list, tokens)                                                             \
    WORDPIECE(", \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": " list \
              ", \"special_tokens\": " tokens "}")

static const struct {
    const char *json, *message;
} BAD_FILES[] = {
    { "", "line 1: '[' or '{' expected" },
    { "{\"model\": {}, \"model\": {}}", "line 1: duplicate object key" },
    { "[]", "tokenizer: model is missing" },
    { "{\"model\": 1}", "tokenizer: model is no object" },
    { "{\"model\": {}}", "model: \"of no type\" is not supported here" },
    { "{\"model\": {\"type\": \"Unigram\"}}", "model: \"Unigram\" is not supported here (BPE and WordPiece are)" },
    { "{\"model\": {\"type\": \"BPE\"}}", "model: vocab is missing" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}}}", "token \"a\": its id is no number of a token" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1000000}}}", "token \"a\": its id is no number" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": \"0\"}}}", "token \"a\": its id is no number" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}}}", "tokens \"a\" and \"b\" both have id 0" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}}}", "model: merges is missing" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}",
      "model: BPE without the pre-tokenizer" },
    { BPE("", "") "x", "line 1: end of file expected" },
    { BPE(", \"dropout\": 0.1", BYTE_LEVEL), "model: BPE with dropout is not supported here" },
    { BPE(", \"byte_fallback\": true", BYTE_LEVEL), "model: BPE with byte_fallback is not" },
    { BPE(", \"end_of_word_suffix\": \"</w>\"", BYTE_LEVEL), "model: BPE with end_of_word_suffix is not" },
    { BPE(", \"unk_token\": \"x\"", BYTE_LEVEL), "model: its unk_token \"x\" is no token" },
    { BPE(", \"unk_token\": \"a\", \"fuse_unk\": true", BYTE_LEVEL), "model: BPE with fuse_unk is not" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [1]}" BYTE_LEVEL "}",
      "model: merge 0 is no pair" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}" BYTE_LEVEL "}",
      "vocabulary: merge 0 \"a a\": its result is no normal token" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}" BYTE_LEVEL "}", "vocabulary: 0 tokens" },
    { "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"aa\": 0}, \"merges\": []}" BYTE_LEVEL "}",
      "vocabulary: no token for any byte" },
    { ADDED("{}"), "tokenizer: added_tokens is no array" },
    { ADDED("[1]"), "added_tokens: content is missing" },
    { ADDED("[{\"content\": \"x\"}]"), "token \"x\": its id is no number" },
    { ADDED("[{\"content\": \"x\", \"id\": 0}]"), "tokens \"a\" and \"x\" both have id 0" },
    { ADDED("[{\"content\": \"a\", \"id\": 5}]"), "vocabulary: token 5 \"a\": another token is spelt the same" },
    { ADDED("[{\"content\": \"\", \"id\": 5}]"), "vocabulary: token 5 \"\": it is empty" },
    { BPE("", BYTE_LEVEL ", \"normalizer\": {\"type\": \"NFKC\"}"), "normalizer: \"NFKC\" is not supported here" },
    { BPE("", BYTE_LEVEL ", \"normalizer\": []"), "normalizer: type is missing" },
    { BPE("", BYTE_LEVEL
          ", \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"NFC\"}]}"),
      "normalizer: several in a row are not" },
    { BPE("", ", \"pre_tokenizer\": {\"type\": \"Metaspace\"}"), "pre_tokenizer: \"Metaspace\" is not supported here" },
    { BPE("", ", \"pre_tokenizer\": {\"type\": \"Sequence\"}"), "pre_tokenizer: pretokenizers is missing" },
    { BPE("", SEQUENCE(BYTES "," BYTES)), "pre_tokenizer: nothing may follow ByteLevel" },
    { BPE("", SEQUENCE("{\"type\": \"Digits\"}, {\"type\": \"ByteLevel\"}")),
      "pre_tokenizer: ByteLevel with add_prefix_space" },
    { SPLIT("1"), "pre_tokenizer Split: pattern is no object" },
    { SPLIT("{\"Regex\": \"a\"}"), "pre_tokenizer Split: behavior is missing" },
    { SPLIT("{\"Regex\": \"a\"}, \"behavior\": \"Removed\""), "pre_tokenizer: Split with behavior Removed is not" },
    { SPLIT("{\"Regex\": \"a\"}, \"behavior\": \"Isolated\", \"invert\": true"),
      "pre_tokenizer: Split with behavior Isolated, inverted" },
    { SPLIT("{}, \"behavior\": \"Isolated\""), "pre_tokenizer: Split with neither a Regex nor a String" },
    { SPLIT("{\"Regex\": \"(\"}, \"behavior\": \"Isolated\""),
      "pre-tokenizer: pattern \"(\": missing closing parenthesis" },
    { SPLIT("{\"Regex\": \"a\\\\h\"}, \"behavior\": \"Isolated\""),
      "pre-tokenizer: pattern \"a\\h\": \\h is not supported here" },
    { WORDPIECE(", \"post_processor\": {\"type\": \"X\"}"), "post_processor: \"X\" is not supported here" },
    { WORDPIECE(", \"post_processor\": {\"type\": \"BertProcessing\"}"), "post_processor: cls is missing" },
    { WORDPIECE(", \"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"\", 99], \"sep\": [\"\", 1]}"),
      "post_processor: a token that it adds has no id of a token" },
    { TEMPLATE("[{\"SpecialToken\": {\"id\": \"[CLS]\"}}]", "{}"),
      "post_processor: a token of its template is not defined" },
    { TEMPLATE("[{\"SpecialToken\": {\"id\": \"x\"}}, {\"SpecialToken\": {\"id\": \"x\"}}]", "{\"x\": {\"ids\": [6]}}"),
      "post_processor: more than one token on a side" },
    { "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}}", "model: WordPiece without the pre-tokenizer" },
    { "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}, \"pre_tokenizer\": {\"type\": "
      "\"BertPreTokenizer\"}}",
      "vocabulary: there is no unknown token" },
    { "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}, \"max_input_chars_per_word\": 0},"
      "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}}",
      "model: max_input_chars_per_word is no length" },
};

START_TEST(bad_files_are_named)
{
    Error err = { "" };
    Tokenizer *t = tokenizer_from_json(BAD_FILES[_i].json, strlen(BAD_FILES[_i].json), &err);
    ck_assert_msg(!t && !strncmp(err.message, BAD_FILES[_i].message, strlen(BAD_FILES[_i].message)),
                  "\"%s\" is not \"%s\"", err.message, BAD_FILES[_i].message);
}
END_TEST

// --- Files and folders ---------------------------------------------------------------------------------------------------

START_TEST(folders)
{
    Error err = { "" };
    char folder[] = "/tmp/lectern-tokenizer-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_ptr_null(tokenizer_open(folder, &err));
    ck_assert_msg(strstr(err.message, "there is no tokenizer.json, vocab.json or vocab.txt"), "%s", err.message);
    char *json = path_join(folder, "tokenizer.json"), *config = path_join(folder, "tokenizer_config.json");
    const char *text = BPE("", BYTE_LEVEL), *tokens = "{\"bos_token\": {\"content\": \"a\"}, \"eos_token\": \"b\"}";
    ck_assert(file_write(json, text, strlen(text), NULL) && file_write(config, tokens, strlen(tokens), NULL));
    err = (Error){ "" };
    Tokenizer *t = tokenizer_open(folder, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    ck_assert(tokenizer_bos(t) == 0 && tokenizer_eos(t) == 1 && !tokenizer_adds_bos(t));
    tokenizer_free(t);
    ck_assert(file_write(config, "{", 1, NULL));
    ck_assert_ptr_null(tokenizer_open(json, &err));
    ck_assert_msg(strstr(err.message, "tokenizer_config.json: line 1: "), "%s", err.message);
    err = (Error){ "" };
    ck_assert(file_write(json, "{", 1, NULL));
    ck_assert_ptr_null(tokenizer_open(folder, &err));
    ck_assert_msg(strstr(err.message, "/tokenizer.json: line 1: "), "%s", err.message);
    dir_remove(folder, &err);
    free(json);
    free(config);
}
END_TEST

Suite *suite_tokenizer_json(void)
{
    Suite *suite = suite_create("tokenizer_json");
    TCase *tests = tcase_create("tokenizer_json");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, ids_equal_hugging_faces, 0, COUNT_OF(FIXTURES));
    tcase_add_loop_test(tests, a_vocabulary_loads_again, 0, COUNT_OF(FIXTURES));
    tcase_add_test(tests, wordpiece);
    tcase_add_test(tests, vocab_txt);
    tcase_add_test(tests, vocab_json_and_merges_txt);
    tcase_add_loop_test(tests, what_files_say, 0, COUNT_OF(FILES));
    tcase_add_loop_test(tests, bad_files_are_named, 0, COUNT_OF(BAD_FILES));
    tcase_add_test(tests, folders);
    suite_add_tcase(suite, tests);
    return suite;
}
