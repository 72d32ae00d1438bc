#include "base/file.h"
#include "base/memory.h"
#include "formats/gguf.h"
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/lectern-gguf-XXXXXX";
static char *path;

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = path_join(folder, "a.gguf");
}

static void tear_down(void)
{
    Error err = { "" };
    ck_assert_msg(dir_remove(folder, &err), "%s", err.message);
    free(path);
}

// --- A file put together by hand, field by field, so that the reader isn't tested against our own writer ------------

typedef struct Builder {
    uint8_t data[4096];
    size_t size;
} Builder;

static void raw(Builder *b, const void *data, size_t size)
{
    ck_assert_uint_le(b->size + size, sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}
static void u8(Builder *b, uint8_t x) { raw(b, &x, 1); }
static void u32(Builder *b, uint32_t x) { raw(b, &x, 4); }
static void u64(Builder *b, uint64_t x) { raw(b, &x, 8); }
static void string(Builder *b, const char *x) { u64(b, strlen(x)), raw(b, x, strlen(x)); }
static void header(Builder *b, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
    raw(b, "GGUF", 4), u32(b, version), u64(b, n_tensors), u64(b, n_values);
}
static void value_u32(Builder *b, const char *key, uint32_t x) { string(b, key), u32(b, GGUF_U32), u32(b, x); }
static void array(Builder *b, const char *key, uint32_t type, uint64_t count)
{
    string(b, key), u32(b, GGUF_ARRAY), u32(b, type), u64(b, count);
}
static void tensor(Builder *b, const char *name, uint64_t columns, uint64_t rows, uint32_t type, uint64_t offset)
{
    string(b, name), u32(b, 2), u64(b, columns), u64(b, rows), u32(b, type), u64(b, offset);
}
static void pad(Builder *b, size_t to)
{
    while (b->size % to) u8(b, 0);
}
static void zeros(Builder *b, size_t n)
{
    while (n--) u8(b, 0);
}

START_TEST(reads_what_the_specification_says)
{
    for (uint32_t version = 2; version <= 3; version++) {
        Builder b = { .size = 0 };
        header(&b, version, 2, 7);
        value_u32(&b, "general.alignment", 64);
        string(&b, "u8"), u32(&b, GGUF_U8), u8(&b, 200);
        string(&b, "i16"), u32(&b, GGUF_I16), raw(&b, &(int16_t){ -300 }, 2);
        string(&b, "i64"), u32(&b, GGUF_I64), raw(&b, &(int64_t){ -5000000000 }, 8);
        string(&b, "f64"), u32(&b, GGUF_F64), raw(&b, &(double){ 0.25 }, 8);
        array(&b, "nested", GGUF_ARRAY, 2);
        u32(&b, GGUF_STRING), u64(&b, 1), string(&b, "x");
        u32(&b, GGUF_I8), u64(&b, 3), raw(&b, "abc", 3);
        array(&b, "i8s", GGUF_I8, 2), raw(&b, (int8_t[]){ -128, 127 }, 2);
        tensor(&b, "w", 32, 3, GGML_Q4_0, 64);
        tensor(&b, "v", 2, 1, GGML_F32, 0);
        pad(&b, 64);
        raw(&b, (float[]){ 1.5f, -2.0f }, 8);
        pad(&b, 64);
        for (int i = 0; i < 54; i++) u8(&b, (uint8_t)i);
        Error err = { "" };
        Gguf *g = gguf_open_memory(b.data, b.size, "file", &err);
        ck_assert_msg(g != NULL, "%s", err.message);
        ck_assert_uint_eq(g->version, version);
        ck_assert_uint_eq(g->alignment, 64);
        uint32_t a;
        int32_t i, *is;
        uint64_t u;
        float f;
        size_t count;
        ck_assert(gguf_get_u32(g, "u8", &a, &err) && a == 200);
        ck_assert(gguf_get_i32(g, "i16", &i, &err) && i == -300);
        ck_assert(gguf_get_f32(g, "f64", &f, &err) && f == 0.25f);
        ck_assert(gguf_get_i32s(g, "i8s", &is, &count, &err) && count == 2 && is[0] == -128 && is[1] == 127);
        free(is);
        ck_assert_uint_eq(gguf_value(g, "nested")->count, 2);
        ck_assert(!gguf_get_i32(g, "i64", &i, &err));
        ck_assert_str_eq(err.message, "file: i64: -5000000000 is out of range");
        err = (Error){ "" };
        ck_assert(!gguf_get_u64(g, "i16", &u, &err));
        ck_assert_str_eq(err.message, "file: i16: -300 is out of range");
        err = (Error){ "" };
        ck_assert(!gguf_get_u32(g, "f64", &a, &err));
        ck_assert_str_eq(err.message, "file: f64: its type is f64, not an integer");
        err = (Error){ "" };
        ck_assert(!gguf_get_u32(g, "i8s", &a, &err));
        ck_assert_str_eq(err.message, "file: i8s: it is an array of i8, not one integer");
        err = (Error){ "" };
        ck_assert(!gguf_get_u32(g, "nothing", &a, &err));
        ck_assert_str_eq(err.message, "file: nothing: the key is missing");
        const GgufTensor *w = gguf_tensor(g, "w"), *v = gguf_tensor(g, "v");
        ck_assert(w && v && !gguf_tensor(g, "x"));
        ck_assert(w->shape[0] == 3 && w->shape[1] == 32 && w->shape[2] == 1 && w->n_dims == 2);
        ck_assert(w->bytes == 54 && w->data[53] == 53 && w->type == GGML_Q4_0);
        ck_assert(v->bytes == 8 && !memcmp(v->data, (float[]){ 1.5f, -2.0f }, 8));
        gguf_close(g);
    }
}
END_TEST

// Each bad file differs from a good one in one field; the message names it.
typedef struct BadFile {
    const char *message;
    void (*build)(Builder *b);
} BadFile;

static void one_tensor(Builder *b, uint64_t columns, uint64_t rows, uint32_t type, uint64_t offset)
{
    header(b, 3, 1, 0), tensor(b, "w", columns, rows, type, offset), pad(b, 32), zeros(b, 64);
}
static void bad_magic(Builder *b) { raw(b, "GGML", 4), zeros(b, 40); }
static void bad_empty(Builder *b) { b->size = 0; }
static void bad_version_1(Builder *b) { header(b, 1, 0, 0); }
static void bad_big_endian(Builder *b) { header(b, 0x03000000, 0, 0); }
static void bad_header_cut(Builder *b) { header(b, 3, 0, 0), b->size -= 3; }
static void bad_many_values(Builder *b) { header(b, 3, 0, UINT64_MAX), zeros(b, 100); }
static void bad_many_tensors(Builder *b) { header(b, 3, 1ull << 40, 0), zeros(b, 100); }
static void bad_long_key(Builder *b) { header(b, 3, 0, 1), u64(b, 1ull << 62), zeros(b, 100); }
static void bad_empty_key(Builder *b) { header(b, 3, 0, 1), value_u32(b, "", 1), zeros(b, 100); }
static void bad_same_key(Builder *b) { header(b, 3, 0, 2), value_u32(b, "k", 1), value_u32(b, "k", 2); }
static void bad_type(Builder *b) { header(b, 3, 0, 1), string(b, "k"), u32(b, 13), u64(b, 0); }
static void bad_bool(Builder *b) { header(b, 3, 0, 1), string(b, "k"), u32(b, GGUF_BOOL), u8(b, 2); }
static void bad_scalar_cut(Builder *b) { header(b, 3, 0, 1), string(b, "key"), u32(b, GGUF_U64), u32(b, 0); }
static void bad_array(Builder *b) { header(b, 3, 0, 1), array(b, "k", GGUF_U64, 1ull << 61), zeros(b, 64); }
static void bad_strings(Builder *b) { header(b, 3, 0, 1), array(b, "k", GGUF_STRING, 9), zeros(b, 64); }
static void bad_nesting(Builder *b)
{
    header(b, 3, 0, 1), array(b, "k", GGUF_ARRAY, 1);
    for (int i = 0; i < 100; i++) u32(b, GGUF_ARRAY), u64(b, 1);
}
static void bad_alignment(Builder *b) { header(b, 3, 0, 1), value_u32(b, "general.alignment", 48); }
static void bad_alignment_0(Builder *b) { header(b, 3, 0, 1), value_u32(b, "general.alignment", 0); }
static void bad_key_nul(Builder *b) { header(b, 3, 0, 1), u64(b, 3), raw(b, "k\0l", 3), u32(b, GGUF_BOOL), u8(b, 1); }
static void bad_name_nul(Builder *b)
{
    header(b, 3, 1, 0), u64(b, 3), raw(b, "w\0x", 3), u32(b, 1), u64(b, 4), u32(b, 0), u64(b, 0), pad(b, 32),
        zeros(b, 64);
}
static void bad_part(Builder *b)
{
    header(b, 3, 0, 2);
    string(b, "split.count"), u32(b, GGUF_U16), raw(b, &(uint16_t){ 3 }, 2);
    string(b, "split.no"), u32(b, GGUF_U16), raw(b, &(uint16_t){ 1 }, 2);
}
static void bad_part_count(Builder *b) { header(b, 3, 0, 1), string(b, "split.count"), u32(b, GGUF_BOOL), u8(b, 1); }
static void bad_no_dims(Builder *b) { header(b, 3, 1, 0), string(b, "w"), u32(b, 0), zeros(b, 64); }
static void bad_five_dims(Builder *b) { header(b, 3, 1, 0), string(b, "w"), u32(b, 5), zeros(b, 64); }
static void bad_zero_dim(Builder *b) { one_tensor(b, 4, 0, GGML_F32, 0); }
static void bad_huge_dim(Builder *b) { one_tensor(b, 1ull << 63, 1, GGML_F32, 0); }
static void bad_product(Builder *b) { one_tensor(b, 1ull << 32, 1ull << 32, GGML_F32, 0); }
static void bad_bytes(Builder *b) { one_tensor(b, 1ull << 62, 1, GGML_F32, 0); }
static void bad_ggml_type(Builder *b) { one_tensor(b, 4, 1, 4, 0); }
static void bad_block(Builder *b) { one_tensor(b, 48, 1, GGML_Q8_0, 0); }
static void bad_offset(Builder *b) { one_tensor(b, 4, 1, GGML_F32, 16); }
static void bad_offset_far(Builder *b) { one_tensor(b, 4, 1, GGML_F32, 1ull << 63); }
static void bad_end(Builder *b) { one_tensor(b, 9, 1, GGML_F32, 32); }
static void bad_long_name(Builder *b)
{
    header(b, 3, 1, 0), u64(b, 65), zeros(b, 65), u32(b, 1), u64(b, 4), u32(b, 0), u64(b, 0), zeros(b, 64);
}
static void two_tensors(Builder *b, const char *name, uint64_t offset)
{
    header(b, 3, 2, 0), tensor(b, "w", 9, 1, GGML_F32, 0), tensor(b, name, 4, 1, GGML_F32, offset);
    pad(b, 32), zeros(b, 128);
}
static void bad_overlap(Builder *b) { two_tensors(b, "v", 32); }
static void bad_same_name(Builder *b) { two_tensors(b, "w", 64); }

static const BadFile BAD_FILES[] = {
    { "file: not a GGUF file", bad_magic },
    { "file: not a GGUF file", bad_empty },
    { "file: GGUF version 1; 2 and 3 can be read", bad_version_1 },
    { "file: a big-endian GGUF file", bad_big_endian },
    { "file: the header: the file ends inside it", bad_header_cut },
    { "file: 18446744073709551615 metadata entries and 0 tensors don't fit in 100 bytes", bad_many_values },
    { "file: 0 metadata entries and 1099511627776 tensors don't fit", bad_many_tensors },
    { "file: a metadata key: a string of 4611686018427387904 bytes, but only 100 are left", bad_long_key },
    { "file: a metadata key of 0 bytes", bad_empty_key },
    { "file: k: the key is there twice", bad_same_key },
    { "file: k: unknown value type 13", bad_type },
    { "file: k: 2 is no bool", bad_bool },
    { "file: key: the file ends inside it", bad_scalar_cut },
    { "file: k: an array of 2305843009213693952 elements, but only 64 bytes are left", bad_array },
    { "file: k: an array of 9 elements, but only 64 bytes are left", bad_strings },
    { "file: k: arrays nested over 4 deep", bad_nesting },
    { "file: general.alignment: 48 is no power of two", bad_alignment },
    { "file: general.alignment: 0 is no power of two", bad_alignment_0 },
    { "file: part 2 of a model that is split into 3 files; join them first", bad_part },
    { "file: split.count: its type is bool, not an integer", bad_part_count },
    { "file: k: the key has a NUL", bad_key_nul },
    { "file: tensor w: the name has a NUL", bad_name_nul },
    { "file: tensor w: 0 dimensions", bad_no_dims },
    { "file: tensor w: 5 dimensions", bad_five_dims },
    { "file: tensor w: dimension 1 is 0", bad_zero_dim },
    { "file: tensor w: dimension 0 is 9223372036854775808", bad_huge_dim },
    { "file: tensor w: dimension 1 is 4294967296", bad_product },
    { "file: tensor w: 4611686018427387904 elements are too many", bad_bytes },
    { "file: tensor w: type 4 is unknown here", bad_ggml_type },
    { "file: tensor w: rows of 48 elements are no whole Q8_0 blocks of 32", bad_block },
    { "file: tensor w: offset 16 is not a multiple of the alignment 32", bad_offset },
    { "file: tensor w: 16 bytes at offset 9223372036854775808, but the file has 64", bad_offset_far },
    { "file: tensor w: 36 bytes at offset 32, but the file has 64", bad_end },
    { "file: a tensor's name of 65 bytes", bad_long_name },
    { "file: tensors w and v overlap", bad_overlap },
    { "file: tensor w: the name is there twice", bad_same_name },
};

START_TEST(bad_files_are_named)
{
    Builder b = { .size = 0 };
    BAD_FILES[_i].build(&b);
    uint8_t *copy = mem_alloc(b.size); // of the exact size, for the address sanitizer
    if (b.size) memcpy(copy, b.data, b.size);
    Error err = { "" };
    ck_assert_ptr_null(gguf_open_memory(copy, b.size, "file", &err));
    ck_assert_msg(!strncmp(err.message, BAD_FILES[_i].message, strlen(BAD_FILES[_i].message)), "\"%s\" is not \"%s\"",
                  err.message, BAD_FILES[_i].message);
    free(copy);
}
END_TEST

// --- Writer and reader together --------------------------------------------------------------------------------------

// Byte i of the big tensor.
static uint8_t pattern(size_t i) { return (uint8_t)(i * 2654435761u >> 13); }

static bool source(void *user, size_t offset, void *out, size_t size, Error *err)
{
    if (*(int *)user == 0) return error_set(err, "the source gave up");
    for (size_t i = 0; i < size; i++) ((uint8_t *)out)[i] = pattern(offset + i);
    return true;
}

static const float small[] = { 1, 2, 3 };

static GgufWriter *example(int *source_works)
{
    GgufWriter *w = gguf_writer_new();
    StringView strings[] = { string_view("a"), string_view(""), { "n\0l", 3 } };
    gguf_put_string(w, "general.architecture", string_view("gpt2"));
    gguf_put_u32(w, "u32", UINT32_MAX);
    gguf_put_u64(w, "u64", UINT64_MAX);
    gguf_put_f32(w, "f32", 1e-5f);
    gguf_put_bool(w, "bool", true);
    gguf_put_strings(w, "strings", strings, 3);
    gguf_put_i32s(w, "i32s", (int32_t[]){ INT32_MIN, -1, 7 }, 3);
    gguf_put_f32s(w, "f32s", (float[]){ -1, INFINITY }, 2);
    gguf_put_tensor(w, "big", GGML_Q6_K, 3, (int64_t[]){ 5, 4100, 256 }, source, source_works);
    gguf_put_tensor_data(w, "small", GGML_F32, 1, (int64_t[]){ 3 }, small);
    return w;
}

START_TEST(what_is_written_is_read)
{
    Error err = { "" };
    GgufWriter *w = example(&(int){ 1 });
    ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
    gguf_writer_free(w);
    Gguf *g = gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.message);
    StringView text;
    const StringView *strings;
    uint32_t u;
    uint64_t u64_value;
    float f, *fs;
    bool b;
    int32_t *is;
    size_t count;
    ck_assert(gguf_get_string(g, "general.architecture", &text, &err) && string_view_equal(text, string_view("gpt2")));
    ck_assert(gguf_get_u32(g, "u32", &u, &err) && u == UINT32_MAX);
    ck_assert(gguf_get_u64(g, "u64", &u64_value, &err) && u64_value == UINT64_MAX);
    ck_assert(gguf_get_f32(g, "f32", &f, &err) && f == 1e-5f);
    ck_assert(gguf_get_bool(g, "bool", &b, &err) && b);
    ck_assert(gguf_get_strings(g, "strings", &strings, &count, &err) && count == 3);
    ck_assert(strings[1].size == 0 && string_view_equal(strings[2], (StringView){ "n\0l", 3 }));
    ck_assert(gguf_get_i32s(g, "i32s", &is, &count, &err) && count == 3 && is[0] == INT32_MIN && is[2] == 7);
    ck_assert(gguf_get_f32s(g, "f32s", &fs, &count, &err) && count == 2 && isinf(fs[1]));
    free(is);
    free(fs);
    const GgufTensor *big = gguf_tensor(g, "big"), *little = gguf_tensor(g, "small");
    ck_assert(big->shape[0] == 5 && big->shape[1] == 4100 && big->shape[2] == 256 && big->bytes == 5 * 4100 * 210);
    ck_assert_uint_eq((uintptr_t)big->data % 32, 0);
    size_t wrong = 0;
    for (size_t i = 0; i < big->bytes; i++) wrong += big->data[i] != pattern(i);
    ck_assert_uint_eq(wrong, 0);
    ck_assert(little->bytes == 12 && !memcmp(little->data, small, 12));
    gguf_close(g);
}
END_TEST

// Every value of a file that another program could have written, copied.
START_TEST(values_are_copied)
{
    Builder b = { .size = 0 };
    header(&b, 3, 0, 5);
    string(&b, "i16"), u32(&b, GGUF_I16), raw(&b, &(int16_t){ -300 }, 2);
    string(&b, "text"), u32(&b, GGUF_STRING), string(&b, "x\ny");
    array(&b, "nested", GGUF_ARRAY, 2);
    u32(&b, GGUF_STRING), u64(&b, 1), string(&b, "x");
    u32(&b, GGUF_I8), u64(&b, 3), raw(&b, "abc", 3);
    array(&b, "none", GGUF_STRING, 0);
    array(&b, "f64s", GGUF_F64, 2), raw(&b, (double[]){ 1, -0.5 }, 16);
    pad(&b, 32);
    Error err = { "" };
    Gguf *g = gguf_open_memory(b.data, b.size, "file", &err);
    ck_assert_msg(g != NULL, "%s", err.message);
    GgufWriter *w = gguf_writer_new();
    for (size_t i = 0; i < g->n_values; i++) gguf_put_value(w, &g->values[i]);
    ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
    gguf_writer_free(w);
    gguf_close(g);
    size_t size;
    char *copy = file_read(path, &size, &err);
    ck_assert_uint_eq(size, b.size);
    ck_assert_mem_eq(copy, b.data, size);
    free(copy);
}
END_TEST

// A file-size limit stands in for a full disk: both make the write fail half way.
START_TEST(a_full_disk_leaves_the_old_file)
{
    Error err = { "" };
    ck_assert(file_write(path, "old", 3, &err));
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1 << 20, 1 << 20 }), 0);
    GgufWriter *w = example(&(int){ 1 });
    ck_assert(!gguf_writer_save(w, path, &err));
    gguf_writer_free(w);
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
    GgufWriter *w = example(&(int){ 0 });
    ck_assert(!gguf_writer_save(w, path, &err));
    ck_assert_str_eq(err.message, "the source gave up");
    gguf_writer_free(w);
    ck_assert(!file_exists(path));
}
END_TEST

// A small file cut at every length is refused; with any one byte changed it is read or refused, never misread memory.
START_TEST(cut_and_changed_files)
{
    Error err = { "" };
    GgufWriter *w = gguf_writer_new();
    gguf_put_strings(w, "tokens", (StringView[]){ string_view("ab"), string_view("c") }, 2);
    gguf_put_bool(w, "flag", false);
    gguf_put_tensor_data(w, "x", GGML_F16, 2, (int64_t[]){ 2, 16 }, (uint16_t[32]){ 1, 2, 3 });
    ck_assert(gguf_writer_save(w, path, &err));
    gguf_writer_free(w);
    size_t size;
    char *file = file_read(path, &size, &err);
    for (size_t cut = 0; cut < size; cut++) {
        char *copy = memcpy(mem_alloc(cut + 1), file, cut);
        copy = mem_resize(copy, cut, 1);
        err = (Error){ "" };
        ck_assert_ptr_null(gguf_open_memory(copy, cut, "cut", &err));
        ck_assert(error_is_set(&err));
        free(copy);
    }
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            file[at] = (char)(file[at] ^ 1 << bit);
            err = (Error){ "" };
            Gguf *g = gguf_open_memory(file, size, "changed", &err);
            ck_assert((g == NULL) == error_is_set(&err));
            if (g)
                for (size_t i = 0; i < g->n_tensors; i++)
                    ck_assert(g->tensors[i].data + g->tensors[i].bytes <= (uint8_t *)file + size);
            gguf_close(g);
            file[at] = (char)(file[at] ^ 1 << bit);
        }
    free(file);
}
END_TEST

Suite *suite_gguf(void)
{
    Suite *suite = suite_create("gguf");
    TCase *tests = tcase_create("gguf");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_what_the_specification_says);
    tcase_add_loop_test(tests, bad_files_are_named, 0, COUNT_OF(BAD_FILES));
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, values_are_copied);
    tcase_add_test(tests, a_full_disk_leaves_the_old_file);
    tcase_add_test(tests, a_source_that_gives_up_leaves_nothing);
    tcase_add_test(tests, cut_and_changed_files);
    suite_add_tcase(suite, tests);
    return suite;
}
