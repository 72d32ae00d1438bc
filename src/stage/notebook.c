#include "stage/notebook.h"
#include "stage/terminal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PlotLine *find_line(Notebook *nb, const char *name)
{
    for (int i = 0; i < nb->n_lines; i++)
        if (!strcmp(nb->lines[i].name, name)) return &nb->lines[i];
    CHECK(nb->n_lines < NOTEBOOK_SERIES, "plot_point \"%s\": a plot has at most %d lines", name, NOTEBOOK_SERIES);
    nb->lines[nb->n_lines].name = name;
    return &nb->lines[nb->n_lines++];
}

void plot_point(Notebook *nb, const char *name, double x, double y)
{
    PlotLine *line = find_line(nb, name);
    GROW(line->x, line->n, line->capacity_x);
    GROW(line->y, line->n, line->capacity_y);
    line->x[line->n] = (float)x;
    line->y[line->n++] = (float)y;
}

static void forget_plot(Notebook *nb)
{
    for (int i = 0; i < nb->n_lines; i++) {
        free(nb->lines[i].x);
        free(nb->lines[i].y);
    }
    memset(nb->lines, 0, sizeof nb->lines);
    nb->n_lines = 0;
}

void plot_show_of(Notebook *nb, Curve curve)
{
    CHECK(nb->n_lines > 0, "plot_show \"%s\": no point was plotted", curve.title);
    Series series[NOTEBOOK_SERIES];
    for (int i = 0; i < nb->n_lines; i++)
        series[i] =
            (Series){ .name = nb->lines[i].name, .x = nb->lines[i].x, .y = nb->lines[i].y, .n = nb->lines[i].n };
    curve.series = series;
    curve.n_series = nb->n_lines;
    stage_show(&nb->stage, (Exhibit){ .kind = EXHIBIT_CURVE, .curve = curve });
    forget_plot(nb);
}

static bool run_cell(Notebook *nb, Cell *cell, const Term *term, Error *err)
{
    int shown = nb->stage.n_exhibits;
    TapeMark mark = tape_mark(nb->tape);
    cell(nb);
    tape_release(nb->tape, mark);
    forget_plot(nb);
    for (; shown < nb->stage.n_exhibits; shown++) terminal_exhibit(term, nb->stage.exhibits[shown], true);
    fflush(stdout);
    if (error_is_set(&nb->stage.error)) return error_set(err, "%s", nb->stage.error.message);
    if (!stream_wait(nb->stage.stream, err)) return false;
    return !ferror(stdout) || error_set(err, "standard output: %s", strerror(errno));
}

static bool run_cells(Notebook *nb, Cell *const *cells, int n, Error *err)
{
    if (!(nb->stage.stream = stream_open(nb->stage.gpu, err))) return false;
    nb->tape = tape_open(nb->stage.stream);
    Term term = term_open(stdout);
    bool ok = true;
    for (int i = 0; i < n && ok; i++) ok = run_cell(nb, cells[i], &term, err);
    tape_close(nb->tape);
    stream_close(nb->stage.stream);
    return ok;
}

// --device NAME and --seed N.
static bool read_options(int argc, char **argv, const char **device, uint64_t *seed, Error *err)
{
    for (int i = 1; i < argc; i += 2) {
        char *end = NULL;
        errno = 0;
        if (i + 1 < argc && !strcmp(argv[i], "--device"))
            *device = argv[i + 1];
        else if (i + 1 < argc && !strcmp(argv[i], "--seed"))
            *seed = strtoull(argv[i + 1], &end, 10);
        else
            return error_set(err, "%s: a notebook takes --device NAME and --seed N", argv[i]);
        if (end && (errno || end == argv[i + 1] || *end))
            return error_set(err, "--seed: \"%s\" is no number", argv[i + 1]);
    }
    return true;
}

int notebook_run(int argc, char **argv, Cell *const *cells, int n)
{
    Error err = { "" };
    Arena arena = { 0 };
    Notebook nb = { .stage = { .arena = &arena } };
    GpuOptions options = { .profile = true };
    bool ok = read_options(argc, argv, &options.device, &nb.stage.seed, &err);
    int code = ok ? 1 : 2;
    ok = ok && (nb.stage.gpu = gpu_open(&options, &err)) && run_cells(&nb, cells, n, &err);
    gpu_close(nb.stage.gpu);
    free(nb.stage.exhibits);
    arena_free(&arena);
    if (ok) return 0;
    fprintf(stderr, "%s: %s\n", argv[0], err.message);
    return code;
}
