#include "base/file.h"
#include "base/memory.h"
#include "data/corpus.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

static void start(void)
{
    static char name[32];
    strcpy(name, "/tmp/lectern-test-XXXXXX");
    folder = mkdtemp(name);
    ck_assert_ptr_nonnull(folder);
}

static void finish(void)
{
    Error err = { "" };
    ck_assert_msg(dir_remove(folder, &err), "%s", err.message);
}

// What loading these bytes says; "" when it succeeds.
static const char *load_message(const char *bytes, size_t size)
{
    static Error err;
    err = (Error){ "" };
    char *path = path_join(folder, "text.txt");
    ck_assert(file_write(path, bytes, size, &err));
    Corpus corpus;
    if (corpus_load(path, &corpus, &err)) {
        ck_assert_uint_eq(corpus.size, size);
        ck_assert_mem_eq(corpus.text, bytes, size);
        corpus_free(&corpus);
    }
    free(path);
    const char *name = strstr(err.message, "text.txt");
    return name ? name : err.message;
}
#define LOAD(literal) load_message(literal, sizeof literal - 1)

START_TEST(loads_text)
{
    ck_assert_str_eq(LOAD("plain"), "");
    ck_assert_str_eq(LOAD("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\n"), "");
}
END_TEST

START_TEST(a_byte_order_mark_is_no_text)
{
    Error err = { "" };
    Corpus corpus;
    char *path = path_join(folder, "text.txt");
    ck_assert(file_write(path,
                         "\xef\xbb\xbf"
                         "a\xef\xbb\xbf",
                         7, &err));
    ck_assert_msg(corpus_load(path, &corpus, &err), "%s", err.message);
    ck_assert_uint_eq(corpus.size, 4);
    ck_assert_str_eq(corpus.text, "a\xef\xbb\xbf");
    corpus_free(&corpus);
    free(path);
    ck_assert_str_eq(LOAD("\xef\xbb\xbf"), "text.txt: is empty; name a file with text in it");
}
END_TEST

START_TEST(names_what_is_wrong)
{
    ck_assert_str_eq(LOAD(""), "text.txt: is empty; name a file with text in it");
    ck_assert_str_eq(LOAD("ab\0c"), "text.txt: byte 2 is 0, so this is a binary file; name a UTF-8 text file");
    ck_assert_str_eq(LOAD("caf\xe9 au lait"),
                     "text.txt: byte 3 (0xe9) is not UTF-8; convert the file first, for example with iconv");
    Error err = { "" };
    Corpus corpus;
    ck_assert(!corpus_load("/nonexistent/a.txt", &corpus, &err));
    ck_assert_str_eq(err.message, "/nonexistent/a.txt: cannot open: No such file or directory");
    err = (Error){ "" };
    ck_assert(!corpus_load("/tmp", &corpus, &err));
    ck_assert_str_eq(err.message, "/tmp: is a folder; name one text file");
}
END_TEST

START_TEST(utf8_is_strict)
{
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {
        { "a\xc0\xaf", 1 },         // overlong, two bytes
        { "a\xe0\x80\xaf", 1 },     // overlong, three bytes
        { "a\xf0\x80\x80\xaf", 1 }, // overlong, four bytes
        { "ab\xed\xa0\x80", 2 },    // a surrogate
        { "\xf4\x90\x80\x80", 0 },  // over U+10FFFF
        { "a\x80", 1 },             // a continuation without a start
        { "abc\xe2\x82", 3 },       // cut off
        { "abc\xe2\x82z", 3 },      // broken off
        { "\xc3\xa9\xff", 2 },      // never a byte of UTF-8
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ck_assert_uint_eq(utf8_valid_prefix(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    // Every code point in its own encoding is valid, and surrogates are not.
    for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
        unsigned char s[4];
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n; --i > 0;) s[i] = (unsigned char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
        s[0] = (unsigned char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c >> 6 * (n - 1));
        bool surrogate = c >= 0xd800 && c < 0xe000;
        if (utf8_valid_prefix((char *)s, n) != (surrogate ? 0 : n)) ck_abort_msg("U+%04X", c);
    }
}
END_TEST

START_TEST(splits_between_characters)
{
    char text[] = "aa\xe2\x82\xac\xe2\x82\xac\xc3\xa9"; // boundaries at 0 1 2 5 8 10
    Corpus corpus = { text, sizeof text - 1 };
    ck_assert_uint_eq(corpus_split(&corpus, 0), 10);
    ck_assert_uint_eq(corpus_split(&corpus, 0.1), 8);
    ck_assert_uint_eq(corpus_split(&corpus, 0.2), 8);
    ck_assert_uint_eq(corpus_split(&corpus, 0.3), 5);
    ck_assert_uint_eq(corpus_split(&corpus, 0.5), 5);
    ck_assert_uint_eq(corpus_split(&corpus, 0.6), 2);
    ck_assert_uint_eq(corpus_split(&corpus, 0.99), 1);
}
END_TEST

Suite *suite_corpus(void)
{
    Suite *suite = suite_create("corpus");
    TCase *tests = tcase_create("corpus");
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, loads_text);
    tcase_add_test(tests, a_byte_order_mark_is_no_text);
    tcase_add_test(tests, names_what_is_wrong);
    tcase_add_test(tests, utf8_is_strict);
    tcase_add_test(tests, splits_between_characters);
    suite_add_tcase(suite, tests);
    return suite;
}
