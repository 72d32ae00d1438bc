// Both writers over a lecture with every kind of exhibit. LECTERN_GOLDEN=write writes the expected texts anew, to be
// read before they are committed.
#include "base/file.h"
#include "base/term.h"
#include "stage/html.h"
#include "stage/svg.h"
#include "stage/terminal.h"
#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LECTURE_SYMBOL lecture_for_writers
#include "stage/everything.h"
#include "stage/page.h"

// The whole lecture as the terminal writer prints it. The caller frees it.
static char *as_text(Term term)
{
    char *text = NULL;
    size_t size = 0;
    term.stream = open_memstream(&text, &size);
    Show *show = show_open(&lecture_for_writers, NULL, 1);
    for (int i = 0; i < lecture_for_writers.n_steps; i++) {
        const Exhibit *const *exhibits;
        int n;
        Error err = { "" };
        ck_assert_msg(show_step(show, i, &exhibits, &n, &err), "%s", err.message);
        terminal_step_head(&term, i, lecture_for_writers.n_steps, everything_steps[i].title, everything_steps[i].text);
        for (int e = 0; e < n; e++) terminal_exhibit(&term, exhibits[e], false);
    }
    show_close(show);
    fclose(term.stream);
    return text;
}

static const int golden_widths[] = { 40, 80, 160 };

START_TEST(plain_text_is_as_expected)
{
    int width = golden_widths[_i];
    char *text = as_text((Term){ .width = width, .height = 24 }),
         *path = mem_format("tests/stage/golden/plain-%d.txt", width);
    Error err = { "" };
    const char *mode = getenv("LECTERN_GOLDEN");
    if (mode && !strcmp(mode, "write")) ck_assert(file_write(path, text, strlen(text), &err));
    size_t size;
    char *want = file_read(path, &size, &err);
    ck_assert_msg(want, "%s", err.message);
    ck_assert_str_eq(text, want);
    ck_assert_ptr_null(strchr(text, '\x1b'));
    free(want);
    free(path);
    free(text);
}
END_TEST

// Cuts the escape sequences out (only CSI … m may be there), in place.
static void strip_styles(char *text)
{
    char *out = text;
    for (const char *c = text; *c; c++) {
        if (*c != '\x1b') {
            *out++ = *c;
            continue;
        }
        ck_assert_int_eq(c[1], '[');
        c += 2 + strspn(c + 2, "0123456789;");
        ck_assert_int_eq(*c, 'm');
    }
    *out = '\0';
}

START_TEST(no_line_is_wider_than_the_terminal)
{
    for (int width = 40; width <= 200; width += 13)
        for (int kind = 0; kind < 4; kind++) {
            char *text = as_text((Term){ .width = width,
                                         .height = 24,
                                         .tty = true,
                                         .colors = kind ? (TermColors)(kind > 1 ? 2 : 1) : TERM_MONO,
                                         .unicode = kind % 2 });
            strip_styles(text);
            for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                ck_assert_msg(text_width(line) <= width, "%d columns, kind %d: %d wide: %s", width, kind,
                              text_width(line), line);
            free(text);
        }
}
END_TEST

static char *page(void)
{
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "page.html");
    Error err = { "" };
    Show *show = show_open(&lecture_for_writers, NULL, 1);
    ck_assert_msg(html_write(show, path, &err), "%s", err.message);
    show_close(show);
    size_t size;
    char *text = file_read(path, &size, &err);
    ck_assert_uint_eq(size, strlen(text));
    ck_assert(dir_remove(folder, &err));
    free(path);
    return text;
}

START_TEST(every_tag_is_closed)
{
    char *text = page();
    ck_assert_int_gt(check_tags(text), 1000);
    free(text);
}
END_TEST

static int count(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)); text++) n++;
    return n;
}

START_TEST(the_page_stands_alone_and_is_safe)
{
    char *text = page();
    static const char *const banned[] = { "http://", "https://", "src=\"//", "url(http", "<script", "<link",
                                          "@import", "\x1b",     "<b>\"",    "<tag>",    "<tree>",  "onerror" };
    for (size_t i = 0; i < COUNT_OF(banned); i++) ck_assert_msg(!strstr(text, banned[i]), "the page has %s", banned[i]);
    ck_assert_ptr_nonnull(strstr(text, "&lt;b&gt;&quot;sleeps&quot;"));
    ck_assert_ptr_nonnull(strstr(text, "default-src 'none'"));
    ck_assert_ptr_nonnull(strstr(text, "prefers-color-scheme:dark"));
    // Every picture says what it shows, and one is a PNG because it has too many cells for rectangles.
    ck_assert_int_eq(count(text, "<svg role=\"img\""),
                     count(text, "aria-label=\"") - 1); // the list of steps has one too
    ck_assert_int_eq(count(text, "aria-label=\"\""), 0);
    ck_assert_int_eq(count(text, "data:image/png;base64,"), 2);
    ck_assert_int_eq(count(text, "<section "), 4);
    ck_assert_int_eq(count(text, "aria-label=\"Head h looks h tokens back.\""), 4);
    // Each of the 13 pictures has its text form, and a cell's value is there without its colour.
    ck_assert_int_eq(count(text, "<summary>as text</summary>"), 13);
    ck_assert_ptr_nonnull(strstr(text, "\\xff, \\x1b[31m: 2.55 nats"));
    free(text);
}
END_TEST

// The pictures of heat maps fill the page's figures, several of them side by side; and what answers a question is
// folded behind it.
START_TEST(the_page_is_laid_out)
{
    static const struct {
        const char *title;
        double least, most; // px of each map
    } maps[] = { { "QKᵀ/√d with a causal mask", 600, 656 },
                 { "Four heads side by side", 260, 320 },
                 { "Small numbers with cells", 600, 656 },
                 { "A map larger than", 600, 656 } };
    char *text = page();
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        const char *figure = strstr(text, maps[i].title), *box = figure ? strstr(figure, "viewBox=\"0 0 ") : NULL;
        ck_assert_ptr_nonnull(box);
        double width = strtod(box + strlen("viewBox=\"0 0 "), NULL);
        ck_assert_msg(width >= maps[i].least && width <= maps[i].most, "%s: %g px wide", maps[i].title, width);
    }
    const char *question = strstr(text, "Which token is the most probable?"),
               *answer = strstr(text, "<details class=\"answer\">"), *first = strstr(text, "token by token"),
               *last = strstr(text, "This is the second one"), *end = strstr(last, "</details>\n<p class=\"moves\">");
    ck_assert(question && question < answer && answer < first && first < last && last < end);
    ck_assert_ptr_null(strstr(answer + 1, "<details class=\"answer\">"));
    // All kernels of a step in one figure.
    const char *kernels = strstr(text, "<figure class=\"kernels\">"), *name = strstr(text, "shaders/matmul/naive.comp");
    ck_assert(kernels && kernels < name);
    ck_assert_ptr_null(strstr(kernels + 1, "<figure"));
    ck_assert_ptr_nonnull(strstr(kernels, "</code> <small>The kernel&#39;s source of 11 lines.</small></summary><pre"));
    free(text);
}
END_TEST

START_TEST(a_failed_page_leaves_the_old_one)
{
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "page.html");
    Error err = { "" };
    ck_assert(file_write(path, "old", 3, &err));
    Show *show = show_open(&lecture_for_writers, NULL, 1);
    ck_assert(show_set(show, "layer", "3", &err));
    ck_assert(!html_write(show, path, &err));
    ck_assert_str_eq(err.message, "layer 3: the model has layers 0 to 2");
    size_t size;
    err = (Error){ "" };
    char *text = file_read(path, &size, &err);
    ck_assert_str_eq(text, "old");
    free(text);
    ck_assert(dir_remove(folder, &err)); // nothing but the page lay there
    ck_assert(!html_write(show, "/nonexistent/page.html", &err));
    ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent/page.html: cannot write"));
    show_close(show);
    free(path);
}
END_TEST

static int count_files(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir));) n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void never_ends(Stage *stage, Demo *demo)
{
    (void)stage, (void)demo;
    for (;;) pause();
}

static const int endings[] = { SIGTERM, SIGINT, SIGHUP };

START_TEST(a_signal_leaves_nothing_half_written)
{
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "page.html");
    Error err = { "" };
    ck_assert(file_write(path, "old", 3, &err));
    Step steps[] = { everything_steps[0], STEP("Never ends", NULL, never_ends) };
    Lecture lecture = lecture_for_writers;
    lecture.steps = steps;
    lecture.n_steps = COUNT_OF(steps);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (size_t i = 0; i < COUNT_OF(endings); i++) signal(endings[i], SIG_DFL); // the test runner has handlers
        html_write(show_open(&lecture, NULL, 1), path, &err);
        _exit(9);
    }
    for (int i = 0; i < 20000 && count_files(folder) == 1; i++) usleep(1000);
    ck_assert_int_eq(count_files(folder), 2); // the old page, and the new one as far as it goes
    ck_assert_int_eq(kill(child, endings[_i]), 0);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == endings[_i]);
    ck_assert_int_eq(count_files(folder), 1);
    size_t size;
    char *text = file_read(path, &size, &err);
    ck_assert_str_eq(text, "old");
    free(text);
    free(path);
    ck_assert(dir_remove(folder, &err));
}
END_TEST

// Every heat map and curve as a file of its own: whole, described, and with colours that any viewer knows.
START_TEST(figures_stand_alone)
{
    static const char *const banned[] = { "var(", "http://www.w3.org/1999/xlink", "<script", "<p>", "<p ", "<span",
                                          "<tag>" };
    char folder[] = "/tmp/lectern-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "figure.svg");
    Show *show = show_open(&lecture_for_writers, NULL, 1);
    int curves = 0, maps = 0;
    for (int i = 0; i < lecture_for_writers.n_steps; i++) {
        const Exhibit *const *exhibits;
        int n;
        Error err = { "" };
        ck_assert_msg(show_step(show, i, &exhibits, &n, &err), "%s", err.message);
        for (int e = 0; e < n; e++) {
            const Exhibit *x = exhibits[e];
            if (x->kind != EXHIBIT_CURVE && x->kind != EXHIBIT_HEATMAP) continue;
            ck_assert_msg(svg_write(x, path, &err), "%s", err.message);
            size_t size;
            char *text = file_read(path, &size, &err), *below_a_line = mem_format("\n%s", text);
            ck_assert_int_gt(check_tags(below_a_line), 20);
            for (size_t b = 0; b < COUNT_OF(banned); b++) ck_assert_msg(!strstr(text, banned[b]), "%s", banned[b]);
            ck_assert_int_eq(count(text, "aria-label=\"\""), 0);
            ck_assert_int_eq(count(text, "<svg "), 1);
            ck_assert_ptr_nonnull(strstr(text, "<rect class=\"ground\""));
            ck_assert_ptr_nonnull(strstr(text, "rect.ground{fill:#f6f7f9}"));
            if (x->kind == EXHIBIT_CURVE && x->curve.y_axis) ck_assert_ptr_nonnull(strstr(text, ">↑ "));
            if (x->kind == EXHIBIT_CURVE && x->curve.x_axis) ck_assert_ptr_nonnull(strstr(text, ">→ "));
            *(x->kind == EXHIBIT_CURVE ? &curves : &maps) += 1;
            free(text);
            free(below_a_line);
        }
    }
    ck_assert_int_gt(curves, 0);
    ck_assert_int_gt(maps, 3);
    show_close(show);
    ck_assert(dir_remove(folder, NULL));
    free(path);
}
END_TEST

Suite *suite_writers(void)
{
    Suite *suite = suite_create("writers");
    TCase *tests = tcase_create("writers");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, plain_text_is_as_expected, 0, (int)COUNT_OF(golden_widths));
    tcase_add_test(tests, no_line_is_wider_than_the_terminal);
    tcase_add_test(tests, every_tag_is_closed);
    tcase_add_test(tests, the_page_stands_alone_and_is_safe);
    tcase_add_test(tests, the_page_is_laid_out);
    tcase_add_test(tests, a_failed_page_leaves_the_old_one);
    tcase_add_loop_test(tests, a_signal_leaves_nothing_half_written, 0, (int)COUNT_OF(endings));
    tcase_add_test(tests, figures_stand_alone);
    suite_add_tcase(suite, tests);
    return suite;
}
