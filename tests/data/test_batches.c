#include "data/batches.h"
#include <check.h>
#include <string.h>

enum { N = 100, B = 3, T = 7 };
static const BatchesSource source = { "val.txt", "812 bytes", "give a longer file or a smaller --batch or --seq-len" };
static int32_t ids[N];

static void fill(void)
{
    for (int i = 0; i < N; i++) ids[i] = 1000 + i;
}

START_TEST(targets_are_the_next_ids)
{
    Batches batches;
    Error err = { "" };
    ck_assert(batches_open(&batches, ids, N, B, T, 5, source, &err));
    int seen[N] = { 0 }, draws = 40000;
    int32_t inputs[B * T], targets[B * T];
    for (int draw = 0; draw < draws; draw++) {
        batches_next(&batches, inputs, targets);
        for (int row = 0; row < B; row++) {
            int start = inputs[row * T] - 1000;
            if (start < 0 || start > N - T - 1) ck_abort_msg("start %d", start);
            seen[start]++;
            for (int t = 0; t < T; t++)
                if (inputs[row * T + t] != 1000 + start + t || targets[row * T + t] != 1001 + start + t)
                    ck_abort_msg("token %d of the window at %d", t, start);
        }
    }
    double expected = (double)draws * B / (N - T), chi2 = 0;
    for (int s = 0; s < N - T; s++) chi2 += (seen[s] - expected) * (seen[s] - expected) / expected;
    ck_assert_double_lt(chi2, 138.0); // 0.1 % point of chi-squared with 92 degrees of freedom
}
END_TEST

START_TEST(the_cursor_resumes)
{
    Batches a, b;
    Error err = { "" };
    ck_assert(batches_open(&a, ids, N, B, T, 5, source, &err));
    int32_t inputs[2][B * T], targets[2][B * T];
    for (int i = 0; i < 10; i++) batches_next(&a, inputs[0], targets[0]);
    ck_assert(batches_open(&b, ids, N, B, T, 99, source, &err));
    b.random = a.random;
    batches_next(&a, inputs[0], targets[0]);
    batches_next(&b, inputs[1], targets[1]);
    ck_assert_mem_eq(inputs[0], inputs[1], sizeof inputs[0]);
    batches_next(&b, inputs[1], targets[1]);
    ck_assert(memcmp(inputs[0], inputs[1], sizeof inputs[0]) != 0);
}
END_TEST

START_TEST(evaluation_spans_the_text)
{
    Batches batches;
    Error err = { "" };
    ck_assert(batches_open(&batches, ids, N, B, T, 5, source, &err));
    Random before = batches.random;
    int32_t inputs[B * T], targets[B * T];
    int last = -1;
    for (int index = 0; index < 4; index++) {
        batches_eval(&batches, index, 4, inputs, targets);
        for (int row = 0; row < B; row++) {
            ck_assert_int_gt(inputs[row * T], last);
            last = inputs[row * T];
            for (int t = 0; t < T; t++) ck_assert_int_eq(targets[row * T + t], inputs[row * T] + t + 1);
        }
        if (index == 0) ck_assert_int_eq(inputs[0], ids[0]);
    }
    ck_assert_int_eq(targets[B * T - 1], ids[N - 1]);
    ck_assert_mem_eq(&before, &batches.random, sizeof before);
}
END_TEST

START_TEST(too_short_is_one_line)
{
    Batches batches;
    Error err = { "" };
    ck_assert(!batches_open(&batches, ids, 12 * 65 - 1, 12, 64, 0, source, &err));
    ck_assert_str_eq(err.message, "val.txt: 812 bytes is shorter than one batch (12 × 65 tokens); "
                                  "give a longer file or a smaller --batch or --seq-len");
    err = (Error){ "" };
    ck_assert(batches_open(&batches, ids, 100, 20, 4, 0, source, &err)); // exactly one batch
    ck_assert(!batches_open(&batches, ids, 100, 2147483647, 2147483647, 0, source, &err));
}
END_TEST

Suite *suite_batches(void)
{
    Suite *suite = suite_create("batches");
    TCase *tests = tcase_create("batches");
    tcase_add_checked_fixture(tests, fill, NULL);
    tcase_add_test(tests, targets_are_the_next_ids);
    tcase_add_test(tests, the_cursor_resumes);
    tcase_add_test(tests, evaluation_spans_the_text);
    tcase_add_test(tests, too_short_is_one_line);
    suite_add_tcase(suite, tests);
    return suite;
}
