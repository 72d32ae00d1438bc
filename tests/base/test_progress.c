// What the line of a long job shows, and what it leaves out where the terminal is narrow.
#include "base/progress.h"
#include <check.h>
#include <string.h>

// A job of `total` that began 100 seconds ago.
static Progress job(const char *label, uint64_t done, uint64_t total, const char *unit, int width)
{
    return (Progress){ .term = { .width = width }, .label = label, .unit = unit, .done = done, .total = total };
}

static const struct {
    int width;
    const char *label, *unit, *extra;
    uint64_t done, total;
    const char *line;
} lines[] = {
    // Training, from a wide terminal to one that holds nothing
    { 200, "", "", "loss 2.3456|12.3 k tokens/s|123 GFLOP/s (45%)", 1000, 2000,
      "##########.......... 1000/2000  loss 2.3456  12.3 k tokens/s  123 GFLOP/s (45%)  1:40 left" },
    { 80, "", "", "loss 2.3456|12.3 k tokens/s|123 GFLOP/s (45%)", 1000, 2000,
      "####.... 1000/2000  loss 2.3456  12.3 k tokens/s  123 GFLOP/s (45%)  1:40 left" },
    { 80, "", "", "loss 10.8256|12.3 k tokens/s|1.23 GFLOP/s (4.5%)", 1000, 20000,
      ".... 1000/20000  loss 10.8256  12.3 k tokens/s  1.23 GFLOP/s (4.5%)  31:40 left" },
    { 40, "", "", "loss 2.3456|12.3 k tokens/s|123 GFLOP/s (45%)", 1000, 2000,
      "1000/2000  loss 2.3456  12.3 k tokens/s" },
    { 39, "", "", "loss 2.3456|12.3 k tokens/s|123 GFLOP/s (45%)", 1000, 2000, "######...... 1000/2000  loss 2.3456" },
    { 20, "", "", "loss 2.3456|12.3 k tokens/s|123 GFLOP/s (45%)", 1000, 2000, "####.... 1000/2000" },
    // Others: what is left of a field that does not fit is nothing
    { 80, "tokenizer", "tokens", "", 512, 2048,
      "tokenizer #####............... 512/2048 tokens  5.12 tokens/s  5:00 left" },
    { 80, "download", "B", "", 50000000, 100000000,
      "download ##########.......... 50.0 M/100 MB  500 kB/s  1:40 left" },
    { 40, "download", "B", "", 50000000, 100000000, "download ##.. 50.0 M/100 MB  500 kB/s" },
    { 24, "download", "B", "", 50000000, 100000000, "download 50.0 M/100 MB" },
    { 20, "download", "B", "", 50000000, 100000000, "##.. 50.0 M/100 MB" },
    { 80, "unpack", "B", "", 5000, 0, "unpack 5.00 kB  50 B/s" },
    { 80, "tokenizer", "tokens", "", 2048, 2048, "tokenizer #################### 2048/2048 tokens  20.5 tokens/s" },
};

START_TEST(whole_fields_in_every_width)
{
    Progress p = job(lines[_i].label, lines[_i].done, lines[_i].total, lines[_i].unit, lines[_i].width);
    char line[PROGRESS_BYTES];
    progress_line(&p, 100, lines[_i].extra, line);
    ck_assert_str_eq(line, lines[_i].line);
}
END_TEST

// However wide: never over the width, and each field as it is or not at all.
START_TEST(never_too_wide)
{
    static const char full[] = "123456/200000  loss 10.8256  12.3 k tokens/s  1.23 GFLOP/s (4.5%)  1:02 left";
    for (int width = 20; width < 200; width++)
        for (int unicode = 0; unicode < 2; unicode++) {
            Progress p = job("", 123456, 200000, "", width);
            p.term.unicode = unicode;
            char line[PROGRESS_BYTES];
            progress_line(&p, 100, "loss 10.8256|12.3 k tokens/s|1.23 GFLOP/s (4.5%)", line);
            ck_assert_int_lt(text_width(line), width);
            const char *shown = strstr(line, "123456/");
            ck_assert_ptr_nonnull(shown);
            size_t n = strlen(shown);
            ck_assert_msg(!strncmp(full, shown, n) && (!full[n] || !strncmp(full + n, "  ", 2)), "%s", line);
        }
}
END_TEST

Suite *suite_progress(void)
{
    Suite *suite = suite_create("progress");
    TCase *tests = tcase_create("progress");
    tcase_add_loop_test(tests, whole_fields_in_every_width, 0, (int)(sizeof lines / sizeof *lines));
    tcase_add_test(tests, never_too_wide);
    suite_add_tcase(suite, tests);
    return suite;
}
