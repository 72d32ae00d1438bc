#include "base/memory.h"
#include "formats/convert.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, COLUMNS = 64 };
static float values[ROWS * COLUMNS];

static void set_up(void)
{
    for (int i = 0; i < ROWS * COLUMNS; i++) values[i] = (float)(i * 37 % 101 - 50) / 16;
}

// The whole result, read in pieces of `piece` bytes.
static uint8_t *convert(Conversion c, size_t piece)
{
    Error err = { "" };
    size_t bytes = conversion_bytes(&c);
    uint8_t *out = mem_alloc(bytes);
    for (size_t at = 0; at < bytes; at += piece) {
        size_t size = bytes - at < piece ? bytes - at : piece;
        ck_assert_msg(conversion_read(&c, at, out + at, size, &err), "%s", err.message);
    }
    conversion_free(&c);
    return out;
}

static Conversion plain(GgmlType to)
{
    return (Conversion){
        .name = "w", .data = (const uint8_t *)values, .from = GGML_F32, .to = to, .rows = ROWS, .columns = COLUMNS
    };
}

START_TEST(rows_become_blocks_whatever_the_pieces)
{
    static const GgmlType types[] = { GGML_F32, GGML_F16, GGML_Q8_0, GGML_Q4_1 };
    static const size_t pieces[] = { 1, 7, 36, 1000, 1 << 20 };
    for (size_t t = 0; t < COUNT_OF(types); t++)
        for (size_t p = 0; p < COUNT_OF(pieces); p++) {
            Conversion c = plain(types[t]);
            uint8_t *got = convert(c, pieces[p]), *wanted = mem_alloc(conversion_bytes(&c));
            ck_assert(ggml_quantize(types[t], values, wanted, ROWS * COLUMNS));
            ck_assert_mem_eq(got, wanted, conversion_bytes(&c));
            free(wanted);
            free(got);
        }
}
END_TEST

// A head of 4 rows a b | A B (pairs in halves) is a A | b B as neighbours.
START_TEST(pairs_change_places)
{
    Conversion c = plain(GGML_F32);
    c.order = ROWS_TO_NEIGHBOURS, c.head_dim = 4;
    float *neighbours = (float *)convert(c, 100);
    static const int from[ROWS] = { 0, 2, 1, 3, 4, 6, 5, 7 };
    for (int r = 0; r < ROWS; r++)
        ck_assert_mem_eq(neighbours + r * COLUMNS, values + from[r] * COLUMNS, COLUMNS * sizeof(float));
    c.order = ROWS_TO_HALVES, c.data = (const uint8_t *)neighbours;
    float *back = (float *)convert(c, 333);
    ck_assert_mem_eq(back, values, sizeof values);
    free(back);
    c.head_dim = 8, c.data = (const uint8_t *)values; // 0 … 7 as neighbours are 0 2 4 6 | 1 3 5 7
    back = (float *)convert(c, 333);
    for (int r = 0; r < ROWS; r++)
        ck_assert_mem_eq(back + r * COLUMNS, values + (r % 4 * 2 + r / 4) * COLUMNS, COLUMNS * sizeof(float));
    free(back);
    free(neighbours);
}
END_TEST

START_TEST(transposed)
{
    Conversion c = plain(GGML_F32);
    c.rows = COLUMNS, c.columns = ROWS, c.transposed = true;
    float *got = (float *)convert(c, 50);
    for (int r = 0; r < COLUMNS; r++)
        for (int i = 0; i < ROWS; i++) ck_assert(got[r * ROWS + i] == values[i * COLUMNS + r]);
    free(got);
}
END_TEST

START_TEST(what_cannot_be_written_is_named)
{
    Error err = { "" };
    uint8_t out[ROWS * COLUMNS];
    Conversion c = plain(GGML_Q8_0);
    values[5 * COLUMNS + 3] = NAN;
    ck_assert(!conversion_read(&c, 0, out, conversion_bytes(&c), &err));
    ck_assert_str_eq(err.message, "tensor w, row 5: a number is infinite, none, or too large for Q8_0");
    conversion_free(&c);
}
END_TEST

Suite *suite_convert(void)
{
    Suite *suite = suite_create("convert");
    TCase *tests = tcase_create("convert");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, rows_become_blocks_whatever_the_pieces);
    tcase_add_test(tests, pairs_change_places);
    tcase_add_test(tests, transposed);
    tcase_add_test(tests, what_cannot_be_written_is_named);
    suite_add_tcase(suite, tests);
    return suite;
}
