// Blocks against llama.cpp's reference quantisers (tests/peers/quants_llama_cpp.py made the fixture), and what is refused.
#include "base/memory.h"
#include "formats/quants.h"
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t TYPES[] = { GGML_F32,  GGML_F16,  GGML_BF16, GGML_Q8_0, GGML_Q4_0, GGML_Q4_1,
                                  GGML_Q5_0, GGML_Q5_1, GGML_Q4_K, GGML_Q5_K, GGML_Q6_K };

static json_t *load_fixture(void)
{
    json_error_t error;
    json_t *fixture = json_load_file("tests/formats/fixtures/quants.json", 0, &error);
    ck_assert_msg(fixture != NULL, "%s", error.text);
    return fixture;
}

static size_t from_hex(const json_t *hex, void *out, size_t capacity)
{
    const char *text = json_string_value(hex);
    ck_assert_ptr_nonnull(text);
    size_t size = strlen(text) / 2;
    ck_assert_uint_le(size, capacity);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        ((uint8_t *)out)[i] = (uint8_t)byte;
    }
    return size;
}

START_TEST(blocks_are_the_references)
{
    json_t *fixture = load_fixture(), *rows = json_object_get(fixture, "rows"), *entry, *hex;
    const char *type, *name;
    int compared = 0;
    json_object_foreach(json_object_get(fixture, "types"), type, entry)
    {
        const GgmlTypeInfo *info = ggml_type_by_name(type);
        ck_assert_msg(info != NULL, "%s", type);
        json_object_foreach(json_object_get(entry, "blocks"), name, hex)
        {
            float row[32];
            uint8_t wanted[64], block[64];
            ck_assert_uint_eq(from_hex(json_object_get(rows, name), row, sizeof row), sizeof row);
            bool good = ggml_quantize(info->type, row, block, 32);
            ck_assert_msg(good == !json_is_null(hex), "%s: %s", type, name);
            if (!good) continue;
            ck_assert_uint_eq(from_hex(hex, wanted, sizeof wanted), info->bytes);
            ck_assert_msg(!memcmp(block, wanted, info->bytes), "%s: the block of \"%s\" differs", type, name);
            compared++;
        }
    }
    ck_assert_int_ge(compared, 5 * 30);
    json_decref(fixture);
}
END_TEST

START_TEST(values_are_the_references)
{
    json_t *fixture = load_fixture(), *entry;
    const char *type;
    int compared = 0;
    json_object_foreach(json_object_get(fixture, "types"), type, entry)
    {
        const GgmlTypeInfo *info = ggml_type_by_name(type);
        uint8_t blocks[512];
        float wanted[1024], values[1024];
        size_t n = from_hex(json_object_get(entry, "encoded"), blocks, sizeof blocks) / info->bytes * info->elements;
        ck_assert_uint_eq(from_hex(json_object_get(entry, "decoded"), wanted, sizeof wanted), n * sizeof *wanted);
        ggml_dequantize(info->type, blocks, values, n);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(!memcmp(&values[i], &wanted[i], sizeof *values), "%s: value %zu is %.9g, not %.9g", type, i,
                          (double)values[i], (double)wanted[i]);
        compared++;
    }
    ck_assert_int_eq(compared, 10);
    json_decref(fixture);
}
END_TEST

// From what blocks hold to blocks again: nothing moves where the scale itself is exact.
START_TEST(levels_survive)
{
    static const struct {
        GgmlType type;
        int low, high;
    } cases[] = { { GGML_Q8_0, -127, 127 }, { GGML_Q4_0, -8, 7 },  { GGML_Q5_0, -16, 15 }, { GGML_Q4_1, 0, 15 },
                  { GGML_Q5_1, 0, 31 },     { GGML_F16, -99, 99 }, { GGML_BF16, -99, 99 }, { GGML_F32, -99, 99 } };
    float row[32], back[32];
    uint8_t block[128];
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        for (int i = 0; i < 32; i++) row[i] = 0.25f * (float)(cases[c].low + i * (cases[c].high - cases[c].low) / 31);
        ck_assert(ggml_quantize(cases[c].type, row, block, 32));
        ggml_dequantize(cases[c].type, block, back, 32);
        for (int i = 0; i < 32; i++)
            ck_assert_msg(row[i] == back[i], "%s: %g is %g", ggml_type_info(cases[c].type)->name, (double)row[i],
                          (double)back[i]);
    }
}
END_TEST

START_TEST(what_no_block_can_hold_is_refused)
{
    const float bad[] = { NAN, INFINITY, -INFINITY };
    float row[32] = { 1 };
    uint8_t block[128];
    for (size_t t = 0; t < COUNT_OF(TYPES); t++) {
        if (!ggml_type_info(TYPES[t])->encode) continue;
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            row[31] = bad[i];
            ck_assert(!ggml_quantize((GgmlType)TYPES[t], row, block, 32));
        }
        row[31] = 3e38f; // more than any f16 scale can reach; bf16 and f32 hold it
        ck_assert(ggml_quantize((GgmlType)TYPES[t], row, block, 32) == (TYPES[t] == GGML_F32 || TYPES[t] == GGML_BF16));
    }
}
END_TEST

START_TEST(types_are_found)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        const GgmlTypeInfo *info = ggml_type_info(TYPES[i]);
        ck_assert(info && info->type == TYPES[i] && ggml_type_by_name(info->name) == info);
        ck_assert_uint_le(info->elements, GGML_MAX_BLOCK);
    }
    ck_assert_ptr_eq(ggml_type_by_name("q4_k"), ggml_type_info(GGML_Q4_K));
    ck_assert_ptr_null(ggml_type_info(4));
    ck_assert_ptr_null(ggml_type_by_name("q4"));
}
END_TEST

Suite *suite_quants(void)
{
    Suite *suite = suite_create("quants");
    TCase *tests = tcase_create("quants");
    tcase_add_test(tests, blocks_are_the_references);
    tcase_add_test(tests, values_are_the_references);
    tcase_add_test(tests, levels_survive);
    tcase_add_test(tests, what_no_block_can_hold_is_refused);
    tcase_add_test(tests, types_are_found);
    suite_add_tcase(suite, tests);
    return suite;
}
