// The fuzzers' inputs kept in tests/fuzz/corpus/ run with the ordinary tests: those that once failed stay mended. What is
// named valid-* must be read, what is named broken-* must not.
#define LLVMFuzzerTestOneInput fuzz_checkpoint
#include "fuzz/fuzz_checkpoint.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_gguf
#include "fuzz/fuzz_gguf.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_safetensors
#include "fuzz/fuzz_safetensors.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tokenizer
#include "fuzz/fuzz_tokenizer.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_config
#include "fuzz/fuzz_config.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_hub
#include "fuzz/fuzz_hub.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_zip
#include "fuzz/fuzz_zip.c"
#undef LLVMFuzzerTestOneInput
#include "base/file.h"
#include <check.h>
#include <dirent.h>

static bool read_gguf(const uint8_t *data, size_t size, Error *err)
{
    Gguf *g = gguf_open_memory(data, size, "file", err);
    gguf_close(g);
    return g != NULL;
}

static bool read_safetensors(const uint8_t *data, size_t size, Error *err)
{
    Safetensors *s = safetensors_open_memory(data, size, "file", err);
    safetensors_close(s);
    return s != NULL;
}

// As one family's at least.
static bool read_hub(const uint8_t *data, size_t size, Error *err)
{
    bool read = false;
    Safetensors *s = safetensors_open_memory(data, size, "file", err);
    for (size_t i = 0; s && !read && i < COUNT_OF(fuzz_families); i++) {
        Error why = { "" };
        Weights weights;
        const Family *family = family_find(fuzz_families[i]);
        Config config = fuzz_config_of(family);
        read = weights_of_hub(&weights, s, family, &config, &why);
        if (!read) error_set(err, "%s", why.message);
        weights_free(&weights);
    }
    safetensors_close(s);
    return read;
}

static bool read_zip(const uint8_t *data, size_t size, Error *err)
{
    Zip *zip = zip_open_memory(data, size, "file", err);
    zip_close(zip);
    return zip != NULL;
}

static int replay(const char *folder, int (*fuzz)(const uint8_t *data, size_t size),
                  bool (*reads)(const uint8_t *data, size_t size, Error *err))
{
    int count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        Error err = { "" };
        size_t size;
        char *path = path_join(folder, entry->d_name), *data = file_read(path, &size, &err);
        ck_assert_msg(data != NULL, "%s", err.message);
        fuzz((const uint8_t *)data, size);
        if (!strncmp(entry->d_name, "valid", 5))
            ck_assert_msg(reads((const uint8_t *)data, size, &err), "%s: %s", path, err.message);
        if (!strncmp(entry->d_name, "broken", 6))
            ck_assert_msg(!reads((const uint8_t *)data, size, &err), "%s is read", path);
        free(data);
        free(path);
        count++;
    }
    closedir(dir);
    return count;
}

START_TEST(checkpoint_corpus)
{
    ck_assert_int_gt(replay("tests/fuzz/corpus/checkpoint", fuzz_checkpoint, read_checkpoint_file), 20);
}
END_TEST

START_TEST(gguf_corpus) { ck_assert_int_gt(replay("tests/fuzz/corpus/gguf", fuzz_gguf, read_gguf), 15); }
END_TEST

START_TEST(safetensors_corpus)
{
    ck_assert_int_gt(replay("tests/fuzz/corpus/safetensors", fuzz_safetensors, read_safetensors), 20);
}
END_TEST

START_TEST(zip_corpus) { ck_assert_int_ge(replay("tests/fuzz/corpus/zip", fuzz_zip, read_zip), 10); }
END_TEST

START_TEST(hub_corpus) { ck_assert_int_ge(replay("tests/fuzz/corpus/hub", fuzz_hub, read_hub), 19); }
END_TEST

START_TEST(config_corpus) { ck_assert_int_ge(replay("tests/fuzz/corpus/config", fuzz_config, NULL), 7); }
END_TEST

START_TEST(tokenizer_corpus) { ck_assert_int_gt(replay("tests/fuzz/corpus/tokenizer", fuzz_tokenizer, NULL), 5); }
END_TEST

Suite *suite_fuzz(void)
{
    Suite *suite = suite_create("fuzz");
    TCase *tests = tcase_create("fuzz");
    tcase_add_test(tests, checkpoint_corpus);
    tcase_add_test(tests, gguf_corpus);
    tcase_add_test(tests, safetensors_corpus);
    tcase_add_test(tests, zip_corpus);
    tcase_add_test(tests, hub_corpus);
    tcase_add_test(tests, config_corpus);
    tcase_add_test(tests, tokenizer_corpus);
    suite_add_tcase(suite, tests);
    return suite;
}
