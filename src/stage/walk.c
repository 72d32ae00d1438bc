#include "stage/walk.h"
#include "stage/keys.h"
#include "stage/label.h"
#include "stage/pages.h"
#include "stage/terminal.h"
#include <stdlib.h>
#include <string.h>

// What the keys act on.
typedef struct Session {
    Show *show;
    Pages pages; // of the step, as far as it has been written
    int index;   // of the step on the screen
    bool begin;  // show it from its head on (again)
    bool ask;    // its question has not been asked yet
    bool asking; // the question stands there, and waits
    bool due;    // its exhibits have not been written yet
    bool turn;   // the next page is asked for
    bool leave;
} Session;

static void begin_step(Session *session) { session->begin = session->turn = true; }

static void move_to(Session *session, int index)
{
    const char *limit =
        index < 0 ? "This is the first step." : "That was the last step: b goes back, g N to a step, q leaves.";
    if (index < 0 || index >= show_lecture(session->show)->n_steps) {
        printf("  %s\n", limit);
        return;
    }
    session->ask = index > session->index;
    session->index = index;
    begin_step(session);
}

static void key_forward(Session *session)
{
    if (pages_left(&session->pages))
        session->turn = true;
    else
        move_to(session, session->index + 1);
}

static void key_back(Session *session) { move_to(session, session->index - 1); }
static void key_quit(Session *session) { session->leave = true; }

static void key_go(Session *session)
{
    char line[32];
    const Lecture *lecture = show_lecture(session->show);
    for (int i = 0; i < lecture->n_steps; i++) printf("  %2d  %s\n", i + 1, lecture->steps[i].title);
    if (!keys_line("go to step (Esc: stay): ", line, sizeof line)) return;
    char *end;
    long number = strtol(line, &end, 10);
    if (end == line) return;
    if (number < 1 || number > lecture->n_steps)
        printf("  There are steps 1 to %d.\n", lecture->n_steps);
    else
        move_to(session, (int)number - 1);
}

static void list_parameters(const Show *show)
{
    Arena arena = { 0 };
    const Lecture *lecture = show_lecture(show);
    for (int i = 0; i < lecture->n_params; i++) {
        const Param *param = &lecture->params[i];
        printf("  %-14s %s", param->name, label_visible(&arena, show_parameter(show, i, &arena)));
        if (param->help) printf("   %s", param->help);
        if (param->kind != PARAM_KIND_TEXT && param->min < param->max)
            printf(" (%.6g to %.6g)", param->min, param->max);
        putchar('\n');
    }
    if (lecture->n_params == 0) puts("  This lecture has no parameters.");
    arena_free(&arena);
}

// A value with which the lecture cannot begin is not kept.
static bool change_parameter(Show *show, const char *name, const char *value, Error *err)
{
    const Param *param = lecture_param(show_lecture(show), name, err);
    if (!param) return false;
    Arena arena = { 0 };
    const char *before = show_parameter(show, (int)(param - show_lecture(show)->params), &arena);
    const Exhibit *const *exhibits;
    Error ignored = { "" };
    int n;
    bool ok = show_set(show, name, value, err);
    if (ok && !show_step(show, 0, &exhibits, &n, err)) {
        show_set(show, name, before, &ignored);
        ok = false;
    }
    arena_free(&arena);
    return ok;
}

static void key_parameter(Session *session)
{
    char line[4096];
    list_parameters(session->show);
    if (show_lecture(session->show)->n_params == 0 || !keys_line("NAME VALUE (Esc: none): ", line, sizeof line)) return;
    char *name = line + strspn(line, " "), *value = name + strcspn(name, " =");
    if (!*name) return;
    if (*value) *value++ = '\0';
    value += strspn(value, " =");
    Error err = { "" };
    if (change_parameter(session->show, name, value, &err))
        begin_step(session);
    else
        printf("  %s\n", err.message);
}

static void key_kernels(Session *session)
{
    const Exhibit *const *exhibits, *codes[64];
    int n, n_codes = 0;
    Error err = { "" };
    if (!show_step(session->show, session->index, &exhibits, &n, &err)) return;
    for (int kernels = 1; kernels >= 0; kernels--) // then other sources, which stand in the step itself
        for (int i = 0; i < n && n_codes < (int)COUNT_OF(codes); i++)
            if (exhibits[i]->kind == EXHIBIT_CODE && exhibits[i]->code.kernel == (bool)kernels)
                codes[n_codes++] = exhibits[i];
    if (n_codes)
        keys_page_code(codes, n_codes);
    else
        puts("  This step shows no kernel.");
}

static void key_help(Session *session);

static const struct {
    const char *keys, *does;
    void (*act)(Session *);
} key_table[] = {
    { "\r\n nR", "Enter, n, →   the rest of the step, then the next one", key_forward },
    { "bL", "b, ←          the step before", key_back },
    { "g", "g             go to a step by its number (Esc: stay)", key_go },
    { "k", "k             the source of the kernels of this step", key_kernels },
    { "p", "p             show the parameters and change one (Esc: none); the steps up to here run again",
      key_parameter },
    { "q\x03\x04", "q, Ctrl-C     leave", key_quit },
    { "?h", "?             this list", key_help },
};

static void key_help(Session *session)
{
    (void)session;
    for (size_t i = 0; i < COUNT_OF(key_table); i++) printf("  %s\n", key_table[i].does);
}

static int wait_for_key(const Session *session)
{
    char prompt[160];
    int n = show_lecture(session->show)->n_steps;
    if (pages_left(&session->pages))
        snprintf(prompt, sizeof prompt, "  %d/%d   Enter shows the rest   b back   g go to   q quit   ? help",
                 session->index + 1, n);
    else
        snprintf(prompt, sizeof prompt, "  %d/%d   %s   b back   g go to   k kernels   p change   q quit   ? help",
                 session->index + 1, n, session->index + 1 < n ? "Enter next" : "the end");
    return keys_read(prompt);
}

// A block of the session's pages, to be written to as to the terminal.
typedef struct Block {
    Term term;
    char *text;
    size_t size;
} Block;

static void block_begin(Block *block, const Term *term)
{
    *block = (Block){ .term = *term };
    block->term.stream = open_memstream(&block->text, &block->size);
    CHECK(block->term.stream, "walk: no memory for a stream");
}

static void block_end(Block *block, Session *session)
{
    fclose(block->term.stream);
    pages_add(&session->pages, block->text);
}

static void write_head(Session *session, const Term *term)
{
    const Step *step = &show_lecture(session->show)->steps[session->index];
    Block block;
    block_begin(&block, term);
    fputc('\n', block.term.stream);
    show_print_head(session->show, &block.term, session->index);
    block_end(&block, session);
    session->asking = step->question && session->ask;
    session->ask = false;
    session->due = true;
    if (!session->asking) return;
    Exhibit question = { .kind = EXHIBIT_TEXT, .text = { .title = "Before you look:", .text = step->question } };
    block_begin(&block, term);
    terminal_exhibit(&block.term, &question, true);
    block_end(&block, session);
}

static bool write_exhibits(Session *session, const Term *term, Error *err)
{
    const Exhibit *const *exhibits;
    int n;
    session->due = false;
    if (!show_step(session->show, session->index, &exhibits, &n, err)) return false;
    for (int i = 0; i < n; i++) {
        Block block;
        block_begin(&block, term);
        terminal_exhibit(&block.term, exhibits[i], true);
        // A kernel's line ends without an empty one.
        if (i + 1 == n && exhibits[i]->kind == EXHIBIT_CODE) fputc('\n', block.term.stream);
        block_end(&block, session);
    }
    return true;
}

// The next page of the step. Its head is on the screen before its exhibits are computed, which may take a while.
static bool show_page(Session *session, Error *err)
{
    Term term = term_open(stdout);
    if (session->begin) {
        pages_clear(&session->pages);
        write_head(session, &term);
    }
    session->begin = session->turn = false;
    bool ok = true;
    if (pages_show(&session->pages, &term) && session->due && !session->asking) {
        fflush(stdout);
        ok = write_exhibits(session, &term, err);
        pages_show(&session->pages, &term);
    }
    fflush(stdout);
    return ok;
}

static void act_on_key(Session *session)
{
    if (session->asking && !pages_left(&session->pages)) {
        int key = keys_read("  any key reveals it");
        session->leave = key == 'q' || key == 3 || key == 4;
        session->asking = false;
        session->turn = true;
        return;
    }
    int key = wait_for_key(session);
    for (size_t i = 0; i < COUNT_OF(key_table); i++)
        if (key > 0 && strchr(key_table[i].keys, key)) key_table[i].act(session);
}

bool show_walk(Show *show, Error *err)
{
    Session session = { .show = show, .ask = true };
    bool can_start = true;
    begin_step(&session);
    for (bool first = true; !session.leave && show_lecture(show)->n_steps > 0;) {
        Error failed = { "" };
        bool ok = !session.turn || show_page(&session, &failed);
        // A parameter that the model does not have can be mended with p; a lecture that cannot even start has ended.
        can_start = ok || !first;
        if (!can_start) error_set(err, "%s", failed.message);
        if (!can_start) break;
        if (!ok) printf("  %s\n  p changes a parameter.\n", failed.message);
        first = first && session.due;
        act_on_key(&session);
        pages_turn(&session.pages);
    }
    pages_clear(&session.pages);
    return can_start;
}
