#include "base/file.h"
#include "formats/npy.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    int n_dims;
    int64_t shape[6];
    const char *text; // of the shape
} CASES[] = {
    { 1, { 3 }, "'shape': (3,), }" },
    { 2, { 1, 3 }, "'shape': (1, 3,), }" },
    { 6, { 3, 1, 1, 1, 1, 1 }, "'shape': (3, 1, 1, 1, 1, 1,), }" },
};

START_TEST(files_are_as_described)
{
    Error err = { "" };
    char folder[] = "/tmp/lectern-npy-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "a.npy");
    const float values[] = { 1.5f, -0.0f, 3e-40f };
    ck_assert_msg(npy_write(path, values, CASES[_i].n_dims, CASES[_i].shape, &err), "%s", err.message);
    size_t size;
    char *data = file_read(path, &size, &err);
    ck_assert_mem_eq(data, "\x93NUMPY\1\0", 8);
    size_t header = (size_t)(uint8_t)data[8] + 256 * (size_t)(uint8_t)data[9];
    ck_assert_uint_eq((10 + header) % 64, 0);
    ck_assert_int_eq(data[10 + header - 1], '\n');
    ck_assert_uint_eq(size, 10 + header + sizeof values);
    ck_assert_mem_eq(data + 10 + header, values, sizeof values);
    data[10 + header] = '\0';
    ck_assert_msg(strstr(data + 10, "{'descr': '<f4', 'fortran_order': False, ") == data + 10, "%s", data + 10);
    ck_assert_msg(strstr(data + 10, CASES[_i].text) != NULL, "%s", data + 10);
    ck_assert(!npy_write("/nonesuch/a.npy", values, 1, CASES[0].shape, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "/nonesuch/a.npy"));
    free(data);
    free(path);
    dir_remove(folder, NULL);
}
END_TEST

Suite *suite_npy(void);
Suite *suite_npy(void)
{
    Suite *suite = suite_create("npy");
    TCase *tests = tcase_create("npy");
    tcase_add_loop_test(tests, files_are_as_described, 0, sizeof CASES / sizeof *CASES);
    suite_add_tcase(suite, tests);
    return suite;
}
