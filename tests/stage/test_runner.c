// The runner on a real pseudo-terminal, driven by keys.
#include "base/progress.h"
#include "base/term.h"
#include "stage/run.h"
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define LECTURE_SYMBOL lecture_for_runner
#include "stage/everything.h"

typedef struct Session {
    int terminal;
    pid_t child;
    char seen[1 << 20]; // everything since the last key
    size_t used;
} Session;

static Session session;

static void start_on(unsigned short rows, unsigned short columns, void (*body)(void))
{
    struct winsize size = { .ws_row = rows, .ws_col = columns };
    session = (Session){ 0 };
    session.child = forkpty(&session.terminal, NULL, NULL, &size);
    ck_assert_int_ge(session.child, 0);
    if (session.child > 0) return;
    setenv("TERM", "xterm-256color", 1);
    unsetenv("NO_COLOR");
    body();
    _exit(9);
}

static void start(void (*body)(void)) { start_on(200, 100, body); } // every step fits

// Reads until `text` has appeared; 20 seconds without a byte mean that it never will.
static void wait_for(const char *text)
{
    struct pollfd input = { .fd = session.terminal, .events = POLLIN };
    while (!strstr(session.seen, text)) {
        ck_assert_msg(poll(&input, 1, 20000) == 1, "no \"%s\" in:\n%s", text, session.seen);
        ssize_t n = read(session.terminal, session.seen + session.used, sizeof session.seen - 1 - session.used);
        ck_assert_msg(n > 0, "ended before \"%s\":\n%s", text, session.seen);
        session.used += (size_t)n;
    }
}

static void type(const char *keys)
{
    session.used = 0;
    memset(session.seen, 0, sizeof session.seen);
    ck_assert_int_eq(write(session.terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static int finish(void)
{
    char rest[4096];
    while (read(session.terminal, rest, sizeof rest) > 0) continue; // EIO once the child has gone
    int status;
    ck_assert_int_eq(waitpid(session.child, &status, 0), session.child);
    close(session.terminal);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_sane(void)
{
    struct termios state;
    ck_assert_int_eq(tcgetattr(session.terminal, &state), 0);
    return (state.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG) && (state.c_iflag & ICRNL);
}

static void run_lecture(void)
{
    Error err = { "" };
    Show *show = show_open(&lecture_for_runner, NULL, 1);
    bool ok = show_run(show, &(RunOptions){ 0 }, &err);
    show_close(show);
    fflush(stdout);
    _exit(ok ? 0 : 1);
}

static void run_dumb(void)
{
    setenv("TERM", "dumb", 1);
    run_lecture();
}

static const char PROMPT[] = "? help";

START_TEST(keys_walk_through_the_steps)
{
    start(run_lecture);
    wait_for(PROMPT);
    ck_assert_ptr_nonnull(strstr(session.seen, "1/4  Maps of numbers"));
    ck_assert_ptr_nonnull(strstr(session.seen, "\x1b[48;5;"));
    type("b");
    wait_for("This is the first step.");
    wait_for(PROMPT);
    type("\r"); // the second step asks before it shows
    wait_for("any key reveals it");
    ck_assert_ptr_nonnull(strstr(session.seen, "Which token is the most probable?"));
    ck_assert_ptr_null(strstr(session.seen, "token by token"));
    type("x");
    wait_for(PROMPT);
    ck_assert_ptr_nonnull(strstr(session.seen, "State 7"));
    type("\x1b[C"); // right
    wait_for("3/4  Curves");
    wait_for(PROMPT);
    type("\x1b[D"); // left; what was asked once is not asked again
    wait_for(PROMPT);
    ck_assert_ptr_nonnull(strstr(session.seen, "State 7"));
    type("g");
    wait_for("go to step (Esc: stay): ");
    type("9\n");
    wait_for("There are steps 1 to 4.");
    wait_for(PROMPT);
    type("g");
    wait_for("go to step (Esc: stay): ");
    type("4\n");
    wait_for("4/4  The machine");
    wait_for(PROMPT);
    ck_assert_ptr_nonnull(strstr(session.seen, "on the key k"));
    ck_assert_ptr_null(strstr(session.seen, "gl_GlobalInvocationID"));
    type("\r");
    wait_for("That was the last step");
    wait_for(PROMPT);
    type("\x1b[1;5Hz"); // neither an escape sequence nor a key that means nothing does anything
    type("?");
    wait_for("the source of the kernels");
    wait_for(PROMPT);
    type("q");
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(kernels_open_in_a_pager)
{
    start(run_lecture);
    wait_for(PROMPT);
    type("k");
    wait_for("This step shows no kernel.");
    wait_for(PROMPT);
    type("g");
    wait_for("go to step (Esc: stay): ");
    type("4\n");
    wait_for(PROMPT);
    type("k");
    wait_for("q close");
    ck_assert_ptr_nonnull(strstr(session.seen, "\x1b[?1049h"));
    ck_assert_ptr_nonnull(strstr(session.seen, "gl_GlobalInvocationID"));
    ck_assert_ptr_nonnull(strstr(session.seen, "100 %"));
    type("n");
    wait_for("q close");
    ck_assert_ptr_nonnull(strstr(session.seen, "A snippet"));
    ck_assert_ptr_nonnull(strstr(session.seen, "2/2"));
    type("q");
    wait_for(PROMPT);
    ck_assert_ptr_nonnull(strstr(session.seen, "\x1b[?1049l"));
    type("q");
    ck_assert_int_eq(finish(), 0);
}
END_TEST

// On a terminal that knows no escape sequences the pages stand below one another.
START_TEST(kernels_without_escape_sequences)
{
    start(run_dumb);
    wait_for(PROMPT);
    type("g");
    wait_for("go to step (Esc: stay): ");
    type("4\n");
    wait_for("4/4  The machine");
    wait_for(PROMPT);
    type("k");
    wait_for("q close");
    ck_assert_ptr_nonnull(strstr(session.seen, "gl_GlobalInvocationID"));
    ck_assert_ptr_null(strchr(session.seen, '\x1b'));
    type("q");
    wait_for(PROMPT);
    ck_assert_ptr_null(strchr(session.seen, '\x1b'));
    type("q");
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(escape_gives_a_line_up)
{
    start(run_lecture);
    wait_for(PROMPT);
    static const char *const lines[] = { "\x1b", "3\x1b", "3\x1b[A",
                                         "3\x1bOA" }; // Esc, and arrows, which begin with it
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        type("g");
        wait_for("go to step (Esc: stay): ");
        type(lines[i]);
        wait_for(PROMPT);
        ck_assert_ptr_nonnull(strstr(session.seen, "1/4   Enter next"));
        ck_assert_ptr_null(strstr(session.seen, "3/4"));
        type("p");
        wait_for("NAME VALUE (Esc: none): ");
        type("layer 2\x1b");
        wait_for(PROMPT);
    }
    type("p"); // nothing was changed
    wait_for("layer          0   which layer");
    wait_for("NAME VALUE (Esc: none): ");
    type("layer 3\x7f"
         "1\n"); // and lines are edited as ever
    wait_for(PROMPT);
    type("p");
    wait_for("layer          1   which layer");
    wait_for("NAME VALUE (Esc: none): ");
    ck_assert(is_sane());
    type("\n");
    wait_for(PROMPT);
    type("q");
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(parameters_change_and_the_step_runs_again)
{
    start(run_lecture);
    wait_for(PROMPT);
    type("\r");
    wait_for("any key reveals it");
    type("x");
    wait_for(PROMPT);
    type("p");
    wait_for("NAME VALUE (Esc: none): ");
    ck_assert_ptr_nonnull(strstr(session.seen, "how steep (0.5 to 4)"));
    type("layer 2\n");
    wait_for("State 9");
    wait_for(PROMPT);
    type("p");
    wait_for("NAME VALUE (Esc: none): ");
    type("layer 17\n");
    wait_for("layer 17 is outside 0 to 3");
    wait_for(PROMPT);
    type("p");
    wait_for("NAME VALUE (Esc: none): ");
    type("layer 3\n"); // in its range, but the setup refuses it: it is said, and the old one stays
    wait_for("the model has layers 0 to 2");
    wait_for(PROMPT);
    type("p");
    wait_for("NAME VALUE (Esc: none): ");
    ck_assert_ptr_nonnull(strstr(session.seen, "layer          2"));
    type("text = a new text\n");
    wait_for("“a new text”");
    wait_for(PROMPT);
    type("p");
    wait_for("NAME VALUE (Esc: none): ");
    type("layer 1\n");
    wait_for("State 8");
    wait_for(PROMPT);
    type("q");
    ck_assert_int_eq(finish(), 0);
}
END_TEST

// ---- Small screens --------------------------------------------------------------------------------------------------

static const char *const waits[] = { "Enter shows", "Enter next", "the end", "any key reveals it" };

// Reads until the runner waits for a key, and returns for which.
static int wait_for_prompt(void)
{
    struct pollfd input = { .fd = session.terminal, .events = POLLIN };
    for (;;) {
        for (int i = 0; i < (int)COUNT_OF(waits); i++)
            if (strstr(session.seen, waits[i])) return i;
        ck_assert_msg(poll(&input, 1, 20000) == 1, "no prompt in:\n%s", session.seen);
        ssize_t n = read(session.terminal, session.seen + session.used, sizeof session.seen - 1 - session.used);
        ck_assert_msg(n > 0, "ended without a prompt:\n%s", session.seen);
        session.used += (size_t)n;
    }
}

// Cuts styles and what the cursor's return has overwritten, in place.
static void flatten(char *text)
{
    char *out = text, *line = text;
    for (const char *c = text; *c; c++) {
        if (*c == '\x1b') {
            c += 2 + strspn(c + 2, "0123456789;");
            ck_assert_int_eq(*c, 'm');
        } else if (*c == '\r') {
            out = line;
        } else {
            *out++ = *c;
            if (*c == '\n') line = out;
        }
    }
    *out = '\0';
}

static int rows_of(const char *text, int columns)
{
    int rows = 0;
    for (const char *c = text; *c; c += *c == '\n') {
        char line[4096];
        size_t n = strcspn(c, "\n");
        ck_assert_uint_lt(n, sizeof line);
        memcpy(line, c, n);
        line[n] = '\0';
        int width = text_width(line);
        rows += width > columns ? (width + columns - 1) / columns : 1;
        c += n;
    }
    return rows;
}

static const struct {
    unsigned short rows, columns;
} screens[] = { { 24, 80 }, { 30, 100 }, { 12, 40 }, { 7, 80 }, { 24, 24 }, { 3, 40 } };

// Between two keys no more is written than the screen holds, and in the end all has been written.
START_TEST(nothing_scrolls_off_unseen)
{
    static char all[1 << 20];
    int rows = screens[_i].rows, columns = screens[_i].columns, rests = 0, asked = 0;
    all[0] = '\0';
    start_on(screens[_i].rows, screens[_i].columns, run_lecture);
    for (int wait = 0; wait != 2;) {
        wait = wait_for_prompt();
        *strstr(session.seen, waits[wait]) = '\0'; // a line of the screen begins with it in any case
        for (char *c = session.seen; (c = strstr(c, "\r\n"));) memmove(c, c + 1, strlen(c));
        flatten(session.seen);
        ck_assert_msg(rows_of(session.seen, columns) <= rows, "%d × %d shows %d lines at once", columns, rows,
                      rows_of(session.seen, columns));
        char *prompt = strrchr(session.seen, '\n');
        ck_assert_msg(prompt, "an empty page");
        prompt[1] = '\0';
        bool empty = strspn(session.seen, " \n") == strlen(session.seen);
        ck_assert_msg(!empty || rows == 3, "%d × %d: an empty page", columns, rows); // two lines may be empty ones
        strcat(all, session.seen);
        rests += wait == 0;
        asked += wait == 3;
        if (wait != 2) type("\r");
    }
    type("q");
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_gt(rests, 0);
    ck_assert_int_eq(asked, 1);
    static const char *const titles[] = { "QKᵀ/√d with", "Four heads", "Small numbers", "A map larger", "“The dragon",
                                          "Beside its",  "State 7",    "Loss on",       "Vectors of",   "Time and" };
    for (const char *c = all, **title = (const char **)titles; title < (const char **)titles + COUNT_OF(titles);
         title++) {
        c = strstr(c, *title); // in order
        ck_assert_msg(c, "\"%s\" is not shown", *title);
    }
}
END_TEST

// At a pause the other keys do what they always do, and the rest still waits.
START_TEST(a_pause_takes_every_key)
{
    start_on(24, 80, run_lecture);
    wait_for("Enter shows the rest");
    type("?");
    wait_for("the source of the kernels");
    wait_for("Enter shows the rest");
    type("b");
    wait_for("This is the first step.");
    wait_for("Enter shows the rest");
    ck_assert_ptr_null(strstr(session.seen, "Four heads"));
    type("\r");
    wait_for("Four heads side by side");
    wait_for("Enter shows the rest");
    type("g");
    wait_for("go to step (Esc: stay): ");
    type("3\n");
    wait_for("3/4  Curves");
    wait_for("Enter shows the rest");
    type("q");
    ck_assert_int_eq(finish(), 0);
}
END_TEST

static const struct {
    const char *keys;
    int signal, status;
} leavings[] = { { "\x03", 0, 0 }, { "\x04", 0, 0 }, { "", SIGTERM, 128 + SIGTERM }, { "", SIGINT, 128 + SIGINT } };

START_TEST(the_terminal_is_left_sane)
{
    start(run_lecture);
    wait_for(PROMPT);
    struct termios state;
    while (tcgetattr(session.terminal, &state) == 0 && (state.c_lflag & ICANON)) usleep(1000); // the wait has begun
    int spare = open(ptsname(session.terminal), O_RDWR | O_NOCTTY); // keeps the terminal's state to be looked at
    type(leavings[_i].keys);
    if (leavings[_i].signal) kill(session.child, leavings[_i].signal);
    int status;
    ck_assert_int_eq(waitpid(session.child, &status, 0), session.child);
    ck_assert_int_eq(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), leavings[_i].status);
    ck_assert(is_sane());
    close(spare);
    close(session.terminal);
}
END_TEST

static void count_to_ten(void)
{
    Progress progress;
    progress_begin(&progress, "count", 1000, "tokens");
    progress_update(&progress, 0, NULL);
    for (int i = 0; i < 500; i++)
        progress_update(&progress, 500, "loss %.2f", 1.5); // within a tenth of a second: drawn once
    progress_clear(&progress);
    progress_update(&progress, 500, "loss %.2f", 1.5);
    progress_end(&progress);
    fputs("end\n", stderr);
    _exit(0);
}

START_TEST(progress_is_drawn_over_itself_and_cleared)
{
    start(count_to_ten);
    wait_for("end");
    ck_assert_ptr_nonnull(strstr(session.seen, "count ██████████░░░░░░░░░░ 500/1000 tokens  loss 1.50"));
    ck_assert_ptr_nonnull(strstr(session.seen, " left\x1b[K\r\x1b[Kend"));
    int lines = 0;
    for (const char *c = session.seen; (c = strstr(c, "count")); c++) lines++;
    ck_assert_int_le(lines, 3);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(progress_is_silent_in_a_pipe)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        count_to_ten();
    }
    close(ends[1]);
    char text[64] = "";
    ck_assert_int_eq(read(ends[0], text, sizeof text - 1), 4);
    ck_assert_str_eq(text, "end\n");
    waitpid(child, NULL, 0);
    close(ends[0]);
}
END_TEST

START_TEST(numbers_have_three_digits)
{
    static const struct {
        double value;
        const char *text;
    } si[] = { { 0, "0 " },         { 7, "7 " },         { 999, "999 " },  { 999.6, "1.00 k" },
               { 12345, "12.3 k" }, { 4.5e9, "4.50 G" }, { 0.25, "0.25 " } };
    static const struct {
        double seconds;
        const char *text;
    } times[] = { { 7.2, "0:07" }, { 754, "12:34" }, { 11100, "3:05:00" }, { -1, "?" }, { 1e12, "?" } };
    char text[16];
    for (size_t i = 0; i < COUNT_OF(si); i++) {
        format_si(si[i].value, text);
        ck_assert_str_eq(text, si[i].text);
    }
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        format_seconds(times[i].seconds, text);
        ck_assert_str_eq(text, times[i].text);
    }
}
END_TEST

Suite *suite_runner(void)
{
    Suite *suite = suite_create("runner");
    TCase *tests = tcase_create("runner");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, keys_walk_through_the_steps);
    tcase_add_test(tests, kernels_open_in_a_pager);
    tcase_add_test(tests, kernels_without_escape_sequences);
    tcase_add_test(tests, escape_gives_a_line_up);
    tcase_add_test(tests, parameters_change_and_the_step_runs_again);
    tcase_add_loop_test(tests, nothing_scrolls_off_unseen, 0, (int)COUNT_OF(screens));
    tcase_add_test(tests, a_pause_takes_every_key);
    tcase_add_loop_test(tests, the_terminal_is_left_sane, 0, (int)COUNT_OF(leavings));
    tcase_add_test(tests, progress_is_drawn_over_itself_and_cleared);
    tcase_add_test(tests, progress_is_silent_in_a_pipe);
    tcase_add_test(tests, numbers_have_three_digits);
    suite_add_tcase(suite, tests);
    return suite;
}
