// A grid of character cells to draw on: lines of 2 × 4 braille dots per cell (or one letter per cell in plain text)
// with texts over them.
#pragma once
#include "base/term.h"
#include "stage/color.h"

typedef struct CanvasCell {
    unsigned char dots; // of U+2800
    signed char series; // whose colour; −1 none
    char glyph[8];      // a text character, "" for none; shown instead of the dots
    bool covered;       // by a wide character to the left
} CanvasCell;

typedef struct Canvas {
    int width, height; // in cells
    bool braille;
    CanvasCell *cells; // [height, width]
} Canvas;

Canvas canvas_new(Arena *arena, const Term *term, int width, int height);

// Dots: x right, y down. A canvas has dots_wide × dots_high of them, 2 × 4 a cell with braille, else 1 × 1.
int canvas_dots_wide(const Canvas *canvas);
int canvas_dots_high(const Canvas *canvas);
void canvas_dot(Canvas *canvas, double x, double y, int series); // outside: ignored
void canvas_line(Canvas *canvas, double x0, double y0, double x1, double y1, int series);
void canvas_text(Canvas *canvas, int column, int row, const char *text, int series); // over what is there
void canvas_write_row(const Canvas *canvas, const Term *term, int row);              // exactly `width` columns
