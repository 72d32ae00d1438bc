// What a checkpoint's files may say. Each broken field gives one line with file, field and value.
#include "train/checkpoint_state.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const CheckpointState example = { .step = 1200,
                                         .data_hash = 0x0123456789abcdef,
                                         .batches = { 0xffffffffffffffff, 77, 0 },
                                         .best_loss = 1.0 / 3,
                                         .hashes = { 1, 0x8000000000000000 }, // without a best.gguf
                                         .origin = { 0xfedcba9876543210, 3 },
                                         .has_origin = { true, true } };

static bool parse(const char *text, CheckpointState *state, Error *err)
{
    *err = (Error){ "" };
    return checkpoint_state_parse(text, strlen(text), "state.json", state, err);
}

START_TEST(what_is_written_is_read)
{
    CheckpointState in = example, out;
    Error err;
    if (_i == 1) in.best_loss = INFINITY, in.step = 0;
    if (_i == 3) in.has_origin[0] = false, in.origin[0] = 0;
    if (_i == 2) in.has_best = true, in.hashes[CHECKPOINT_BEST] = UINT64_MAX;
    json_t *root = checkpoint_state_json(&in);
    char *text = json_dumps(root, JSON_REAL_PRECISION(17));
    ck_assert_msg(parse(text, &out, &err), "%s", err.message);
    ck_assert_mem_eq(&in, &out, sizeof in);
    free(text);
    json_decref(root);
}
END_TEST

// The example with one field replaced by a JSON text, or left out.
static const struct {
    const char *field, *value, *message;
} broken[] = {
    { "version", "2", "version is 2; it must be 1" },
    { "version", "1.0", "version is 1.0; it must be 1" },
    { "version", "\"1\"", "version is \"1\"; it must be 1" },
    { "version", NULL, "version is missing" },
    { "step", "-1", "step is -1; it must be a whole number from 0 to 2^40" },
    { "step", "1099511627777", "step is 1099511627777; it must be" },
    { "step", "9223372036854775807", "step is 9223372036854775807; it must be" },
    { "step", "5.0", "step is 5.0; it must be" },
    { "step", "true", "step is true; it must be" },
    { "step", "null", "step is null; it must be" },
    { "step", "{\"a\":[{}]}", "step is {\"a\":[{}]}; it must be" },
    { "step", NULL, "step is missing" },
    { "data_hash", "81985529216486895", "data_hash is 81985529216486895; it must be a string of 16 hex" },
    { "data_hash", "\"123456789abcdef\"", "data_hash is \"123456789abcdef\"; it must be" },
    { "data_hash", "\"00123456789abcdef\"", "data_hash is \"00123456789abcdef\"; it must be" },
    { "data_hash", "\"-123456789abcdef\"", "data_hash is \"-123456789abcdef\"; it must be" },
    { "data_hash", "\"0123456789ABCDEF\"", "data_hash is \"0123456789ABCDEF\"; it must be" },
    { "data_hash", "\"\xc3\xa9\x1b[2J\"", "line 1: control character 0x1b" },
    { "data_hash", "\"\xc3\xa9 3456789abcde\"", "data_hash is \"\\u00E9 3456789abcde\"; it must be" },
    { "batches", "[]", "batches is []; it must be three" },
    { "batches", "[\"0000000000000000\",\"0000000000000000\",7]", "batches is [" },
    { "batches", "\"0000000000000000\"", "batches is \"0000000000000000\"; it must be three" },
    { "batches", "{}", "batches is {}; it must be three" },
    { "best_loss", "-0.5", "best_loss is -0.5; it must be null or a number of at least 0" },
    { "best_loss", "\"nan\"", "best_loss is \"nan\"; it must be" },
    { "best_loss", "NaN", "line 1: invalid token near 'NaN'" },
    { "best_loss", "1e400", "line 1: real number overflow" },
    { "best_loss", NULL, "best_loss is missing" },
    { "hashes", "[]", "hashes.model.gguf is missing" },
    { "hashes", "null", "hashes.model.gguf is missing" },
    { "hashes", "{\"model.gguf\":\"0000000000000000\"}", "hashes.optimizer.gguf is missing" },
    { "hashes", "{\"model.gguf\":0}", "hashes.model.gguf is 0; it must be a string" },
    { "hashes", "{\"model.gguf\":\"0000000000000000\",\"optimizer.gguf\":\"0000000000000000\",\"best.gguf\":null}",
      "hashes.best.gguf is null; it must be a string" },
    { "hashes", NULL, "hashes.model.gguf is missing" },
    { "origin", "{\"device\":7}", "origin.device is 7; it must be a string of 16 hex" },
    { "origin", "{\"kernels\":[\"adamw\"]}", "origin.kernels is [\"adamw\"]; it must be a string" },
};

START_TEST(broken_fields_are_named)
{
    CheckpointState state;
    Error err;
    json_t *root = checkpoint_state_json(&example), *value;
    const char *key;
    char text[2048] = "{ ";
    size_t used = 2;
    json_object_foreach(root, key, value)
    {
        char *old = json_dumps(value, JSON_ENCODE_ANY);
        bool replaced = !strcmp(key, broken[_i].field);
        const char *now = replaced ? broken[_i].value : old;
        if (now)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s\": %s", used > 2 ? ", " : "", key, now);
        free(old);
    }
    snprintf(text + used, sizeof text - used, "}");
    json_decref(root);
    ck_assert(!parse(text, &state, &err));
    ck_assert_msg(!strncmp(err.message, "state.json: ", 12) &&
                      !strncmp(err.message + 12, broken[_i].message, strlen(broken[_i].message)),
                  "%s", err.message);
    ck_assert_uint_lt(strlen(err.message), 250);
}
END_TEST

// ---- Moments -------------------------------------------------------------------------------------------------------

static void put(GgufWriter *w, const char *name, GgmlType type, int rank, const int64_t *shape)
{
    static const float zeros[64];
    gguf_put_tensor_data(w, name, type, rank, shape, zeros);
}

// optimizer.gguf for a weight [2, 3] and a bias [4], but for one tensor `name`, which is left out or another.
static bool check(const char *name, GgmlType type, int rank, const int64_t *shape, Error *err)
{
    Parameters ps = { 0 };
    parameter_add(&ps, SHAPE(2, 3), 0, 0, "a.weight");
    parameter_add(&ps, SHAPE(4), 0, 0, "b");
    GgufWriter *w = gguf_writer_new();
    for (int i = 0; i < ps.count; i++)
        for (const char *moment = "vm"; *moment; moment++) {
            MomentName own = moment_name(ps.list[i], *moment);
            Shape wanted = ps.list[i]->tensor.shape;
            if (strcmp(own.text, name) != 0)
                put(w, own.text, GGML_F32, wanted.rank, wanted.dim);
            else if (rank)
                put(w, name, type, rank, shape);
        }
    char path[] = "/tmp/lectern-test-XXXXXX";
    close(mkstemp(path));
    ck_assert_msg(gguf_writer_save(w, path, err), "%s", err->message);
    gguf_writer_free(w);
    Gguf *file = gguf_open(path, err);
    ck_assert_msg(file != NULL, "%s", err->message);
    bool ok = moments_check(file, &ps, err);
    gguf_close(file);
    unlink(path);
    parameters_free(&ps, NULL);
    return ok;
}

START_TEST(moments_are_checked)
{
    static const struct {
        const char *name, *message;
        GgmlType type;
        int rank;
        int64_t shape[4];
    } cases[] = {
        { "v.a.weight", "the tensor v.a.weight is missing", GGML_F32, 0, { 0 } },
        { "m.b", "the tensor m.b is missing", GGML_F32, 0, { 0 } },
        { "m.a.weight", "the tensor m.a.weight is [3, 2]; the model asks for [2, 3]", GGML_F32, 2, { 3, 2 } },
        { "m.a.weight", "the tensor m.a.weight is [6]; the model asks for [2, 3]", GGML_F32, 1, { 6 } },
        { "v.b", "the tensor v.b is [5]; the model asks for [4]", GGML_F32, 1, { 5 } },
        { "v.b", "the tensor v.b is F16; it must be F32", GGML_F16, 1, { 4 } },
    };
    Error err = { "" };
    ck_assert_msg(check("", GGML_F32, 0, NULL, &err), "%s", err.message);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        err = (Error){ "" };
        ck_assert(!check(cases[i].name, cases[i].type, cases[i].rank, cases[i].shape, &err));
        ck_assert_msg(strstr(err.message, cases[i].message) != NULL, "%s", err.message);
    }
}
END_TEST

Suite *suite_checkpoint_state(void);
Suite *suite_checkpoint_state(void)
{
    Suite *suite = suite_create("checkpoint_state");
    TCase *tests = tcase_create("checkpoint_state");
    tcase_add_loop_test(tests, what_is_written_is_read, 0, 4);
    tcase_add_loop_test(tests, broken_fields_are_named, 0, COUNT_OF(broken));
    tcase_add_test(tests, moments_are_checked);
    suite_add_tcase(suite, tests);
    return suite;
}
