#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Known answers of Philox4x32-10 from the authors' Random123 distribution (kat_vectors).
START_TEST(philox_known_answers)
{
    uint32_t out[4];
    philox(0, 0, 0, out);
    const uint32_t zeros[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    ck_assert_mem_eq(out, zeros, sizeof out);
    philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, out);
    const uint32_t ones[4] = { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd };
    ck_assert_mem_eq(out, ones, sizeof out);
    philox(0x299f31d0a4093822u, 0x85a308d3243f6a88u, 0x0370734413198a2eu, out);
    const uint32_t pi[4] = { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 };
    ck_assert_mem_eq(out, pi, sizeof out);
}
END_TEST

START_TEST(random_moments)
{
    Random random = { .key = random_key(7, "test") };
    double sum = 0, squares = 0;
    int counts[6] = { 0 }, n = 60000;
    for (int i = 0; i < n; i++) {
        double x = random_normal(&random);
        sum += x;
        squares += x * x;
        counts[random_below(&random, 6)]++;
    }
    ck_assert_double_lt(fabs(sum / n), 0.02);
    ck_assert_double_lt(fabs(squares / n - 1), 0.03);
    double chi2 = 0;
    for (int i = 0; i < 6; i++) chi2 += (counts[i] - n / 6.0) * (counts[i] - n / 6.0) / (n / 6.0);
    ck_assert_double_lt(chi2, 20.5); // 0.1 % point of chi-squared with 5 degrees of freedom
}
END_TEST

START_TEST(arena_marks)
{
    Arena arena = { 0 };
    char *kept = arena_format(&arena, "kept %d", 1);
    ArenaMark mark = arena_mark(&arena);
    for (int i = 0; i < 100; i++) {
        unsigned char *block = arena_alloc(&arena, 5000);
        for (int j = 0; j < 5000; j++) ck_assert_int_eq(block[j], 0);
        memset(block, 0xff, 5000);
    }
    arena_reset(&arena, mark);
    ck_assert_str_eq(kept, "kept 1");
    ck_assert_int_eq(*(char *)arena_alloc(&arena, 16), 0);
    arena_free(&arena);
}
END_TEST

START_TEST(errors_keep_the_first_cause)
{
    Error err = { "" };
    ck_assert(!error_set(&err, "bad\x1b[31m %s", "name"));
    error_set(&err, "second");
    ck_assert_str_eq(err.message, "bad?[31m name");
    error_prefix(&err, "file");
    ck_assert_str_eq(err.message, "file: bad?[31m name");
}
END_TEST

START_TEST(files_are_replaced_whole)
{
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "a.txt");
    Error err = { "" };
    ck_assert_msg(file_write(path, "one", 3, &err), "%s", err.message);
    FileWriter writer;
    ck_assert(file_write_begin(&writer, path, &err));
    fputs("half", writer.stream);
    file_write_abandon(&writer);
    size_t size;
    char *text = file_read(path, &size, &err);
    ck_assert_str_eq(text, "one");
    free(text);
    FileMap map;
    ck_assert(file_map(path, &map, &err));
    ck_assert_uint_eq(map.size, 3);
    file_unmap(&map);
    ck_assert(!file_map(folder, &map, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "is a folder, not a file"));
    err = (Error){ "" };
    ck_assert_ptr_null(file_read("/nonexistent/x", &size, &err));
    ck_assert_str_eq(err.message, "/nonexistent/x: cannot open: No such file or directory");
    err = (Error){ "" };
    ck_assert_msg(dir_remove(folder, &err), "%s", err.message);
    free(path);
}
END_TEST

// Two processes write the same file at once: each its own bytes beside it, and the later one's stay.
START_TEST(two_writers_of_one_file)
{
    Error err = { "" };
    char folder[] = "/tmp/lectern-test-XXXXXX", written[4] = "";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "file");
    int go[2];
    ck_assert_int_eq(pipe(go), 0);
    FileWriter writer;
    ck_assert(file_write_begin(&writer, path, &err));
    pid_t child = fork();
    if (child == 0) {
        FileWriter other;
        bool ok = file_write_begin(&other, path, &err) && fputs("two", other.stream) >= 0;
        ok = ok && fflush(other.stream) == 0 && write(go[1], "x", 1) == 1 && file_write_commit(&other, &err);
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(read(go[0], written, 1), 1); // its bytes are there
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    fputs("one", writer.stream);
    ck_assert_msg(file_write_commit(&writer, &err), "%s", err.message);
    size_t size;
    char *text = file_read(path, &size, &err);
    ck_assert_str_eq(text, "one");
    free(text);
    ck_assert_msg(dir_remove(folder, &err), "%s", err.message);
    free(path);
}
END_TEST

// What a killed process left beside a file goes when the file is written again; another's that still writes, and files of
// like names, stay.
START_TEST(parts_of_killed_writers_go)
{
    Error err = { "" };
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "file"), *left[2];
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            FileWriter writer;
            if (file_write_begin(&writer, path, &err) && write(ready[1], "x", 1) == 1) pause();
            _exit(1);
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        left[i] = mem_format("%s.lectern-%ld.part", path, (long)children[i]);
        ck_assert(file_exists(left[i]));
    }
    ck_assert_int_eq(kill(children[0], SIGKILL), 0);
    ck_assert_int_eq(waitpid(children[0], NULL, 0), children[0]);
    static const char *const others[] = { "file.1.part", "file.lectern-1.parts", "file.lectern-.part",
                                          "files.lectern-1.part" };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char *other = path_join(folder, others[i]);
        ck_assert(file_write(other, "x", 1, &err));
        free(other);
    }
    ck_assert_msg(file_write(path, "one", 3, &err), "%s", err.message);
    ck_assert(!file_exists(left[0]) && file_exists(left[1]));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char *other = path_join(folder, others[i]);
        ck_assert_msg(file_exists(other), "%s", other);
        free(other);
    }
    ck_assert_int_eq(kill(children[1], SIGKILL), 0);
    ck_assert_int_eq(waitpid(children[1], NULL, 0), children[1]);
    ck_assert_msg(dir_remove(folder, &err), "%s", err.message);
    free(left[0]), free(left[1]), free(path);
}
END_TEST

// Nobody writes into the pipe: opening it must not wait. A link goes; what it points to stays.
START_TEST(pipes_and_links)
{
    Error err = { "" };
    FileMap map;
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *pipe_ = path_join(folder, "pipe"), *inner = path_join(folder, "inner"), *link_ = path_join(folder, "link");
    ck_assert_int_eq(mkfifo(pipe_, 0600), 0);
    ck_assert(!file_map(pipe_, &map, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "is a device or pipe, not a file"));
    err = (Error){ "" };
    ck_assert(dir_create(inner, &err));
    char *file = path_join(inner, "file");
    ck_assert(file_write(file, "x", 1, &err));
    ck_assert_int_eq(symlink("inner", link_), 0);
    ck_assert_msg(dir_remove(link_, &err), "%s", err.message);
    ck_assert(!dir_exists(link_) && file_exists(file));
    ck_assert(dir_remove(inner, &err) && dir_remove(folder, &err));
    free(pipe_), free(inner), free(link_), free(file);
}
END_TEST

Suite *suite_base(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_test(tests, philox_known_answers);
    tcase_add_test(tests, random_moments);
    tcase_add_test(tests, arena_marks);
    tcase_add_test(tests, errors_keep_the_first_cause);
    tcase_add_test(tests, files_are_replaced_whole);
    tcase_add_test(tests, two_writers_of_one_file);
    tcase_add_test(tests, parts_of_killed_writers_go);
    tcase_add_test(tests, pipes_and_links);
    suite_add_tcase(suite, tests);
    return suite;
}
