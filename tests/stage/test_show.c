// A lecture that computes on the device: what show.h reads of tensors, kernels and times.
#include "ops/ops.h"
#include "stage/run.h"
#include "stage/show.h"
#include <check.h>
#include <math.h>
#include <string.h>

#define LECTURE_SYMBOL lecture_on_device

struct Demo {
    int factor;
    Stream *stream;
    Tape *tape;
    Tensor *x, *y;
};

static bool setup(Stage *stage, Demo *d, Error *err)
{
    if (!(d->stream = stage->stream = stream_open(stage->gpu, err))) return false;
    d->tape = tape_open(d->stream);
    d->x = tape_tensor(d->tape, F32, SHAPE(2, 3, 4));
    float values[24];
    for (int i = 0; i < 24; i++) values[i] = (float)i;
    tensor_write(d->stream, d->x, values);
    return true;
}

static void teardown(Demo *d)
{
    if (d->tape) tape_close(d->tape);
    if (d->stream) stream_close(d->stream);
}

static void multiply(Stage *s, Demo *d)
{
    static const char *const words[] = { "a", "b", "c", "d" };
    d->y = scale(d->tape, d->x, (float)d->factor);
    show_heatmap(s, d->y, .title = "y", .columns = words);
    show_cost(s);
}

static void only_look(Stage *s, Demo *d)
{
    show_bars(s, reshape(d->tape, d->y, SHAPE(24)), .title = "all of y");
    show_cost(s);
    show_kernel(s, "add");
}

static void copy_and_multiply(Stage *s, Demo *d)
{
    scale(d->tape, slice(d->tape, slice(d->tape, d->x, 2, 0, 2), 1, 0, 2), 2);
    show_cost(s);
    exhibit_text(s, .text = "a word at the end");
}

static const Step steps[] = { { "Multiply", "y = factor · x", multiply },
                              { "Look", NULL, only_look },
                              { "Copies first", NULL, copy_and_multiply } };
LECTURE("98-device", "On the device", steps, setup, teardown, PARAM_INT(factor, .value = 2));

START_TEST(tensors_kernels_and_times_are_shown)
{
    Error err = { "" };
    Gpu *gpu = gpu_open(&(GpuOptions){ .profile = true }, &err);
    ck_assert_msg(gpu, "%s", err.message);
    Show *show = show_open(&lecture_on_device, gpu, 1);
    const Exhibit *const *e;
    int n;
    for (int factor = 2; factor < 4; factor++) {
        ck_assert(show_set(show, "factor", factor == 2 ? "2" : "3", &err));
        ck_assert_msg(show_step(show, 0, &e, &n, &err), "%s", err.message);
        ck_assert_int_eq(n, 3);
        ck_assert_int_eq(e[0]->heatmap.n_maps, 2);
        ck_assert_int_eq(e[0]->heatmap.n_rows, 3);
        ck_assert_int_eq(e[0]->heatmap.n_columns, 4);
        for (int i = 0; i < 24; i++) ck_assert_float_eq(e[0]->heatmap.values[i], (float)(factor * i));
        ck_assert_str_eq(e[0]->heatmap.columns[3], "d");
        ck_assert_int_eq(e[1]->cost.n, 1);
        ck_assert_int_eq(e[1]->cost.dispatches[0].count, 1);
        ck_assert_double_gt(e[1]->cost.dispatches[0].seconds, 0);
        ck_assert_double_ge(e[1]->cost.dispatches[0].bytes, 2 * 24 * 4);
        ck_assert_int_eq((int)e[2]->kind, EXHIBIT_CODE);
        ck_assert(e[2]->code.kernel);
        ck_assert_ptr_nonnull(strstr(e[2]->title, "shaders/"));
        ck_assert_ptr_nonnull(strstr(e[2]->code.source, "void main()"));
    }
    // The second step ran no kernel: it has no cost, and the first one's is not counted again.
    ck_assert_msg(show_step(show, 1, &e, &n, &err), "%s", err.message);
    ck_assert_int_eq(n, 2);
    ck_assert_float_eq(e[0]->bars.values[23], 69);
    ck_assert_str_eq(e[1]->title, "shaders/elementwise/add.comp");
    // Kernels come last, and copies behind what computes.
    ck_assert_msg(show_step(show, 2, &e, &n, &err), "%s", err.message);
    ck_assert_int_eq(n, 4);
    ck_assert_int_eq((int)e[0]->kind, EXHIBIT_COST);
    ck_assert_int_eq(e[0]->cost.n, 2);
    ck_assert_int_eq((int)e[1]->kind, EXHIBIT_TEXT);
    ck_assert_str_eq(e[2]->title, "shaders/elementwise/scale.comp");
    ck_assert_ptr_nonnull(strstr(e[3]->title, "/move"));
    show_close(show);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}
END_TEST

Suite *suite_show(void)
{
    Suite *suite = suite_create("show");
    TCase *tests = tcase_create("show");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, tensors_kernels_and_times_are_shown);
    suite_add_tcase(suite, tests);
    return suite;
}
