#include "base/memory.h"
#include "text/fixture.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- Against sentencepiece's ids (tests/peers/make_tokenizer_fixtures.py) ------------------------------------------------

static void *numbers(const json_t *array, Arena *arena, bool real)
{
    size_t n = json_array_size(array);
    float *reals = ARENA_ARRAY(arena, float, n);
    int32_t *integers = ARENA_ARRAY(arena, int32_t, n);
    for (size_t i = 0; i < n; i++) {
        reals[i] = (float)json_number_value(json_array_get(array, i));
        integers[i] = (int32_t)json_number_value(json_array_get(array, i));
    }
    return real ? (void *)reals : (void *)integers;
}

START_TEST(ids_equal_sentencepieces)
{
    static const char *const names[] = { "sentencepiece", "sentencepiece_no_prefix" };
    json_t *fixture = fixture_open(names[_i]), *tokenizer = json_object_get(fixture, "tokenizer");
    json_t *tokens = json_object_get(tokenizer, "tokens"), *token;
    Arena arena = { 0 };
    Vocabulary v = VOCABULARY_NONE;
    v.n_tokens = json_array_size(tokens);
    StringView *list = ARENA_ARRAY(&arena, StringView, v.n_tokens);
    size_t i;
    json_array_foreach(tokens, i, token) list[i] = (StringView){ json_string_value(token), json_string_length(token) };
    v.model = string_view("llama");
    v.tokens = list;
    v.scores = numbers(json_object_get(tokenizer, "scores"), &arena, true);
    v.types = numbers(json_object_get(tokenizer, "types"), &arena, false);
    v.unk = (int32_t)json_integer_value(json_object_get(tokenizer, "unk"));
    v.space_prefix = json_is_true(json_object_get(tokenizer, "space_prefix"));
    ck_assert_int_eq(v.space_prefix, _i == 0);
    Error err = { "" };
    Tokenizer *t = tokenizer_load(&v, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    fixture_check(fixture, t, 200);
    // And back: every byte, as no token is unknown.
    json_t *item;
    json_array_foreach(json_object_get(fixture, "cases"), i, item)
    {
        json_t *text = json_object_get(item, "text");
        TokenList ids = { 0 };
        tokenizer_encode(t, json_string_value(text), json_string_length(text), true, &ids);
        char *back = decode_all(t, &ids);
        ck_assert_str_eq(back, json_string_value(text));
        free(back);
        free(ids.ids);
    }
    tokenizer_free(t);
    arena_free(&arena);
    json_decref(fixture);
}
END_TEST

// --- A vocabulary by hand ------------------------------------------------------------------------------------------------

static StringView TOKENS[] = { { "<unk>", 5 },   { "a", 1 },      { "b", 1 },     { "c", 1 },
                               { "ab", 2 },      { "bc", 2 },     { "abc", 3 },   { "\u2581", 3 },
                               { "\u2581a", 4 }, { "<0x64>", 6 }, { "<0xFF>", 6 } };
static int32_t TYPES[] = { TOKEN_UNKNOWN, 1, 1, 1, 1, 1, 1, 1, 1, TOKEN_BYTE, TOKEN_BYTE };
static float SCORES[] = { 0, -9, -9, -9, -2, -1, -3, -9, -2, 0, 0 };

static Vocabulary by_hand(void)
{
    Vocabulary v = VOCABULARY_NONE;
    v.model = string_view("llama");
    v.n_tokens = COUNT_OF(TOKENS), v.tokens = TOKENS, v.types = TYPES, v.scores = SCORES, v.unk = 0;
    return v;
}

START_TEST(scores_and_bytes)
{
    static const struct {
        const char *text;
        bool prefix;
        int32_t ids[6];
        size_t count;
    } cases[] = {
        { "abc", false, { 6 }, 1 },       // bc goes first, and abc can be made of it
        { "abab", false, { 4, 4 }, 2 },   //
        { "aabc", true, { 8, 6 }, 2 },    // of ab, bc and " a" the best is bc
        { "ab", true, { 8, 2 }, 2 },      // " a" and "ab" have one score: the first goes first
        { "d\xff", false, { 9, 10 }, 2 }, //
        { "e", false, { 0 }, 1 },         // no byte token for it
        { "a\u2581"
          "b",
          false,
          { 1, 7, 2 },
          3 }, //
        { "", true, { 0 }, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Vocabulary v = by_hand();
        v.space_prefix = cases[i].prefix;
        Error err = { "" };
        Tokenizer *t = tokenizer_load(&v, &err);
        ck_assert_msg(t != NULL, "%s", err.message);
        TokenList ids = { 0 };
        tokenizer_encode(t, cases[i].text, strlen(cases[i].text), false, &ids);
        ck_assert_msg(ids.count == cases[i].count &&
                          (!ids.count || !memcmp(ids.ids, cases[i].ids, ids.count * sizeof *ids.ids)),
                      "case %zu: %zu ids, first %d", i, ids.count, ids.count ? ids.ids[0] : -1);
        free(ids.ids);
        tokenizer_free(t);
    }
}
END_TEST

// Megabytes without a word's end: a quadratic encoder would not come back within the test's time.
START_TEST(long_texts)
{
    Vocabulary v = by_hand();
    Tokenizer *t = tokenizer_load(&v, NULL);
    size_t size = 1 << 20;
    char *text = mem_alloc(size);
    for (size_t i = 0; i < size; i++) text[i] = "abc "[i * i % 7 % 4];
    TokenList ids = { 0 };
    tokenizer_encode(t, text, size, false, &ids);
    size_t at = 0;
    for (size_t i = 0; i < ids.count; i++) at += tokenizer_decode(t, ids.ids[i]).size;
    ck_assert_uint_eq(at, size);
    free(ids.ids);
    free(text);
    tokenizer_free(t);
}
END_TEST

START_TEST(bad_vocabularies_are_named)
{
    static const struct {
        const char *message, *spelling;
        float score;
        bool no_scores;
    } bad[] = {
        { "vocabulary: its tokens have no scores", "<0x64>", 0, true },
        { "vocabulary: token 9 \"<0x64>\": its score is not a number", "<0x64>", NAN, false },
        { "vocabulary: token 9 \"<0x6g>\": it is of type byte but not", "<0x6g>", 0, false },
        { "vocabulary: token 9 \"d\": it is of type byte but not", "d", 0, false },
    };
    StringView tokens[COUNT_OF(TOKENS)];
    float scores[COUNT_OF(SCORES)];
    memcpy(tokens, TOKENS, sizeof tokens);
    memcpy(scores, SCORES, sizeof scores);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Vocabulary v = by_hand();
        tokens[9] = string_view(bad[i].spelling), scores[9] = bad[i].score;
        v.tokens = tokens, v.scores = bad[i].no_scores ? NULL : scores;
        Error err = { "" };
        ck_assert_ptr_null(tokenizer_load(&v, &err));
        ck_assert_msg(!strncmp(err.message, bad[i].message, strlen(bad[i].message)), "\"%s\"", err.message);
    }
}
END_TEST

Suite *suite_sentencepiece(void)
{
    Suite *suite = suite_create("sentencepiece");
    TCase *tests = tcase_create("sentencepiece");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, ids_equal_sentencepieces, 0, 2);
    tcase_add_test(tests, scores_and_bytes);
    tcase_add_test(tests, long_texts);
    tcase_add_test(tests, bad_vocabularies_are_named);
    suite_add_tcase(suite, tests);
    return suite;
}
