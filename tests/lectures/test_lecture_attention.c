// Lecture 04 holds its figures on small models with random weights: each step against the same in double on the host,
// heads beside one big product, FLOPs by the formula beside the profiler's; and it can be read at any width.
#include "base/file.h"
#include "stage/html.h"
#include "stage/page.h"
#include "stage/reader.h"
#include "stage/run.h"
#include "stage/show.h"
#include "stage/svg.h"
#include "stage/terminal.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char TEXT[] = "The cat sat on it.", MEMORY[] = "A mat of red wool lay there.";
enum { T = sizeof TEXT - 1, D = 8, HEADS = 4, C = D * HEADS, LAYER = 1, HEAD = 3 };

static Gpu *gpu;
static char folder[64];
static char *paths[2]; // of a GPT-2, and of a Llama whose heads share keys and values in pairs

static void save_model(const char *arch, int n_kv_heads, const char *path)
{
    Error err = { "" };
    Stream *stream = stream_open(gpu, &err);
    const Family *family = family_find(arch);
    Config config = { .n_layers = 2, .n_heads = HEADS, .n_kv_heads = n_kv_heads, .d_model = C, .seq_len = 64 };
    Tokenizer *tokenizer = tokenizer_byte();
    config.vocab_size = tokenizer_vocab_size(tokenizer);
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    ck_assert_msg(model_alloc(model, stream, &err), "%s", err.message);
    for (int i = 0; i < model->parameters.count; i++) model->parameters.list[i]->std *= 15; // scores far from 0
    parameters_init(&model->parameters, stream, 5);
    ck_assert_msg(model_save(model, tokenizer, stream, path, &err), "%s", err.message);
    tokenizer_free(tokenizer);
    model_free(model);
    stream_close(stream);
}

static void setup(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .profile = true, .poison = true }, &err);
    ck_assert_msg(gpu, "%s", err.message);
    strcpy(folder, "/tmp/lectern-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    save_model("gpt2", HEADS, paths[0] = path_join(folder, "gpt2.gguf"));
    save_model("llama", HEADS / 2, paths[1] = path_join(folder, "llama.gguf"));
}

static void teardown(void)
{
    dir_remove(folder, NULL);
    free(paths[0]);
    free(paths[1]);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

static Show *open_lecture(const char *model)
{
    Error err = { "" };
    const Lecture *lecture = lecture_find("attention", &err);
    ck_assert_msg(lecture, "%s", err.message);
    Show *show = show_open(lecture, gpu, 1);
    const char *const settings[][2] = {
        { "model", model }, { "text", TEXT }, { "memory", MEMORY }, { "layer", "1" }, { "head", "3" }
    };
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        ck_assert_msg(show_set(show, settings[i][0], settings[i][1], &err), "%s", err.message);
    return show;
}

static int step_named(const Show *show, const char *title)
{
    const Lecture *lecture = show_lecture(show);
    for (int i = 0; i < lecture->n_steps; i++)
        if (!strcmp(lecture->steps[i].title, title)) return i;
    ck_abort_msg("there is no step \"%s\"", title);
}

// What the step shows under this title.
static const Exhibit *shown(Show *show, const char *step, const char *title)
{
    const Exhibit *const *exhibits;
    int n;
    Error err = { "" };
    ck_assert_msg(show_step(show, step_named(show, step), &exhibits, &n, &err), "%s", err.message);
    for (int i = 0; i < n; i++)
        if (!strcmp(exhibits[i]->title, title)) return exhibits[i];
    ck_abort_msg("step \"%s\" shows no \"%s\"", step, title);
}

// ---- Each step against the same in double --------------------------------------------------------------------------

static void expect_equal(const char *what, const float *got, const double *want, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(got[i] == want[i] || fabs((double)got[i] - want[i]) <= 1e-5, "%s[%d] is %.9g, not %.9g", what, i,
                      (double)got[i], want[i]);
}

static void expect_map(Show *show, const char *step, const char *title, const double *want, int columns)
{
    const Heatmap *map = &shown(show, step, title)->heatmap;
    ck_assert_int_eq(map->n_maps * map->n_rows * map->n_columns, T * columns);
    expect_equal(title, map->values, want, T * columns);
}

static void softmax_rows(const double *x, double *y)
{
    for (int t = 0; t < T; t++) {
        double most = -INFINITY, sum = 0;
        for (int s = 0; s < T; s++) most = fmax(most, x[t * T + s]);
        for (int s = 0; s < T; s++) sum += y[t * T + s] = exp(x[t * T + s] - most);
        for (int s = 0; s < T; s++) y[t * T + s] /= sum;
    }
}

START_TEST(each_step_equals_the_reference)
{
    Show *show = open_lecture(paths[_i]);
    const char *asks = "Each token asks, is found, and hands over";
    const float *q = shown(show, asks, "Q: what each token looks for")->heatmap.values,
                *k = shown(show, asks, "K: what each token is found by")->heatmap.values,
                *v = shown(show, asks, "V: what each token hands over")->heatmap.values;
    double raw[T * T] = { 0 }, scores[T * T], masked[T * T], pattern[T * T], open[T * T], z[T * D] = { 0 };
    double most = 0;
    for (int t = 0; t < T; t++)
        for (int s = 0; s < T; s++) {
            int i = t * T + s;
            for (int d = 0; d < D; d++) raw[i] += (double)q[t * D + d] * (double)k[s * D + d];
            scores[i] = raw[i] / sqrt(D);
            masked[i] = s > t ? -INFINITY : scores[i];
            most = fmax(most, fabs(scores[i]));
        }
    ck_assert_double_gt(most, 0.5); // a pattern that is not flat
    softmax_rows(masked, pattern);
    softmax_rows(scores, open);
    for (int t = 0; t < T; t++)
        for (int d = 0; d < D; d++)
            for (int s = 0; s < T; s++) z[t * D + d] += pattern[t * T + s] * (double)v[s * D + d];
    expect_map(show, "Every query meets every key", "QKᵀ", raw, T);
    expect_map(show, "Divided by √d", "QKᵀ/√d", scores, T);
    expect_map(show, "Nobody sees the future", "QKᵀ/√d + mask", masked, T);
    expect_map(show, "Scores become weights", "softmax(QKᵀ/√d + mask)", pattern, T);
    expect_map(show, "Values are mixed by the weights", "softmax(QKᵀ/√d + mask)·V", z, D);
    expect_map(show, "One kernel does all of it", "The same, from one kernel", z, D);
    expect_map(show, "Without the mask, everybody sees everybody", "softmax(QKᵀ/√d), without a mask", open, T);

    const Bars *entropy = &shown(show, "Divided by √d", "Entropy of each query's softmax")->bars;
    double want[T] = { 0 };
    for (int i = 0; i < T * T; i++) want[i / T] -= open[i] * log(open[i]);
    expect_equal("entropy", entropy->values, want, T);
    softmax_rows(raw, open);
    memset(want, 0, sizeof want);
    for (int i = 0; i < T * T; i++) want[i / T] -= open[i] * log(open[i]);
    expect_equal("entropy without the division", entropy->reference, want, T);
    show_close(show);
}
END_TEST

// ---- Heads beside one big product --------------------------------------------------------------------------------------

// y[t,n] = Σ_k x[t,k]·w[n,k] + b[n], in double.
static void product(Stage *stage, const float *x, int K, const Linear *linear, int N, double *y)
{
    const float *w = show_values(stage, linear->weight), *b = linear->bias ? show_values(stage, linear->bias) : NULL;
    for (int t = 0; t < T; t++)
        for (int n = 0; n < N; n++) {
            y[t * N + n] = b ? (double)b[n] : 0;
            for (int i = 0; i < K; i++) y[t * N + n] += (double)x[t * K + i] * (double)w[n * K + i];
        }
}

START_TEST(heads_are_one_big_product)
{
    Error err = { "" };
    Arena arena = { 0 };
    Stage stage = { .gpu = gpu, .arena = &arena };
    Reader reader = { 0 };
    Reading reading;
    ck_assert_msg(reader_open(&reader, &stage, paths[_i], &err), "%s", err.message);
    ck_assert_msg(reader_read(&reader, "text", TEXT, &reading, &err), "%s", err.message);
    const MultiHead *m = &reader.model->layers[LAYER].attention;
    double y[T * C];
    product(&stage, show_values(&stage, reading_tensor(&reading, "blocks.1.ln1.hook_normalized")), C, &m->q, C, y);
    expect_equal("x·W_Q", show_values(&stage, reading_tensor(&reading, "blocks.1.attn.hook_q")), y, T * C);
    product(&stage, show_values(&stage, reading_tensor(&reading, "blocks.1.attn.hook_z")), C, &m->o, C, y);
    expect_equal("z·W_O", show_values(&stage, reading_tensor(&reading, "blocks.1.hook_attn_out")), y, T * C);
    ck_assert_msg(!error_is_set(&stage.error), "%s", stage.error.message);
    reader_close(&reader);
    arena_free(&arena);

    Show *show = open_lecture(paths[_i]);
    const char *title = "One big product, or head by head";
    const Table *table = &shown(show, "Heads side by side are one big product", title)->table;
    ck_assert_int_eq(table->n_rows, 2);
    for (int row = 0; row < 2; row++) ck_assert_double_le(strtod(table->cells[3 * row + 2], NULL), 1e-5);
    show_close(show);
}
END_TEST

// ---- The whole lecture ---------------------------------------------------------------------------------------------------

static void check_flops(Show *show, int tokens)
{
    char title[64];
    snprintf(title, sizeof title, "One head, T = %d, d = %d", tokens, D);
    const Table *table = &shown(show, "Where the work is", title)->table;
    double formula, profiler;
    ck_assert_int_eq(
        sscanf(table->finding, "4·T²·d + 9·T² = %lf FLOPs by the formula, %lf by the profiler", &formula, &profiler),
        2);
    ck_assert_double_eq(formula, 4.0 * tokens * tokens * D + 9.0 * tokens * tokens);
    ck_assert_double_eq(profiler, formula);
}

static void check_width(Show *show, int width)
{
    char *text = NULL;
    size_t size = 0;
    Term term = { .stream = open_memstream(&text, &size), .width = width, .height = 24 };
    const Lecture *lecture = show_lecture(show);
    for (int i = 0; i < lecture->n_steps; i++) {
        const Exhibit *const *exhibits;
        int n;
        Error err = { "" };
        ck_assert_msg(show_step(show, i, &exhibits, &n, &err), "%s", err.message);
        ck_assert_int_gt(n, 0);
        terminal_step_head(&term, i, lecture->n_steps, lecture->steps[i].title, lecture->steps[i].text);
        for (int e = 0; e < n; e++) terminal_exhibit(&term, exhibits[e], false);
    }
    fclose(term.stream);
    ck_assert_ptr_null(strchr(text, '\x1b'));
    ck_assert_ptr_null(strstr(text, "nan"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(text_width(line) <= width, "%d wide, not %d: %s", text_width(line), width, line);
    free(text);
}

// The T×T matrices that the plain way holds: QKᵀ, QKᵀ/√d, the mask and the pattern; the fused one a number a query.
static void check_memory(Show *show)
{
    const Curve *curve =
        &shown(show, "Plain or flash, as the text grows", "Memory beside Q, K, V and the result")->curve;
    ck_assert_int_eq(curve->n_series, 2);
    for (int i = 0; i < curve->series[0].n; i++) {
        double tokens = (double)curve->series[0].x[i], plain = 4 * 4 * tokens * tokens, fused = 4 * tokens;
        ck_assert_double_ge(1024 * (double)curve->series[0].y[i], plain);
        ck_assert_double_le(1024 * (double)curve->series[0].y[i], plain + 4096); // what alignment adds
        ck_assert_double_ge(1024 * (double)curve->series[1].y[i], fused);
        ck_assert_double_le(1024 * (double)curve->series[1].y[i], fused + 4096);
    }
    ck_assert_ptr_nonnull(strstr(curve->finding, "which are 4.0 T×T matrices"));
}

// What the key k shows first is the kernel that the step is about, not a copy on the way.
static void check_first_kernels(Show *show)
{
    static const struct {
        const char *step, *shader;
    } first[] = {
        { "Each token asks, is found, and hands over", "shaders/mat" }, // matmul, or matvec for a few tokens
        { "Every query meets every key", "shaders/mat" },
        { "Divided by √d", "shaders/elementwise/scale.comp" },
        { "Scores become weights", "shaders/softmax/" },
        { "One kernel does all of it", "shaders/attention/" },
        { "Without the mask, everybody sees everybody", "shaders/softmax/" },
        { "Queries of one text, keys and values of another", "shaders/mat" },
    };
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        const Exhibit *const *exhibits;
        int n, e = 0;
        Error err = { "" };
        ck_assert_msg(show_step(show, step_named(show, first[i].step), &exhibits, &n, &err), "%s", err.message);
        while (e < n && exhibits[e]->kind != EXHIBIT_CODE) e++;
        ck_assert_msg(e < n && !strncmp(exhibits[e]->title, first[i].shader, strlen(first[i].shader)), "%s: %s",
                      first[i].step, e < n ? exhibits[e]->title : "no kernel");
    }
}

START_TEST(the_whole_lecture)
{
    Show *show = open_lecture(paths[0]);
    check_flops(show, T);
    check_flops(show, 256);
    check_memory(show);
    check_first_kernels(show);
    check_width(show, 40);
    check_width(show, 80);
    check_width(show, 160);
    Error err = { "" };
    char *path = path_join(folder, "page.html");
    size_t size;
    ck_assert_msg(html_write(show, path, &err), "%s", err.message);
    char *page = file_read(path, &size, &err);
    ck_assert_int_gt(check_tags(page), 1000);
    free(page);
    ck_assert_msg(svg_write_figures(show, folder, &err), "%s", err.message);
    char *figure = path_join(folder, "06-1.svg"), *svg = file_read(figure, &size, &err);
    ck_assert_msg(svg, "%s", err.message);
    char *below_a_line = mem_format("\n%s", svg);
    ck_assert_int_gt(check_tags(below_a_line), T * T);
    free(below_a_line);
    ck_assert_ptr_nonnull(strstr(svg, "softmax(QKᵀ/√d + mask)"));
    free(svg);
    free(figure);
    free(path);
    show_close(show);
}
END_TEST

// A single token: nothing to be divided by zero.
START_TEST(one_token)
{
    Error err = { "" };
    Show *show = open_lecture(paths[0]);
    ck_assert(show_set(show, "text", "a", &err) && show_set(show, "memory", "b", &err));
    const Exhibit *const *exhibits;
    int n;
    for (int i = 0; i < step_named(show, "Where the work is"); i++) {
        ck_assert_msg(show_step(show, i, &exhibits, &n, &err), "%s", err.message);
        for (int e = 0; e < n; e++)
            ck_assert(!exhibits[e]->finding ||
                      (!strstr(exhibits[e]->finding, "nan") && !strstr(exhibits[e]->finding, "inf")));
    }
    show_close(show);
}
END_TEST

// ---- Bad input -----------------------------------------------------------------------------------------------------------

static const char LONG[] = "a text of more tokens than the context of this small model has room for, which is 64";

static const struct {
    const char *name, *value, *says;
} bad[] = {
    { "text", "", "text: it is empty" },
    { "memory", "", "memory: it is empty" },
    { "text", LONG, "text: it has 84 tokens, but the model's context is 64" },
    { "layer", "2", "layer 2: the model has layers 0 to 1" },
    { "head", "4", "head 4: the model's layers have heads 0 to 3" },
    { "layer", "-1", "layer -1: the model has layers 0 to 1" },
    { "head", "-1", "head -1: the model's layers have heads 0 to 3" },
    { "model", "no-such.gguf", "no-such.gguf: there is no such file, nor an asset of that name" },
    { "model", "/etc/passwd", "/etc/passwd: " },
};

START_TEST(bad_input_is_one_clear_line)
{
    Error err = { "" };
    Show *show = open_lecture(paths[0]);
    const Exhibit *const *exhibits;
    int n;
    ck_assert(show_set(show, bad[_i].name, bad[_i].value, &err));
    ck_assert(!show_step(show, 0, &exhibits, &n, &err));
    ck_assert_msg(strstr(err.message, bad[_i].says), "\"%s\" lacks \"%s\"", err.message, bad[_i].says);
    show_close(show);
}
END_TEST

START_TEST(characters_that_the_vocabulary_lacks)
{
    Error err = { "" };
    Arena arena = { 0 };
    Stage stage = { .gpu = gpu, .arena = &arena };
    Reader reader = { 0 };
    Reading reading;
    ck_assert_msg(reader_open(&reader, &stage, paths[0], &err), "%s", err.message);
    tokenizer_free(reader.tokenizer);
    reader.tokenizer = tokenizer_char("abc ü", strlen("abc ü"));
    ck_assert(!reader_read(&reader, "text", "a cab à ü", &reading, &err)); // à shares its first byte with ü
    ck_assert_str_eq(err.message,
                     "text: the model's vocabulary has no \"à\" (byte 7); leave it out, or take another --model");
    reader_close(&reader);
    arena_free(&arena);
}
END_TEST

Suite *suite_lecture_attention(void)
{
    Suite *suite = suite_create("lecture_attention");
    TCase *tests = tcase_create("lecture 04");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, each_step_equals_the_reference, 0, 2);
    tcase_add_loop_test(tests, heads_are_one_big_product, 0, 2);
    tcase_add_test(tests, the_whole_lecture);
    tcase_add_test(tests, one_token);
    tcase_add_loop_test(tests, bad_input_is_one_clear_line, 0, (int)COUNT_OF(bad));
    tcase_add_test(tests, characters_that_the_vocabulary_lacks);
    suite_add_tcase(suite, tests);
    return suite;
}
