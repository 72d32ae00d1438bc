// MiniLM's vectors against sentence-transformers, where the model has been fetched.
#include "base/file.h"
#include "models/embedding.h"

START_TEST(minilm_in_the_users_cache)
{
    Error err = { "" };
    char *cache = cache_dir(&err), *path = cache ? path_join(cache, "models/minilm") : NULL;
    free(cache);
    if (!path || !dir_exists(path)) {
        printf("skipped: MiniLM is not in the cache, and its vectors are not compared (`lectern fetch minilm`)\n");
        free(path);
        return;
    }
    open_model(path);
    free(path);
    ck_assert_int_eq(embedder.settings.max_tokens, 256);
    json_t *expected = json_file_read("tests/models/fixtures/minilm.json", &err);
    ck_assert_msg(expected != NULL, "%s", err.message);
    json_t *texts = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(expected, "sentences"), i, row)
        json_array_append(texts, json_object_get(row, "text"));
    float *x = embed(texts);
    ck_assert_uint_eq(json_array_size(texts), 6);
    json_array_foreach(json_object_get(expected, "sentences"), i, row) ck_assert_double_le(
        largest_difference(x + i * (size_t)model->config.d_model, json_object_get(row, "embedding")), 2e-6);
    free(x);
    json_decref(texts);
    json_decref(expected);
    close_model();
}
END_TEST

Suite *suite_minilm(void);
Suite *suite_minilm(void)
{
    Suite *suite = suite_create("minilm");
    TCase *tests = tcase_create("minilm");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, minilm_in_the_users_cache);
    suite_add_tcase(suite, tests);
    return suite;
}
