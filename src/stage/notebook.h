// Notebooks: experiments in plain C (percent format: every `// %%` starts a cell) that compile and run by themselves.
// A cell's body computes on the device and puts exhibits on the stage, as a lecture's step does:
//
//   CELL(entropy)
//   {
//       for (int d = 4; d <= 256; d *= 2) plot_point(nb, "with √d", d, mean_entropy(nb, d, 1 / sqrtf(d)));
//       plot_show(nb, "entropy of the attention pattern");
//   }
//   NOTEBOOK(entropy)
#pragma once
#include "ops/ops.h"
#include "stage/show.h"

enum { NOTEBOOK_SERIES = 8 };

typedef struct PlotLine {
    const char *name;
    float *x, *y;
    int n, capacity_x, capacity_y;
} PlotLine;

typedef struct Notebook {
    Stage stage; // its stream is open; its arena lasts as long as the notebook
    Tape *tape;  // where cells compute; what a cell took is given back when it ends
    PlotLine lines[NOTEBOOK_SERIES];
    int n_lines;
} Notebook;

#define CELL(name) static void name(Notebook *nb)

// The plot that is being drawn: a point of the line of that name.
void plot_point(Notebook *nb, const char *line, double x, double y);

// Shows it and begins a new one. plot_show(nb, "title"), or with fields of a Curve:
// plot_show(nb, "title", .x_axis = "d", .y_axis = "nats", .log_x = true, .finding = …).
#define plot_show(...) plot_show_with(__VA_ARGS__, )
#define plot_show_with(nb, title_, ...) plot_show_of(nb, (Curve){ .title = title_, __VA_ARGS__ })
void plot_show_of(Notebook *nb, Curve curve);

typedef void Cell(Notebook *nb);

// Runs the cells in their order, printing what each shows: --seed N, --device NAME. The process's exit code.
int notebook_run(int argc, char **argv, Cell *const *cells, int n);

// main() of a notebook with these cells.
#define NOTEBOOK(...)                                                 \
    int main(int argc, char **argv)                                   \
    {                                                                 \
        static Cell *const cells[] = { __VA_ARGS__ };                 \
        return notebook_run(argc, argv, cells, (int)COUNT_OF(cells)); \
    }
