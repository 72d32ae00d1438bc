// Token strips, tables and images.
#include "stage/tables.h"
#include "stage/terminal_kinds.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void terminal_tokens(Pen *pen, const Exhibit *exhibit)
{
    const TokenStrip *strip = &exhibit->tokens;
    Range found = strip->values ? range_of(strip->values, NULL, strip->n) : (Range){ 0, 0 };
    Range range = range_for_color((Range){ strip->low, strip->high }, found, strip->diverging);
    double most = fmax(fabs((double)found.low), fabs((double)found.high));
    bool colors = pen->term->colors;
    // Each token is a column of up to three lines: the token, its value, its note.
    for (int i = 0; i < strip->n;) {
        int widths[256], n = 0, used = 0;
        while (i + n < strip->n && n < 256) {
            int width = text_width(label_fit(pen->arena, strip->tokens[i + n], pen->width - 2));
            if (strip->values) {
                int w = text_width(label_among(pen->arena, (double)strip->values[i + n], most));
                width = w > width ? w : width;
            }
            if (strip->notes) {
                int w = text_width(label_fit(pen->arena, strip->notes[i + n], pen->width - 2));
                width = w > width ? w : width;
            }
            widths[n] = width;
            if (n && used + width + 2 > pen->width) break;
            used += width + 2;
            n++;
        }
        for (int line = 0; line < 3; line++) {
            if ((line == 1 && !strip->values) || (line == 2 && !strip->notes)) continue;
            pen_margin(pen);
            for (int j = 0; j < n; j++) {
                int t = i + j;
                if (line == 0 && strip->values && isfinite(strip->values[t]))
                    style_background(pen->term, color_of_value(strip->values[t], range, strip->diverging));
                else if (line == 0)
                    style_bold(pen->term);
                else
                    style_dim(pen->term);
                const char *text = line == 0   ? strip->tokens[t]
                                   : line == 1 ? label_among(pen->arena, (double)strip->values[t], most)
                                               : strip->notes[t];
                pen_center(pen, text, widths[j] + (colors ? 1 : 0));
                style_reset(pen->term);
                pen_repeat(pen, " ", colors ? 1 : 2);
            }
            fputc('\n', pen->out);
        }
        i += n;
        if (i < strip->n && (strip->values || strip->notes)) fputc('\n', pen->out);
    }
    if (!strip->values) return;
    pen_margin(pen);
    terminal_legend(pen, range, strip->diverging, strip->unit);
    fputc('\n', pen->out);
}

enum { TABLE_GAP = 2, LEAST_COLUMN = 4 };

typedef struct TableLayout {
    int *wants, *least, *widths; // of each column: its longest cell, its longest word, what it gets
    bool *numeric;
    bool split; // the first column's cells on lines of their own, the others below them
} TableLayout;

static int longest_word(const char *text)
{
    int most = 0;
    for (size_t n; *text; text += n + strspn(text + n, " ")) {
        n = strcspn(text, " ");
        char *word = mem_string_n(text, n);
        int width = text_width(word);
        most = width > most ? width : most;
        free(word);
    }
    return most;
}

static void measure_cell(const Pen *pen, TableLayout *layout, int c, const char *cell)
{
    const char *text = *cell ? label_visible(pen->arena, cell) : "";
    int width = text_width(text), word = longest_word(text);
    layout->wants[c] = width > layout->wants[c] ? width : layout->wants[c];
    layout->least[c] = word > layout->least[c] ? word : layout->least[c];
}

// Narrows the widest of the columns from `first` on until they fit, none below its least. False: they do not fit.
static bool fit_columns(TableLayout *layout, int first, int n, int room)
{
    int total = TABLE_GAP * (n - first - 1);
    for (int c = first; c < n; c++) total += layout->widths[c] = layout->wants[c];
    for (; total > room; total--) {
        int wide = -1;
        for (int c = first; c < n; c++)
            if (layout->widths[c] > layout->least[c] && (wide < 0 || layout->widths[c] > layout->widths[wide]))
                wide = c;
        if (wide < 0) return false;
        layout->widths[wide]--;
    }
    return true;
}

// No word is broken where that can be helped: texts wrap, then the first column moves to lines of its own.
static TableLayout lay_out_table(const Pen *pen, const Table *table)
{
    int n = table->n_columns;
    TableLayout layout = { ARENA_ARRAY(pen->arena, int, n), ARENA_ARRAY(pen->arena, int, n),
                           ARENA_ARRAY(pen->arena, int, n), ARENA_ARRAY(pen->arena, bool, n), false };
    for (int c = 0; c < n; c++) {
        measure_cell(pen, &layout, c, table->header[c]);
        layout.numeric[c] = table->n_rows > 0;
        for (int r = 0; r < table->n_rows; r++) {
            const char *cell = table->cells[r * n + c];
            measure_cell(pen, &layout, c, cell);
            layout.numeric[c] &= !*cell || is_numeric(cell);
        }
    }
    if (fit_columns(&layout, 0, n, pen->width)) return layout;
    layout.split = n > 1 && fit_columns(&layout, 1, n, pen->width - TABLE_GAP);
    if (layout.split) return layout;
    for (int c = 0; c < n; c++) layout.least[c] = layout.least[c] < LEAST_COLUMN ? layout.least[c] : LEAST_COLUMN;
    fit_columns(&layout, 0, n, pen->width);
    return layout;
}

static void write_table_row(const Pen *pen, const char *const *cells, int n, const TableLayout *layout)
{
    const char **rest = ARENA_ARRAY(pen->arena, const char *, n), *line;
    int first = layout->split, bytes;
    for (int c = 0; c < n; c++) rest[c] = *cells[c] ? label_visible(pen->arena, cells[c]) : "";
    while (layout->split && (bytes = wrap_line(&rest[0], pen->width, &line)) >= 0) {
        pen_margin(pen);
        fprintf(pen->out, "%.*s\n", bytes, line);
    }
    for (bool more = true; more;) {
        more = false;
        pen_margin(pen);
        if (layout->split) pen_repeat(pen, " ", TABLE_GAP);
        for (int c = first; c < n; c++) {
            bytes = wrap_line(&rest[c], layout->widths[c], &line);
            const char *text = bytes > 0 ? arena_format(pen->arena, "%.*s", bytes, line) : "";
            int space = layout->widths[c] - text_width(text);
            if (layout->numeric[c]) pen_repeat(pen, " ", space);
            fputs(text, pen->out);
            if (c + 1 < n) pen_repeat(pen, " ", (layout->numeric[c] ? 0 : space) + TABLE_GAP);
            more |= *rest[c] != '\0';
        }
        fputc('\n', pen->out);
    }
}

void terminal_table(Pen *pen, const Exhibit *exhibit)
{
    const Table *table = &exhibit->table;
    TableLayout layout = lay_out_table(pen, table);
    style_bold(pen->term);
    write_table_row(pen, table->header, table->n_columns, &layout);
    style_reset(pen->term);
    pen_margin(pen);
    style_dim(pen->term);
    if (layout.split) pen_repeat(pen, " ", TABLE_GAP);
    for (int c = layout.split; c < table->n_columns; c++) {
        pen_repeat(pen, pen->term->unicode ? "─" : "-", layout.widths[c]);
        if (c + 1 < table->n_columns) pen_repeat(pen, " ", TABLE_GAP);
    }
    style_reset(pen->term);
    fputc('\n', pen->out);
    for (int r = 0; r < table->n_rows; r++)
        write_table_row(pen, table->cells + r * table->n_columns, table->n_columns, &layout);
}

// The mean colour of the pixels of column x and half line y as drawn, each `step` pixels wide and high.
static Rgb pixel(const Image *image, double step, int x, int y)
{
    int x0 = (int)(x * step), x1 = (int)ceil((x + 1) * step), y0 = (int)(y * step), y1 = (int)ceil((y + 1) * step);
    long sum[3] = { 0 }, n = 0;
    for (int i = y0; i < y1 && i < image->height; i++)
        for (int j = x0; j < x1 && j < image->width; j++, n++)
            for (int c = 0; c < 3; c++) sum[c] += image->rgb[3 * ((long)i * image->width + j) + c];
    if (n == 0) return (Rgb){ 0, 0, 0 };
    return (Rgb){ (unsigned char)(sum[0] / n), (unsigned char)(sum[1] / n), (unsigned char)(sum[2] / n) };
}

void terminal_image(Pen *pen, const Exhibit *exhibit)
{
    enum { MOST = 48 };
    static const char ramp[] = " .:-=+*#%@"; // dark to light
    const Image *image = &exhibit->image;
    int room = pen->width < MOST ? pen->width : MOST;
    double step = image->width > room ? (double)image->width / room : 1;
    if (image->width * 2 <= room) step = 1.0 / fmin(floor((double)room / image->width), 4);
    int columns = (int)(image->width / step), halves = (int)ceil(image->height / step);
    for (int y = 0; y < halves; y += 2) {
        pen_margin(pen);
        for (int x = 0; x < columns; x++) {
            Rgb top = pixel(image, step, x, y), bottom = y + 1 < halves ? pixel(image, step, x, y + 1) : top;
            if (!pen->term->unicode) {
                double light = (color_luminance(top) + color_luminance(bottom)) / 2;
                int level = (int)(pow(light, 1 / 2.2) * 9.999);
                if (pen->term->colors) style_background(pen->term, top);
                fputc(pen->term->colors ? ' ' : ramp[level], pen->out);
                continue;
            }
            style_background(pen->term, bottom);
            style_foreground(pen->term, top);
            fputs("▀", pen->out);
        }
        style_reset(pen->term);
        fputc('\n', pen->out);
    }
    pen_margin(pen);
    style_dim(pen->term);
    fprintf(pen->out, "%d x %d pixels", image->width, image->height);
    if (step > 1) fprintf(pen->out, ", each cell the mean of %.1f x %.1f", step, step);
    style_reset(pen->term);
    fputc('\n', pen->out);
}
