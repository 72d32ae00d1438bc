// JSON from strangers: one line that names file and place, never more.
#include "base/file.h"
#include "base/memory.h"
#include "formats/json_file.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *text;
    size_t size; // 0: all of it
    const char *message;
} broken[] = {
    { "", 0, "file: line 1: " },
    { "{\"a\": 1,\n", 0, "file: line 2: " },
    { "{\"a\": 1} x", 0, "file: line 1: end of file expected" },
    { "{\"a\": 1, \"a\": 2}", 0, "file: line 1: duplicate object key" },
    { "[1]", 0, "file: line 1: it does not start with {" },
    { "7", 0, "file: line 1: " },
    { "{\"a\": NaN}", 0, "file: line 1: invalid token near 'NaN'" },
    { "{\"a\": -Infinity}", 0, "file: line 1: invalid token" },
    { "{\"a\": 1e999}", 0, "file: line 1: real number overflow" },
    { "{\"a\": 99999999999999999999}", 0, "file: line 1: too big integer" },
    { "{\"a\0b\": 1}", 10, "file: line 1: " },
    { "{\"a\": \"\\u0000\"}", 0, "file: line 1: \\u0000 is not allowed" },
    { "{\"a\": \"\xff\"}", 0, "file: line 1: unable to decode byte 0xff" },
    { "{\"a\": \x1b[2J}", 0, "file: line 1: invalid token near '?'" },
};

START_TEST(broken_texts_are_refused)
{
    Error err = { "" };
    size_t size = broken[_i].size ? broken[_i].size : strlen(broken[_i].text);
    ck_assert_ptr_null(json_file_parse(broken[_i].text, size, "file", &err));
    ck_assert_msg(!strncmp(err.message, broken[_i].message, strlen(broken[_i].message)), "%s", err.message);
}
END_TEST

START_TEST(nesting_and_size_are_bounded)
{
    Error err = { "" };
    char *deep = mem_zero(JSON_FILE_BYTES + 10, 1);
    memset(deep, '[', JSON_FILE_BYTES);
    memcpy(deep, "{\"a\":", 5);
    ck_assert_ptr_null(json_file_parse(deep, JSON_FILE_BYTES, "file", &err));
    ck_assert_ptr_nonnull(strstr(err.message, "file: line 1: maximum parsing depth"));
    err = (Error){ "" };
    ck_assert_ptr_null(json_file_parse(deep, JSON_FILE_BYTES + 1, "file", &err));
    ck_assert_str_eq(err.message, "file: it has 67108865 bytes; at most 67108864 are read");
    free(deep);
}
END_TEST

START_TEST(only_regular_files_are_read)
{
    Error err = { "" };
    ck_assert_ptr_null(json_file_read("/dev/zero", &err));
    ck_assert_str_eq(err.message, "/dev/zero: is a device or pipe, not a file");
    char path[] = "/tmp/lectern-test-XXXXXX";
    close(mkstemp(path));
    ck_assert(file_write(path, "{\"a\": [1]}", 10, NULL));
    json_t *root = json_file_read(path, NULL);
    ck_assert_int_eq((int)json_integer_value(json_array_get(json_object_get(root, "a"), 0)), 1);
    json_decref(root);
    unlink(path);
}
END_TEST

START_TEST(values_are_quoted_on_one_line)
{
    json_t *value = json_pack("{s:s, s:[i, b]}", "a", "é\n", "b", 7, 1);
    ck_assert_str_eq(json_quote(value).text, "{\"a\":\"\\u00E9\\n\",\"b\":[7,true]}");
    json_decref(value);
    char text[201] = "";
    memset(text, 'x', 200);
    value = json_string(text);
    JsonQuote quote = json_quote(value);
    ck_assert_uint_lt(strlen(quote.text), sizeof quote.text);
    ck_assert_ptr_nonnull(strstr(quote.text, "xxx…"));
    json_decref(value);
}
END_TEST

Suite *suite_json_file(void);
Suite *suite_json_file(void)
{
    Suite *suite = suite_create("json_file");
    TCase *tests = tcase_create("json_file");
    tcase_add_loop_test(tests, broken_texts_are_refused, 0, COUNT_OF(broken));
    tcase_add_test(tests, nesting_and_size_are_bounded);
    tcase_add_test(tests, only_regular_files_are_read);
    tcase_add_test(tests, values_are_quoted_on_one_line);
    suite_add_tcase(suite, tests);
    return suite;
}
