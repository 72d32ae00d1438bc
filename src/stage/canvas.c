#include "stage/canvas.h"
#include "base/utf8.h"
#include "stage/terminal_style.h"
#include <math.h>
#include <string.h>
#include <utf8proc.h>

static const char PLAIN_MARKS[] = "*+ox#@%&";

Canvas canvas_new(Arena *arena, const Term *term, int width, int height)
{
    Canvas canvas = { width, height, term->unicode, ARENA_ARRAY(arena, CanvasCell, (long)width * height) };
    for (int i = 0; i < width * height; i++) canvas.cells[i].series = -1;
    return canvas;
}

int canvas_dots_wide(const Canvas *canvas) { return canvas->width * (canvas->braille ? 2 : 1); }
int canvas_dots_high(const Canvas *canvas) { return canvas->height * (canvas->braille ? 4 : 1); }

void canvas_dot(Canvas *canvas, double x, double y, int series)
{
    // Unicode 15, §21.1: dots 1–3 and 7 are the left column from the top, 4–6 and 8 the right one.
    static const unsigned char bits[4][2] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };
    if (!(x >= 0 && y >= 0 && x < canvas_dots_wide(canvas) && y < canvas_dots_high(canvas))) return;
    int column = (int)x, row = (int)y;
    if (!canvas->braille) {
        CanvasCell *cell = &canvas->cells[row * canvas->width + column];
        cell->series = (signed char)series;
        snprintf(cell->glyph, sizeof cell->glyph, "%c", series < 0 ? '.' : PLAIN_MARKS[series % 8]);
        return;
    }
    CanvasCell *cell = &canvas->cells[row / 4 * canvas->width + column / 2];
    cell->dots |= bits[row % 4][column % 2];
    cell->series = (signed char)series;
}

void canvas_line(Canvas *canvas, double x0, double y0, double x1, double y1, int series)
{
    double length = fmax(fabs(x1 - x0), fabs(y1 - y0));
    int steps = (int)fmin(ceil(length), 10000);
    for (int i = 0; i <= steps; i++) {
        double t = steps ? (double)i / steps : 0;
        canvas_dot(canvas, x0 + t * (x1 - x0), y0 + t * (y1 - y0), series);
    }
}

void canvas_text(Canvas *canvas, int column, int row, const char *text, int series)
{
    while (*text && row >= 0 && row < canvas->height) {
        const char *from = text;
        int width = utf8proc_charwidth(text_next(&text));
        size_t bytes = (size_t)(text - from);
        if (column < 0 || column + width > canvas->width || width == 0) {
            column += width;
            continue;
        }
        CanvasCell *cell = &canvas->cells[row * canvas->width + column];
        memcpy(cell->glyph, from, bytes);
        cell->glyph[bytes] = '\0';
        cell->series = (signed char)series;
        if (width == 2) cell[1].covered = true;
        column += width;
    }
}

void canvas_write_row(const Canvas *canvas, const Term *term, int row)
{
    int series = -1;
    for (int i = 0; i < canvas->width; i++) {
        const CanvasCell *cell = &canvas->cells[row * canvas->width + i];
        if (cell->covered) continue;
        bool empty = !cell->glyph[0] && !cell->dots;
        if (!empty && cell->series != series) {
            style_reset(term);
            series = cell->series;
            if (series >= 0) style_foreground(term, color_of_series(series));
        }
        char braille[5] = "";
        if (cell->dots && !cell->glyph[0]) utf8_write(0x2800u + cell->dots, braille);
        fputs(cell->glyph[0] ? cell->glyph : cell->dots ? braille : " ", term->stream);
    }
    if (series >= 0) style_reset(term);
}
