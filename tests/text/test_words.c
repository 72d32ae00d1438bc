#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "text/normalize.h"
#include "text/words.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

// --- Pre-tokenizers ------------------------------------------------------------------------------------------------------

static Splitter *open_pattern(const char *pattern)
{
    Error err = { "" };
    Splitter *splitter = splitter_compile(&(StringView){ pattern, strlen(pattern) }, 1, &err);
    ck_assert_msg(splitter != NULL, "%s", err.message);
    return splitter;
}

// The words with | between them.
static char *cut(const Splitter *splitter, const char *text)
{
    TextBuffer out = { 0 };
    Words words = words_begin(splitter, text, strlen(text));
    for (StringView word; words_next(&words, &word);) {
        if (out.size) text_append(&out, "|", 1);
        text_append(&out, word.data, word.size);
    }
    words_end(&words);
    text_append(&out, "", 1);
    return out.data;
}

static const struct {
    const char *pre, *text, *words;
} CUTS[] = {
    { "gpt-2", "I've 123 cats  and\n\n dogs", "I|'ve| 123| cats| | and|\n\n| dogs" },
    { "smollm", "I've 123 cats  and\n\n dogs", "I|'ve| |1|2|3| cats| | and|\n\n| dogs" },
    { "smollm", "a  1", "a|  |1" }, // the piece ends before the digit
    { "llama-bpe", "I'VE 12345 (cats)\n\n dogs", "I|'VE| |123|45| (|cats|)\n\n| dogs" },
    { "qwen2", "I'VE 123 (cats)", "I|'VE| |1|2|3| (|cats|)" },
    { "default", "a+b 12345.", "a|+|b| |123|45|." },
    { "gpt-2", "a\xff\xfe b\xc3", "a|\xff|\xfe| b|\xc3" },
    { "smollm",
      "1\xff"
      "2",
      "1|\xff|2" },
    { "gpt-2",
      "a\u180e"
      "b",
      "a|\u180e|b" }, // no white space any more
};

START_TEST(models_cut_their_own_way)
{
    Error err = { "" };
    Splitter *splitter = splitter_open(string_view(CUTS[_i].pre), &err);
    ck_assert_msg(splitter != NULL, "%s", err.message);
    char *words = cut(splitter, CUTS[_i].text);
    ck_assert_str_eq(words, CUTS[_i].words);
    free(words);
    splitter_free(splitter);
}
END_TEST

// A megabyte of one thing: whoever goes back over it at each step would not come back within the test's time.
START_TEST(long_runs)
{
    static const char *const names[] = { "gpt-2", "smollm", "llama-bpe", "qwen2", "default" };
    static const char *const units[] = { "a", " ", "\n", " \n", "'", "1", ".", "\u0301", "\u4e2d", "a1", "\xff", "\r" };
    Error err = { "" };
    Splitter *splitter = splitter_open(string_view(names[_i]), &err);
    size_t size = 1 << 20;
    char *text = mem_alloc(size + 4);
    for (size_t u = 0; u < COUNT_OF(units); u++) {
        size_t unit = strlen(units[u]), total = 0, n = 0;
        for (size_t i = 0; i < size; i += unit) memcpy(text + i, units[u], unit);
        size_t end = size / unit * unit;
        text[end] = 'x';
        Words words = words_begin(splitter, text, end + 1);
        bool joined = true;
        for (StringView word; words_next(&words, &word); n++) {
            joined &= word.data == text + total && word.size > 0;
            total += word.size;
        }
        words_end(&words);
        ck_assert_msg(joined && total == end + 1, "%s, %s", names[_i], units[u]);
        if (!strcmp(units[u], " ")) ck_assert_uint_eq(n, 2); // it gave up nowhere: all spaces but the last, " x"
    }
    free(text);
    splitter_free(splitter);
}
END_TEST

START_TEST(patterns_from_outside)
{
    Splitter *splitter = open_pattern("(a+)+b|\\d");
    char *text = mem_alloc(100001);
    memset(text, 'a', 100000);
    text[100000] = '\0';
    char *words = cut(splitter, text); // gives up: one word
    ck_assert_str_eq(words, text);
    free(words);
    free(text);
    words = cut(splitter, "x1aab2");
    ck_assert_str_eq(words, "x|1|aab|2");
    free(words);
    splitter_free(splitter);
    splitter = open_pattern("\\\\s|\\s");
    words = cut(splitter, "a\\s b");
    ck_assert_str_eq(words, "a|\\s| |b");
    free(words);
    splitter_free(splitter);
    Error err = { "" };
    ck_assert_ptr_null(splitter_compile((StringView[5]){ { "a", 1 } }, 5, &err));
    ck_assert_str_eq(err.message, "pre-tokenizer: 5 patterns; up to 4 are supported");
}
END_TEST

// --- Normalisation -------------------------------------------------------------------------------------------------------

START_TEST(nfc_is_utf8procs)
{
    Random random = { .key = 2 };
    TextBuffer buffer = { 0 };
    static const uint32_t starts[] = { 0x41,   0xc0,   0x300,  0x390,  0x591,   0x900,
                                       0xac00, 0x1100, 0x1160, 0x1e00, 0x2f800, 0xfb1d };
    for (int round = 0; round < 5000; round++) {
        char text[256] = "";
        size_t size = 0;
        for (uint64_t n = random_below(&random, 40); n > 0; n--) {
            uint32_t code = random_below(&random, 8)
                                ? starts[random_below(&random, COUNT_OF(starts))] + (uint32_t)random_below(&random, 40)
                                : (uint32_t)(0x300 + random_below(&random, 0x50));
            size += (size_t)utf8_write(code, text + size);
        }
        StringView ours = text_normalize(NORMALIZE_NFC, (StringView){ text, size }, &buffer);
        utf8proc_uint8_t *theirs = utf8proc_NFC((utf8proc_uint8_t *)text);
        ck_assert_msg(string_view_equal(ours, string_view((char *)theirs)), "%s", text);
        free(theirs);
    }
    const char stray[] = "e\u0301\xff"
                         "e\u0301\xe2\x82";
    StringView out = text_normalize(NORMALIZE_NFC, string_view(stray), &buffer);
    ck_assert(string_view_equal(out, string_view("\u00e9\xff\u00e9\xe2\x82")));
    free(buffer.data);
}
END_TEST

START_TEST(a_million_marks)
{
    size_t n = 500000;
    char *text = mem_alloc(4 * n + 1);
    for (size_t i = 0; i < n; i++) memcpy(text + 4 * i, "\u0301\u0323", 4); // above, below: each pair is to be swapped
    TextBuffer buffer = { 0 };
    StringView out = text_normalize(NORMALIZE_NFC, (StringView){ text, 4 * n }, &buffer);
    ck_assert_uint_eq(out.size, 4 * n);
    ck_assert(!memcmp(out.data, "\u0323", 2) && !memcmp(out.data + 4 * n - 2, "\u0301", 2));
    free(buffer.data);
    free(text);
}
END_TEST

START_TEST(berts_rules)
{
    static const struct {
        uint32_t set;
        const char *text, *out;
    } cases[] = {
        { 0, "\u00c9\x01 ", "\u00c9\x01 " },
        { NORMALIZE_CLEAN,
          "a\tb\x01\u200d\ufffd\xff\u00a0\v\u2028"
          "c",
          "a b  c" },
        { NORMALIZE_CJK,
          "a\u4e2d\u6587"
          "b\u3042",
          "a \u4e2d  \u6587 b\u3042" },
        { NORMALIZE_ACCENTS, "\u00c9\u1e69\u0130x\u0301", "EsIx" },
        { NORMALIZE_ACCENTS, "x\u1df5y\u1df6\u1734",
          "xy\u1df6" }, // a mark of Unicode 10, and one that is none any more
        { NORMALIZE_LOWER, "\u00c9\u0130\u03a3\u1e9e", "\u00e9i\u0307\u03c3\u00df" },
        { NORMALIZE_ACCENTS | NORMALIZE_LOWER, "\u0130STANBUL", "istanbul" },
    };
    TextBuffer buffer = { 0 };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        StringView out = text_normalize(cases[i].set, string_view(cases[i].text), &buffer);
        ck_assert_msg(string_view_equal(out, string_view(cases[i].out)), "case %zu: \"%.*s\"", i, VIEW_ARGS(out));
    }
    free(buffer.data);
}
END_TEST

Suite *suite_words(void)
{
    Suite *suite = suite_create("words");
    TCase *tests = tcase_create("words");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, models_cut_their_own_way, 0, COUNT_OF(CUTS));
    tcase_add_loop_test(tests, long_runs, 0, 5);
    tcase_add_test(tests, patterns_from_outside);
    tcase_add_test(tests, nfc_is_utf8procs);
    tcase_add_test(tests, a_million_marks);
    tcase_add_test(tests, berts_rules);
    suite_add_tcase(suite, tests);
    return suite;
}
