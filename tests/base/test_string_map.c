#include "base/memory.h"
#include "base/string_map.h"
#include <check.h>
#include <stdlib.h>

START_TEST(map_keeps_first_values)
{
    StringMap map = { 0 };
    Arena arena = { 0 };
    ck_assert_ptr_null(string_map_find(&map, string_view("")));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            StringView key = string_view(arena_format(&arena, "%.*s%d", i % 20, "a long common prefix", i));
            ck_assert_int_eq(string_map_add(&map, key, i), round == 0);
        }
    ck_assert_uint_eq(map.count, 5000);
    for (int i = 0; i < 5000; i++) {
        StringView key = string_view(arena_format(&arena, "%.*s%d", i % 20, "a long common prefix", i));
        ck_assert_int_eq(*string_map_find(&map, key), i);
    }
    ck_assert_ptr_null(string_map_find(&map, string_view("5000")));
    ck_assert(string_map_add(&map, (StringView){ NULL, 0 }, -1));
    ck_assert_int_eq(*string_map_find(&map, string_view("")), -1);
    string_map_free(&map);
    arena_free(&arena);
}
END_TEST

START_TEST(views_compare_like_memcmp)
{
    ck_assert_int_lt(string_view_compare(string_view("ab"), string_view("abc")), 0);
    ck_assert_int_gt(string_view_compare(string_view("b"), string_view("abc")), 0);
    ck_assert_int_gt(string_view_compare(string_view("\xff"), string_view("a")), 0);
    ck_assert(string_view_equal((StringView){ NULL, 0 }, string_view("")));
    ck_assert(!string_view_equal((StringView){ "a\0b", 3 }, (StringView){ "a\0c", 3 }));
}
END_TEST

Suite *suite_string_map(void)
{
    Suite *suite = suite_create("string_map");
    TCase *tests = tcase_create("string_map");
    tcase_add_test(tests, map_keeps_first_values);
    tcase_add_test(tests, views_compare_like_memcmp);
    suite_add_tcase(suite, tests);
    return suite;
}
