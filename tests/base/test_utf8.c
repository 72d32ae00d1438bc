#include "base/utf8.h"
#include <check.h>
#include <string.h>
#include <utf8proc.h>

START_TEST(every_code_point_comes_back)
{
    int wrong = 0;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[4];
        int length = utf8_write(code, text);
        bool surrogate = code >= 0xd800 && code < 0xe000;
        wrong += utf8_length(text, 4) != (surrogate ? 0 : length);
        for (int cut = 0; cut < length; cut++) wrong += !surrogate && utf8_length(text, (size_t)cut) != -1;
        wrong += utf8_code_point(text, length) != code;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

// All pairs of first and second bytes, with third and fourth ones around the limits, against utf8proc.
START_TEST(what_is_no_utf8)
{
    const uint8_t tails[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff };
    int wrong = 0;
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++)
            for (size_t i = 0; i < sizeof tails * sizeof tails; i++) {
                uint8_t text[] = { (uint8_t)first, (uint8_t)second, tails[i / sizeof tails], tails[i % sizeof tails] };
                utf8proc_int32_t code;
                utf8proc_ssize_t length = utf8proc_iterate(text, 4, &code);
                wrong += utf8_length((char *)text, 4) != (length > 0 ? length : 0);
            }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

Suite *suite_utf8(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("utf8");
    tcase_add_test(tests, every_code_point_comes_back);
    tcase_add_test(tests, what_is_no_utf8);
    suite_add_tcase(suite, tests);
    return suite;
}
