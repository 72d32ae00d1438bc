#include "base/file.h"
#include "base/memory.h"
#include "formats/safetensors.h"
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/lectern-safetensors-XXXXXX";
static char *path;

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = path_join(folder, "a.safetensors");
}

static void tear_down(void)
{
    Error err = { "" };
    ck_assert_msg(dir_remove(folder, &err), "%s", err.message);
    free(path);
}

// A header of `text` and `bytes` bytes 0, 1, 2, …; the caller frees it.
static char *build(const char *text, size_t bytes, size_t *size)
{
    uint64_t length = strlen(text);
    char *file = mem_alloc(*size = 8 + length + bytes);
    memcpy(file, &length, 8);
    memcpy(file + 8, text, length);
    for (size_t i = 0; i < bytes; i++) file[8 + length + i] = (char)i;
    return file;
}

static void save(const char *name, const char *text, size_t bytes)
{
    Error err = { "" };
    size_t size;
    char *file = build(text, bytes, &size), *to = path_join(folder, name);
    ck_assert_msg(file_write(to, file, size, &err), "%s", err.message);
    free(file);
    free(to);
}

START_TEST(reads_what_the_format_says)
{
    Error err = { "" };
    size_t size;
    char *file = build("{\"w\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
                       "\"__metadata__\":{\"format\":\"pt\"},"
                       "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}, "
                       "\"empty\":{\"data_offsets\":[20,20],\"shape\":[4,0],\"dtype\":\"F32\"}}   ",
                       20, &size);
    Safetensors *s = safetensors_open_memory(file, size, "file", &err);
    ck_assert_msg(s != NULL, "%s", err.message);
    ck_assert_uint_eq(s->n_tensors, 3);
    const SafetensorsTensor *w = safetensors_tensor(s, "w"), *n = safetensors_tensor(s, "n");
    ck_assert(w && n && safetensors_tensor(s, "empty") && !safetensors_tensor(s, "__metadata__"));
    ck_assert(w->n_dims == 2 && w->shape[0] == 2 && w->shape[1] == 3 && w->shape[2] == 1 && w->bytes == 12);
    ck_assert(w->type->readable && w->type->ggml == GGML_F16 && w->data[0] == 8 && w->data[11] == 19);
    ck_assert(n->n_dims == 0 && n->bytes == 8 && !n->type->readable && !strcmp(n->type->name, "I64"));
    ck_assert(string_view_equal(s->tensors[0].name, string_view("n"))); // by offset
    ck_assert_str_eq(json_string_value(json_object_get(s->metadata, "format")), "pt");
    safetensors_close(s);
    free(file);
}
END_TEST

#define A(dtype, shape, begin, end) \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}}"
#define TWO(begin, end)                                               \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}," \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" #begin "," #end "]}}"

// Each differs from a good file in one thing; the message names it.
static const struct {
    const char *message, *header;
    size_t bytes;
} BAD_FILES[] = {
    { "file: not a safetensors file (its header doesn't begin with {)", "", 0 },
    { "file: not a safetensors file (its header doesn't begin with {)", "[1]", 0 },
    { "file: its header is no JSON object: ", "{\"a\":", 0 },
    { "file: its header is no JSON object: ", "{} x", 0 },
    { "file: its header is no JSON object: duplicate object key", "{\"a\":1,\"a\":1}", 0 },
    { "file: __metadata__ is no JSON object", "{\"__metadata__\":[]}", 0 },
    { "file: __metadata__: the value of k is no text", "{\"__metadata__\":{\"k\":{}}}", 0 },
    { "file: a tensor's name of 0 bytes", "{\"\":{}}", 0 },
    { "file: tensor a: its entry is no JSON object", "{\"a\":7}", 0 },
    { "file: tensor a: it has no \"dtype\"", "{\"a\":{}}", 0 },
    { "file: tensor a: the dtype F33 is not known", A("F33", "1", 0, 4), 4 },
    { "file: tensor a: it has no \"shape\"", "{\"a\":{\"dtype\":\"F32\",\"shape\":4}}", 0 },
    { "file: tensor a: 9 dimensions (8 are allowed)", A("U8", "1,1,1,1,1,1,1,1,1", 0, 1), 1 },
    { "file: tensor a: dimension 1 is no whole number", A("U8", "1,1.0", 0, 1), 1 },
    { "file: tensor a: dimension 0 is -1", A("U8", "-1", 0, 1), 1 },
    { "file: tensor a: dimension 1 is 4294967296: too large", A("F32", "4294967296,4294967296", 0, 0), 0 },
    { "file: tensor a: dimension 0 is 9223372036854775807: too large", A("F32", "9223372036854775807,0", 0, 0), 0 },
    { "file: tensor a: its \"data_offsets\" are not two whole numbers", A("U8", "1", 0, 1.5), 1 },
    { "file: tensor a: its \"data_offsets\" are not two whole numbers",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1]}}", 1 },
    { "file: tensor a: bytes -4 to 0, but the file has 4", A("F32", "1", -4, 0), 4 },
    { "file: tensor a: bytes 4 to 0, but the file has 4", A("F32", "1", 4, 0), 4 },
    { "file: tensor a: bytes 0 to 8, but the file has 4", A("F32", "2", 0, 8), 4 },
    { "file: tensor a: its shape takes 8 bytes, but bytes 0 to 4 are given", A("F32", "2", 0, 4), 4 },
    { "file: tensor b: it begins at byte 3, inside tensor a", TWO(3, 7), 7 },
    { "file: tensor b: it begins at byte 0, inside tensor a", TWO(0, 4), 4 },
    { "file: tensor b: 2 bytes before it belong to no tensor", TWO(6, 10), 10 },
    { "file: tensor a: 1 bytes before it belong to no tensor", A("U8", "1", 1, 2), 2 },
    { "file: the last 3 bytes belong to no tensor", A("U8", "1", 0, 1), 4 },
};

START_TEST(bad_files_are_named)
{
    size_t size;
    Error err = { "" };
    char *file = build(BAD_FILES[_i].header, BAD_FILES[_i].bytes, &size);
    ck_assert_ptr_null(safetensors_open_memory(file, size, "file", &err));
    ck_assert_msg(!strncmp(err.message, BAD_FILES[_i].message, strlen(BAD_FILES[_i].message)), "\"%s\" is not \"%s\"",
                  err.message, BAD_FILES[_i].message);
    free(file);
}
END_TEST

START_TEST(bad_header_lengths)
{
    static const struct {
        const char *message;
        uint64_t length;
    } bad[] = { { "file: a header of 18446744073709551615 bytes, but the file has 17000000", UINT64_MAX },
                { "file: a header of 17000001 bytes, but the file has 17000000", 17000001 },
                { "file: a header of 17000000 bytes (at most 16777216 are read)", 17000000 } };
    char *file = mem_zero(17000008, 1);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Error err = { "" };
        memcpy(file, &bad[i].length, 8);
        ck_assert_ptr_null(safetensors_open_memory(file, 17000008, "file", &err));
        ck_assert_msg(!strncmp(err.message, bad[i].message, strlen(bad[i].message)), "%s", err.message);
    }
    free(file);
    for (size_t size = 0; size < 8; size++) {
        Error err = { "" };
        ck_assert_ptr_null(safetensors_open_memory("\2\0\0\0\0\0\0\0{}", size, "file", &err));
        ck_assert_ptr_nonnull(strstr(err.message, "not a safetensors file"));
    }
}
END_TEST

// ---- Shards --------------------------------------------------------------------------------------------------------

static void save_text(const char *name, const char *text)
{
    Error err = { "" };
    char *to = path_join(folder, name);
    ck_assert_msg(file_write(to, text, strlen(text), &err), "%s", err.message);
    free(to);
}

static void open_index(const char *weight_map, const char *message)
{
    Error err = { "" };
    char *text = mem_format("{\"metadata\":{\"total_size\":8},\"weight_map\":%s}", weight_map);
    save_text("model.safetensors.index.json", text);
    free(text);
    Safetensors *s = safetensors_open(folder, &err);
    if (!message) {
        ck_assert_msg(s != NULL, "%s", err.message);
        ck_assert(s->n_files == 2 && s->n_tensors == 2);
        const SafetensorsTensor *a = safetensors_tensor(s, "a"), *b = safetensors_tensor(s, "b");
        ck_assert(a && b && a->bytes == 4 && b->bytes == 2 && b->data[1] == 1 && a->file != b->file);
    } else {
        ck_assert_ptr_null(s);
        ck_assert_msg(strstr(err.message, message) != NULL, "\"%s\" does not say \"%s\"", err.message, message);
    }
    safetensors_close(s);
}

START_TEST(shards)
{
    Error err = { "" };
    ck_assert_ptr_null(safetensors_open(folder, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "no model.safetensors"));
    save("one.safetensors", A("F32", "1", 0, 4), 4);
    save("two.safetensors", "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
    open_index("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}", NULL);
}
END_TEST

START_TEST(bad_shards)
{
    save("one.safetensors", A("F32", "1", 0, 4), 4);
    save("two.safetensors", "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
    save("three.safetensors", A("U8", "1", 0, 1), 1);
    open_index("{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}",
               "weight_map: tensor a is not in two.safetensors");
    open_index("{\"a\":\"one.safetensors\",\"c\":\"two.safetensors\"}",
               "weight_map: tensor c is not in two.safetensors");
    open_index("{\"a\":\"one.safetensors\",\"b\":\"three.safetensors\"}",
               "tensor a is in another of the model's files too");
    open_index("{\"a\":\"none.safetensors\"}", "none.safetensors: cannot open");
    open_index("{\"a\":\"../one.safetensors\"}", "a is not in a file of the same folder");
    open_index("{\"a\":\"/dev/zero\"}", "a is not in a file of the same folder");
    open_index("{\"a\":\"..\"}", "a is not in a file of the same folder");
    open_index("{\"a\":\"\"}", "a is not in a file of the same folder");
    open_index("{\"a\":7}", "a is not in a file of the same folder");
    open_index("{}", "there is no \"weight_map\" in it");
    open_index("[1]", "there is no \"weight_map\" in it");
    open_index("{", "line 1");
}
END_TEST

// ---- Writer and reader together ------------------------------------------------------------------------------------

static uint8_t pattern(size_t i) { return (uint8_t)(i * 2654435761u >> 13); }

static bool source(void *user, size_t offset, void *out, size_t size, Error *err)
{
    if (*(int *)user == 0) return error_set(err, "the source gave up");
    for (size_t i = 0; i < size; i++) ((uint8_t *)out)[i] = pattern(offset + i);
    return true;
}

static SafetensorsWriter *example(int *source_works)
{
    static const float small[] = { 1, 2, 3 };
    SafetensorsWriter *w = safetensors_writer_new();
    safetensors_put_metadata(w, "format", "pt");
    safetensors_put_tensor(w, "big \"quoted\" é", GGML_BF16, 3, (int64_t[]){ 5, 1100, 257 }, source, source_works);
    safetensors_put_tensor_data(w, "small", GGML_F32, 1, (int64_t[]){ 3 }, small);
    safetensors_put_tensor_data(w, "scalar", GGML_F32, 0, NULL, small + 1);
    return w;
}

START_TEST(what_is_written_is_read)
{
    Error err = { "" };
    SafetensorsWriter *w = example(&(int){ 1 });
    ck_assert_msg(safetensors_writer_save(w, path, &err), "%s", err.message);
    safetensors_writer_free(w);
    Safetensors *s = safetensors_open(path, &err);
    ck_assert_msg(s != NULL, "%s", err.message);
    const SafetensorsTensor *big = safetensors_tensor(s, "big \"quoted\" é"), *small = safetensors_tensor(s, "small"),
                            *scalar = safetensors_tensor(s, "scalar");
    ck_assert(big && small && scalar);
    ck_assert(big->n_dims == 3 && big->shape[2] == 257 && big->bytes == 2 * 5 * 1100 * 257);
    ck_assert_uint_eq((uintptr_t)big->data % 64, 0);
    size_t wrong = 0;
    for (size_t i = 0; i < big->bytes; i++) wrong += big->data[i] != pattern(i);
    ck_assert_uint_eq(wrong, 0);
    ck_assert(!memcmp(small->data, (float[]){ 1, 2, 3 }, 12) && !memcmp(scalar->data, (float[]){ 2 }, 4));
    ck_assert(scalar->n_dims == 0 && json_object_size(s->metadata) == 1);
    safetensors_close(s);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file)
{
    Error err = { "" };
    ck_assert(file_write(path, "old", 3, &err));
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1 << 20, 1 << 20 }), 0);
    SafetensorsWriter *w = example(&(int){ 1 });
    ck_assert(!safetensors_writer_save(w, path, &err));
    safetensors_writer_free(w);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot write: File too large"));
    size_t size;
    char *text = file_read(path, &size, &err);
    ck_assert_str_eq(text, "old");
    free(text);
}
END_TEST

START_TEST(a_source_that_gives_up_leaves_nothing)
{
    Error err = { "" };
    SafetensorsWriter *w = example(&(int){ 0 });
    ck_assert(!safetensors_writer_save(w, path, &err));
    ck_assert_str_eq(err.message, "the source gave up");
    safetensors_writer_free(w);
    ck_assert(!file_exists(path));
}
END_TEST

// A small file cut at every length is refused; with any one bit changed it is read or refused, never misread memory.
START_TEST(cut_and_changed_files)
{
    size_t size;
    char *file = build(TWO(4, 8), 8, &size);
    for (size_t cut = 0; cut < size; cut++) {
        Error err = { "" };
        char *copy = memcpy(mem_alloc(cut ? cut : 1), file, cut);
        ck_assert_ptr_null(safetensors_open_memory(copy, cut, "cut", &err));
        ck_assert(error_is_set(&err));
        free(copy);
    }
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            Error err = { "" };
            file[at] = (char)(file[at] ^ 1 << bit);
            Safetensors *s = safetensors_open_memory(file, size, "changed", &err);
            ck_assert((s == NULL) == error_is_set(&err));
            for (size_t i = 0; s && i < s->n_tensors; i++)
                ck_assert(s->tensors[i].data + s->tensors[i].bytes <= (uint8_t *)file + size);
            safetensors_close(s);
            file[at] = (char)(file[at] ^ 1 << bit);
        }
    free(file);
}
END_TEST

Suite *suite_safetensors(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_what_the_format_says);
    tcase_add_loop_test(tests, bad_files_are_named, 0, COUNT_OF(BAD_FILES));
    tcase_add_test(tests, bad_header_lengths);
    tcase_add_test(tests, shards);
    tcase_add_test(tests, bad_shards);
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, a_full_disk_leaves_the_old_file);
    tcase_add_test(tests, a_source_that_gives_up_leaves_nothing);
    tcase_add_test(tests, cut_and_changed_files);
    suite_add_tcase(suite, tests);
    return suite;
}
