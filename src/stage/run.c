#include "stage/run.h"
#include "gpu/gpu.h"
#include "stage/html.h"
#include "stage/svg.h"
#include "stage/terminal.h"
#include "stage/walk.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct ParamValue {
    double number;
    char *text;
} ParamValue;

typedef struct Shown {
    Arena arena;
    Exhibit **exhibits;
    int n;
} Shown;

struct Show {
    const Lecture *lecture;
    struct Gpu *gpu;
    struct Stream *stream; // of the setup
    uint64_t seed;
    ParamValue *values; // [n_params]
    Shown *shown;       // [n_steps], the first n_run of them filled
    int n_run;
    Demo *demo;  // NULL until set up
    Arena arena; // of the setup
};

Show *show_open(const Lecture *lecture, struct Gpu *gpu, uint64_t seed)
{
    Show *show = NEW(Show);
    *show = (Show){ .lecture = lecture, .gpu = gpu, .seed = seed };
    show->values = NEW_ARRAY(ParamValue, lecture->n_params + 1);
    show->shown = NEW_ARRAY(Shown, lecture->n_steps + 1);
    for (int i = 0; i < lecture->n_params; i++) {
        const Param *param = &lecture->params[i];
        show->values[i].number = param->value;
        if (param->kind == PARAM_KIND_TEXT) show->values[i].text = mem_string(param->text ? param->text : "");
    }
    return show;
}

static void forget(Show *show)
{
    if (show->demo && show->lecture->teardown) show->lecture->teardown(show->demo);
    free(show->demo);
    show->demo = NULL;
    show->stream = NULL;
    arena_free(&show->arena);
    for (int i = 0; i < show->lecture->n_steps; i++) {
        arena_free(&show->shown[i].arena);
        free(show->shown[i].exhibits);
        show->shown[i] = (Shown){ 0 };
    }
    show->n_run = 0;
}

void show_close(Show *show)
{
    if (!show) return;
    forget(show);
    for (int i = 0; i < show->lecture->n_params; i++) free(show->values[i].text);
    free(show->values);
    free(show->shown);
    free(show);
}

const Lecture *show_lecture(const Show *show) { return show->lecture; }

const char *show_parameter(const Show *show, int i, Arena *arena)
{
    const Param *param = &show->lecture->params[i];
    if (param->kind == PARAM_KIND_TEXT) return arena_format(arena, "%s", show->values[i].text);
    return arena_format(arena, "%.6g", show->values[i].number);
}

// "n-heads" names the field n_heads.
static bool names_param(const char *name, const char *field)
{
    for (; *name && *field; name++, field++)
        if (*name != *field && !(*name == '-' && *field == '_')) return false;
    return *name == *field;
}

static bool read_number(const Param *param, const char *text, double *number, Error *err)
{
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    while (isspace((unsigned char)*end)) end++;
    bool whole = param->kind != PARAM_KIND_INT || (*number == floor(*number) && fabs(*number) <= 2147483647.0);
    if (end == text || *end || errno || !isfinite(*number) || !whole)
        return error_set(err, "%s \"%s\" is not a %s", param->name, text,
                         param->kind == PARAM_KIND_INT ? "whole number" : "number");
    if (param->min < param->max && (*number < param->min || *number > param->max))
        return error_set(err, "%s %s is outside %.6g to %.6g", param->name, text, param->min, param->max);
    return true;
}

const Param *lecture_param(const Lecture *lecture, const char *name, Error *err)
{
    Arena arena = { 0 };
    const char *all = "it has none";
    for (int i = 0; i < lecture->n_params; i++) {
        const Param *param = &lecture->params[i];
        if (names_param(name, param->name)) return arena_free(&arena), param;
        all = arena_format(&arena, i ? "%s, %s" : "%s%s", i ? all : "it has ", param->name);
    }
    error_set(err, "lecture %s has no parameter \"%s\"; %s", lecture->id, name, all);
    arena_free(&arena);
    return NULL;
}

bool show_set(Show *show, const char *name, const char *value, Error *err)
{
    const Param *param = lecture_param(show->lecture, name, err);
    double number = 0;
    if (!param || (param->kind != PARAM_KIND_TEXT && !read_number(param, value, &number, err))) return false;
    ParamValue *now = &show->values[param - show->lecture->params];
    forget(show); // the demo may hold the old text
    now->number = number;
    if (param->kind == PARAM_KIND_TEXT) {
        free(now->text);
        now->text = mem_string(value);
    }
    return true;
}

static void set_field(Demo *demo, const Param *param, const ParamValue *value)
{
    char *field = (char *)demo + param->offset;
    int whole = (int)value->number;
    float real = (float)value->number;
    const char *text = value->text;
    const void *from[] = { [PARAM_KIND_INT] = &whole, [PARAM_KIND_FLOAT] = &real, [PARAM_KIND_TEXT] = &text };
    const size_t bytes[] = {
        [PARAM_KIND_INT] = sizeof whole, [PARAM_KIND_FLOAT] = sizeof real, [PARAM_KIND_TEXT] = sizeof text
    };
    memcpy(field, from[param->kind], bytes[param->kind]);
}

static bool set_up(Show *show, Error *err)
{
    const Lecture *lecture = show->lecture;
    show->demo = mem_zero(1, lecture->demo_bytes);
    for (int i = 0; i < lecture->n_params; i++) set_field(show->demo, &lecture->params[i], &show->values[i]);
    Stage stage = { .gpu = show->gpu, .seed = show->seed, .arena = &show->arena };
    bool ok = !lecture->setup || lecture->setup(&stage, show->demo, err);
    CHECK(stage.n_exhibits == 0, "lecture %s shows something in its setup", lecture->id);
    show->stream = stage.stream;
    if (!ok) forget(show);
    return ok;
}

static Stage run_step(Show *show, const Step *step, Arena *arena)
{
    Stage stage = { .gpu = show->gpu, .stream = show->stream, .seed = show->seed, .arena = arena };
    if (stage.stream && gpu_options(show->gpu)->profile) stream_profile_reset(stage.stream);
    step->run(&stage, show->demo);
    return stage;
}

static void rehearse(Show *show, const Step *step)
{
    Arena arena = { 0 };
    free(run_step(show, step, &arena).exhibits); // a failure will come again
    arena_free(&arena);
}

bool show_step(Show *show, int index, const Exhibit *const **exhibits, int *n, Error *err)
{
    CHECK(index >= 0 && index < show->lecture->n_steps, "lecture %s has no step %d", show->lecture->id, index);
    if (!show->demo && !set_up(show, err)) return false;
    for (; show->n_run <= index; show->n_run++) {
        const Step *step = &show->lecture->steps[show->n_run];
        Shown *shown = &show->shown[show->n_run];
        if (step->rehearsed) rehearse(show, step);
        Stage stage = run_step(show, step, &shown->arena);
        shown->exhibits = stage.exhibits;
        shown->n = stage.n_exhibits;
        if (!error_is_set(&stage.error)) continue;
        error_set(err, "step %d (%s): %s", show->n_run + 1, step->title, stage.error.message);
        forget(show); // what the step left half done must not be built upon
        return false;
    }
    *exhibits = (const Exhibit *const *)show->shown[index].exhibits;
    *n = show->shown[index].n;
    return true;
}

void lecture_usage(const Lecture *lecture, FILE *out)
{
    if (lecture->n_params) fprintf(out, "\nof lecture %s:\n", lecture->id);
    for (int i = 0; i < lecture->n_params; i++) {
        const Param *param = &lecture->params[i];
        Arena arena = { 0 };
        char *option = arena_format(&arena, "--%s %s", param->name, param->kind == PARAM_KIND_TEXT ? "TEXT" : "N");
        for (char *c = option; *c; c++) *c = *c == '_' ? '-' : *c;
        fprintf(out, "  %-20s %s (", option, param->help ? param->help : "");
        if (param->kind == PARAM_KIND_TEXT)
            fprintf(out, "default \"%s\")\n", param->text ? param->text : "");
        else if (param->min < param->max)
            fprintf(out, "%.6g to %.6g, default %.6g)\n", param->min, param->max, param->value);
        else
            fprintf(out, "default %.6g)\n", param->value);
        arena_free(&arena);
    }
}

// ---- Printing ------------------------------------------------------------------------------------------------------

void show_print_head(const Show *show, const Term *term, int index)
{
    const Step *step = &show->lecture->steps[index];
    if (index == 0) terminal_lecture_head(term, show->lecture->title, show->lecture->id);
    terminal_step_head(term, index, show->lecture->n_steps, step->title, step->text);
}

// The same source was printed with an exhibit of an earlier step.
static bool is_repeated(const Show *show, int step, const Exhibit *exhibit)
{
    if (exhibit->kind != EXHIBIT_CODE) return false;
    for (int i = 0; i < step; i++)
        for (int e = 0; e < show->shown[i].n; e++) {
            const Exhibit *other = show->shown[i].exhibits[e];
            if (other->kind == EXHIBIT_CODE && !strcmp(other->title, exhibit->title)) return true;
        }
    return false;
}

static bool print_all(Show *show, Error *err)
{
    Term term = term_open(stdout);
    const Exhibit *const *exhibits;
    for (int i = 0, n; i < show->lecture->n_steps; i++) {
        if (!show_step(show, i, &exhibits, &n, err)) return false;
        show_print_head(show, &term, i);
        for (int e = 0; e < n; e++)
            if (!is_repeated(show, i, exhibits[e])) terminal_exhibit(&term, exhibits[e], false);
        fflush(stdout);
        if (ferror(stdout)) return error_set(err, "standard output: cannot write: %s", strerror(errno));
    }
    return true;
}

bool show_run(Show *show, const RunOptions *options, Error *err)
{
    if (options->figures) return svg_write_figures(show, options->figures, err);
    if (options->html) return html_write(show, options->html, err);
    if (options->all || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return print_all(show, err);
    return show_walk(show, err);
}
