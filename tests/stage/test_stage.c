#include "base/term.h"
#include "stage/color.h"
#include "stage/highlight.h"
#include "stage/label.h"
#include "stage/run.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LECTURE_SYMBOL lecture_for_stage
#include "stage/everything.h"

static const Exhibit *exhibit_of(Show *show, int step, int i)
{
    const Exhibit *const *exhibits;
    Error err = { "" };
    int n;
    ck_assert_msg(show_step(show, step, &exhibits, &n, &err), "%s", err.message);
    ck_assert_int_lt(i, n);
    return exhibits[i];
}

START_TEST(steps_run_once_and_again_after_a_change)
{
    Show *show = show_open(&lecture_for_stage, NULL, 1);
    Error err = { "" };
    // Jumping to step 2 runs step 1 before it; going back shows what was shown.
    ck_assert_str_eq(exhibit_of(show, 1, 5)->title, "State 7");
    ck_assert_ptr_eq(exhibit_of(show, 1, 5), exhibit_of(show, 1, 5));
    ck_assert_int_eq(open_demos, 1);
    ck_assert_msg(show_set(show, "layer", "2", &err), "%s", err.message);
    ck_assert_int_eq(open_demos, 0);
    ck_assert_str_eq(exhibit_of(show, 1, 5)->title, "State 9");
    ck_assert(show_set(show, "scale", "2.5", &err));
    ck_assert_float_eq_tol(exhibit_of(show, 0, 0)->heatmap.values[16], 2.5F * sinf(6), 1e-6F);
    ck_assert(show_set(show, "text", "", &err));
    ck_assert_str_eq(exhibit_of(show, 1, 0)->title, "“”, token by token");
    show_close(show);
    ck_assert_int_eq(open_demos, 0);
}
END_TEST

START_TEST(parameters_are_checked)
{
    static const struct {
        const char *name, *value, *message;
    } bad[] = {
        { "layer", "4", "layer 4 is outside 0 to 3" },
        { "layer", "-1", "layer -1 is outside 0 to 3" },
        { "layer", "1.5", "layer \"1.5\" is not a whole number" },
        { "layer", "", "layer \"\" is not a whole number" },
        { "layer", "2x", "layer \"2x\" is not a whole number" },
        { "scale", "nan", "scale \"nan\" is not a number" },
        { "scale", "1e999", "scale \"1e999\" is not a number" },
        { "heads", "1", "lecture 99-everything has no parameter \"heads\"; it has layer, scale, text" },
    };
    Show *show = show_open(&lecture_for_stage, NULL, 1);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Error err = { "" };
        ck_assert(!show_set(show, bad[i].name, bad[i].value, &err));
        ck_assert_str_eq(err.message, bad[i].message);
    }
    // A setup that fails leaves nothing behind, and another value mends it.
    Error err = { "" };
    const Exhibit *const *exhibits;
    int n;
    ck_assert(show_set(show, "layer", "3", &err));
    ck_assert(!show_step(show, 0, &exhibits, &n, &err));
    ck_assert_str_eq(err.message, "layer 3: the model has layers 0 to 2");
    err = (Error){ "" };
    ck_assert(show_set(show, "layer", " 1 ", &err));
    ck_assert_str_eq(exhibit_of(show, 1, 5)->title, "State 8");
    show_close(show);
}
END_TEST

static void failing_step(Stage *stage, Demo *demo)
{
    (void)demo;
    exhibit_text(stage, .text = "half a step");
    stage_fail(stage, &(Error){ "the device was lost" });
}

START_TEST(a_failed_step_is_named_and_forgotten)
{
    const Step steps[] = { everything_steps[0], { "Breaks", NULL, failing_step } };
    Lecture lecture = lecture_for_stage;
    lecture.steps = steps;
    lecture.n_steps = 2;
    Show *show = show_open(&lecture, NULL, 1);
    const Exhibit *const *exhibits;
    int n;
    Error err = { "" };
    ck_assert(!show_step(show, 1, &exhibits, &n, &err));
    ck_assert_str_eq(err.message, "step 2 (Breaks): the device was lost");
    ck_assert_int_eq(open_demos, 0);
    show_close(show);
}
END_TEST

START_TEST(unknown_lectures_are_listed)
{
    Error err = { "" };
    ck_assert_ptr_null(lecture_find("no-such-topic", &err));
    ck_assert_ptr_nonnull(strstr(err.message, "no lecture \"no-such-topic\"; there are: "));
    for (int i = 0; i < lectures_count; i++) {
        const char *topic = strchr(lectures[i]->id, '-') + 1;
        ck_assert_ptr_eq(lecture_find(lectures[i]->id, &err), lectures[i]);
        ck_assert_ptr_eq(lecture_find(topic, &err), lectures[i]);
        ck_assert_ptr_nonnull(strstr(err.message, lectures[i]->id));
    }
}
END_TEST

START_TEST(labels_show_what_is_invisible)
{
    static const char *const cases[][2] = {
        { "cat", "cat" },
        { " cat", "␣cat" },
        { "a b ", "a b␣" },
        { "  ", "␣␣" },
        { "", "∅" },
        { "\n\t", "⏎⇥" },
        { "\x1b[2J", "\\x1b[2J" },
        { "\xff\xc3", "\\xff\\xc3" },
        { "\u202e!", "\\u202e!" },
        { "\U000e0041", "\\ue0041" },
        { "é北", "é北" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },
    };
    Arena arena = { 0 };
    for (size_t i = 0; i < COUNT_OF(cases); i++) ck_assert_str_eq(label_visible(&arena, cases[i][0]), cases[i][1]);
    ck_assert_str_eq(label_fit(&arena, " dragon", 5), "␣dra…");
    ck_assert_str_eq(label_fit(&arena, "北京市", 4), "北…");
    ck_assert_str_eq(label_fit(&arena, "abc", 3), "abc");
    ck_assert_str_eq(label_fit(&arena, "abc", 0), "");
    ck_assert_int_eq(text_width("e\u0301北"), 3);
    ck_assert_str_eq(label_number(&arena, 0.08F, NULL), "0.08");
    ck_assert_str_eq(label_number(&arena, 123456, "s"), "123456 s");
    ck_assert_str_eq(label_number(&arena, -INFINITY, NULL), "-inf");
    ck_assert_str_eq(label_number(&arena, -0.0, NULL), "0");
    arena_free(&arena);
}
END_TEST

START_TEST(lines_wrap_at_spaces)
{
    static const char *const want[] = { "one two", "three", "abcdefghi", "jklm 北京", "", "end" };
    const char *text = "one two three abcdefghijklm 北京\n\nend", *line;
    int n;
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        n = wrap_line(&text, 9, &line);
        ck_assert_int_eq(n, (int)strlen(want[i]));
        ck_assert_mem_eq(line, want[i], (size_t)n);
    }
    ck_assert_int_eq(wrap_line(&text, 9, &line), -1);
}
END_TEST

START_TEST(ticks_are_round)
{
    double ticks[16];
    ck_assert_int_eq(nice_ticks(0.3, 9.7, false, 6, ticks), 4);
    ck_assert_double_eq(ticks[0], 2);
    ck_assert_double_eq(ticks[3], 8);
    ck_assert_int_eq(nice_ticks(0.5, 2000, true, 6, ticks), 4);
    ck_assert_double_eq_tol(ticks[3], 1000, 1e-9);
    ck_assert_int_eq(nice_ticks(5, 5, false, 6, ticks), 1);
    for (int most = 1; most < 16; most++) ck_assert_int_le(nice_ticks(1e-30, 1e30, true, most, ticks), most);
}
END_TEST

START_TEST(ranges_leave_out_what_is_not_there)
{
    const float values[] = { -INFINITY, 3, NAN, -1, 100 };
    const unsigned char absent[] = { 0, 0, 0, 0, 1 };
    Range range = range_of(values, absent, 5);
    ck_assert_float_eq(range.low, -1);
    ck_assert_float_eq(range.high, 3);
    range = range_for_color((Range){ 0, 0 }, range, true);
    ck_assert_float_eq(range.low, -3);
    range = range_of(values, NULL, 1);
    ck_assert_float_eq(range.high, 0);
    range = range_for_color((Range){ 0, 0 }, (Range){ 5, 5 }, false);
    ck_assert_float_lt(range.low, range.high);
}
END_TEST

static double contrast(Rgb a, Rgb b)
{
    double x = color_luminance(a) + 0.05, y = color_luminance(b) + 0.05;
    return x > y ? x / y : y / x;
}

typedef Rgb ColorFn(float value, Range range, bool diverging);
static ColorFn *const color_maps[] = { color_of_value, color_on_paper };

START_TEST(text_on_every_color_is_legible)
{
    for (int diverging = 0; diverging < 2; diverging++)
        for (int i = 0; i <= 1000; i++) {
            Rgb color = color_maps[_i]((float)i / 500 - 1, (Range){ -1, 1 }, diverging);
            Rgb text = color_wants_white_text(color) ? (Rgb){ 255, 255, 255 } : (Rgb){ 0, 0, 0 };
            ck_assert_double_ge(contrast(color, text), 4.5); // WCAG 2.1, AA
        }
    // A sequential map grows lighter, on paper darker, all the way, so that it also reads in grey.
    for (int i = 0; i < 100; i++) {
        double here = color_luminance(color_maps[_i]((float)i, (Range){ 0, 100 }, false));
        double next = color_luminance(color_maps[_i]((float)i + 1, (Range){ 0, 100 }, false));
        ck_assert(_i == 0 ? here < next : here > next);
    }
    ck_assert_int_eq(color_to_256((Rgb){ 255, 0, 0 }), 196);
    ck_assert_int_eq(color_to_256((Rgb){ 0, 95, 175 }), 25);
    ck_assert_int_eq(color_to_256((Rgb){ 128, 128, 128 }), 244);
}
END_TEST

START_TEST(exhibits_are_copies)
{
    Arena arena = { 0 };
    float values[] = { 1, 2 };
    char name[] = "before";
    const char *labels[] = { name, NULL };
    Exhibit *copy =
        exhibit_copy(&arena, &(Exhibit){ .kind = EXHIBIT_BARS,
                                         .bars = { .title = name, .values = values, .labels = labels, .n = 2 } });
    values[0] = 9;
    strcpy(name, "after!");
    ck_assert_str_eq(copy->title, "before");
    ck_assert_str_eq(copy->bars.labels[0], "before");
    ck_assert_str_eq(copy->bars.labels[1], "");
    ck_assert_float_eq(copy->bars.values[0], 1);
    ck_assert_str_eq(copy->finding, "Largest: “∅” with 2; smallest: “before” with 1.");
    arena_free(&arena);
}
END_TEST

static void show_map_without_values(void)
{
    exhibit_copy(&(Arena){ 0 }, &(Exhibit){ .kind = EXHIBIT_HEATMAP, .heatmap = { .n_rows = 1, .n_columns = 1 } });
}
static void show_huge_map(void)
{
    float value = 0;
    exhibit_copy(&(Arena){ 0 },
                 &(Exhibit){ .kind = EXHIBIT_HEATMAP,
                             .heatmap = { .values = &value, .n_maps = 65536, .n_rows = 65536, .n_columns = 65536 } });
}
static void show_edge_to_nowhere(void)
{
    GraphNode node = { "a" };
    GraphEdge edge = { 0, 1 };
    exhibit_copy(&(Arena){ 0 }, &(Exhibit){ .kind = EXHIBIT_GRAPH,
                                            .graph = { .nodes = &node, .edges = &edge, .n_nodes = 1, .n_edges = 1 } });
}
static void (*const mistakes[])(void) = { show_map_without_values, show_huge_map, show_edge_to_nowhere };

START_TEST(mistakes_of_a_lecture_stop)
{
    freopen("/dev/null", "w", stderr);
    mistakes[_i]();
}
END_TEST

START_TEST(code_is_cut_into_words)
{
    static const struct {
        const char *run;
        CodeClass class;
    } want[] = {
        { "#version", CODE_DIRECTIVE },
        { " ", CODE_PLAIN },
        { "460", CODE_NUMBER },
        { "\n", CODE_PLAIN },
        { "/* a", CODE_COMMENT },
        { "\n", CODE_PLAIN },
        { "b */", CODE_COMMENT },
        { "float", CODE_TYPE },
        { " ", CODE_PLAIN },
        { "floats", CODE_PLAIN },
        { " = ", CODE_PLAIN },
        { "1.5e3", CODE_NUMBER },
        { ";", CODE_PLAIN },
        { "// x", CODE_COMMENT },
    };
    const char *source = "#version 460\n/* a\nb */float floats = 1.5e3;// x", *run = source;
    int state = 0;
    CodeClass class;
    for (size_t i = 0; i < COUNT_OF(want); i++, run = source) {
        size_t n = highlight_next(&source, &state, &class);
        ck_assert_uint_eq(n, strlen(want[i].run));
        ck_assert_mem_eq(run, want[i].run, n);
        ck_assert_int_eq((int)class, (int)want[i].class);
    }
    ck_assert_uint_eq(highlight_next(&source, &state, &class), 0);
}
END_TEST

Suite *suite_stage(void)
{
    Suite *suite = suite_create("stage");
    TCase *tests = tcase_create("stage");
    tcase_add_test(tests, steps_run_once_and_again_after_a_change);
    tcase_add_test(tests, parameters_are_checked);
    tcase_add_test(tests, a_failed_step_is_named_and_forgotten);
    tcase_add_test(tests, unknown_lectures_are_listed);
    tcase_add_test(tests, labels_show_what_is_invisible);
    tcase_add_test(tests, lines_wrap_at_spaces);
    tcase_add_test(tests, ticks_are_round);
    tcase_add_test(tests, ranges_leave_out_what_is_not_there);
    tcase_add_loop_test(tests, text_on_every_color_is_legible, 0, (int)COUNT_OF(color_maps));
    tcase_add_test(tests, exhibits_are_copies);
    tcase_add_loop_test_raise_signal(tests, mistakes_of_a_lecture_stop, 6, 0, (int)COUNT_OF(mistakes));
    tcase_add_test(tests, code_is_cut_into_words);
    suite_add_tcase(suite, tests);
    return suite;
}
