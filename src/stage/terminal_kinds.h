// Inside the terminal writer: one function per kind of exhibit, and what they share.
#pragma once
#include "stage/label.h"
#include "stage/terminal.h"
#include "stage/terminal_style.h"

enum { TERMINAL_MARGIN = 2 };

typedef struct Pen {
    const Term *term;
    FILE *out;
    Arena *arena; // freed after each exhibit
    int width;    // columns to write in, after the margin
    bool folded;  // kernels are named only
} Pen;

void pen_margin(const Pen *pen);
void pen_repeat(const Pen *pen, const char *text, int times);
void pen_left(const Pen *pen, const char *text, int columns); // cut or padded behind
void pen_right(const Pen *pen, const char *text, int columns);
void pen_center(const Pen *pen, const char *text, int columns);

void terminal_heatmap(Pen *pen, const Exhibit *exhibit);
void terminal_tokens(Pen *pen, const Exhibit *exhibit);
void terminal_bars(Pen *pen, const Exhibit *exhibit);
void terminal_curve(Pen *pen, const Exhibit *exhibit);
void terminal_vectors(Pen *pen, const Exhibit *exhibit);
void terminal_graph(Pen *pen, const Exhibit *exhibit);
void terminal_image(Pen *pen, const Exhibit *exhibit);
void terminal_table(Pen *pen, const Exhibit *exhibit);

// The scale of a colour map: "-3.2 ████████ 3.2 nats".
void terminal_legend(Pen *pen, Range range, bool diverging, const char *unit);
int terminal_legend_width(Pen *pen, Range range, const char *unit); // the columns it takes
