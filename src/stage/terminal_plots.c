// Bars, curves and dials.
#include "stage/canvas.h"
#include "stage/tables.h"
#include "stage/terminal_kinds.h"
#include <math.h>
#include <string.h>

static const double TURN = 2 * 3.14159265358979323846;

static int at_most(int value, int most) { return value < most ? value : most; }

// A bar from column `from` to `to` (in cells, fractions drawn by eighth blocks) with the reference's mark in it.
static void write_bar(const Pen *pen, double from, double to, double mark, int columns)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    for (int x = 0; x < columns; x++) {
        bool marked = mark >= 0 && (int)fmin(mark, columns - 1) == x;
        double covered = fmin(to, x + 1) - fmax(from, x);
        bool full = covered >= 0.5;
        if (marked) {
            style_reset(pen->term);
            style_bold(pen->term);
            fputs(pen->term->unicode ? "┃" : "|", pen->out);
            style_reset(pen->term);
            style_foreground(pen->term, color_of_series(0));
        } else if (!pen->term->unicode) {
            fputc(full ? '#' : ' ', pen->out);
        } else if (covered >= 0.9375) {
            fputs("█", pen->out);
        } else if (covered > 0.0625 && from <= x) {
            fputs(eighths[(int)(covered * 8 + 0.5)], pen->out); // the right end of a bar to the right
        } else {
            fputs(full ? "█" : " ",
                  pen->out); // the left end of a bar to the left: blocks of eighths grow from the left only
        }
    }
}

void terminal_bars(Pen *pen, const Exhibit *exhibit)
{
    enum { MOST = 48, LABEL = 24 };
    const Bars *bars = &exhibit->bars;
    int n = at_most(bars->n, MOST), label = 0, number = 0;
    Range found = range_of(bars->values, NULL, n);
    double low = 0, high = 0, most = fmax(fabs((double)found.low), fabs((double)found.high));
    for (int i = 0; i < n; i++) {
        int w = text_width(label_of(pen->arena, bars->labels, i));
        label = w > label ? w : label;
        w = text_width(label_among(pen->arena, (double)bars->values[i], most));
        number = w > number ? w : number;
        const float both[] = { bars->values[i], bars->reference ? bars->reference[i] : 0 };
        for (int j = 0; j < 2; j++)
            if (isfinite(both[j])) low = fmin(low, both[j]), high = fmax(high, both[j]);
    }
    if (low == high) high = 1;
    label = at_most(label, at_most(LABEL, pen->width / 3));
    int reference = bars->reference ? number + 4 : 0, columns = pen->width - label - number - reference - 3;
    columns = at_most(columns < 6 ? 6 : columns, 60);
    double zero = -low / (high - low) * columns;
    if (bars->reference) {
        pen_margin(pen);
        style_foreground(pen->term, color_of_series(0));
        fputs(pen->term->unicode ? "█ " : "# ", pen->out);
        style_reset(pen->term);
        fprintf(pen->out, "%s   %s %s\n", bars->name ? label_visible(pen->arena, bars->name) : "value",
                pen->term->unicode ? "┃" : "|",
                bars->reference_name ? label_visible(pen->arena, bars->reference_name) : "reference");
    }
    for (int i = 0; i < n; i++) {
        double value = bars->values[i], end = isfinite(value) ? (value - low) / (high - low) * columns : zero;
        double mark =
            bars->reference && isfinite(bars->reference[i]) ? (bars->reference[i] - low) / (high - low) * columns : -1;
        pen_margin(pen);
        pen_right(pen, label_of(pen->arena, bars->labels, i), label);
        fputc(' ', pen->out);
        style_foreground(pen->term, color_of_series(value < 0 ? 1 : 0));
        write_bar(pen, fmin(zero, end), fmax(zero, end), mark, columns);
        style_reset(pen->term);
        fputc(' ', pen->out);
        pen_right(pen, label_among(pen->arena, value, most), number);
        if (bars->reference) {
            style_dim(pen->term);
            fprintf(pen->out, "  %s %s", pen->term->unicode ? "┃" : "|",
                    label_among(pen->arena, (double)bars->reference[i], most));
            style_reset(pen->term);
        }
        fputc('\n', pen->out);
    }
    if (bars->n <= n && !bars->unit) return;
    pen_margin(pen);
    style_dim(pen->term);
    if (bars->unit) fprintf(pen->out, "in %s%s", label_visible(pen->arena, bars->unit), bars->n > n ? ", " : "");
    if (bars->n > n) fprintf(pen->out, "the first %d of %d", n, bars->n);
    fputc('\n', pen->out);
    style_reset(pen->term);
}

typedef struct Axis {
    double low, high; // of the data, or of its logarithm
    bool log;
} Axis;

static double on_axis(const Axis *axis, double value)
{
    double x = axis->log ? (value > 0 ? log10(value) : NAN) : value;
    return (x - axis->low) / (axis->high - axis->low);
}

static Axis axis_of(const Curve *curve, bool vertical)
{
    Axis axis = { INFINITY, -INFINITY, vertical ? curve->log_y : curve->log_x };
    for (int s = 0; s < curve->n_series; s++)
        for (int i = 0; i < curve->series[s].n; i++) {
            double value = vertical ? curve->series[s].y[i] : curve->series[s].x[i];
            value = axis.log ? (value > 0 ? log10(value) : NAN) : value;
            if (isfinite(value)) axis.low = fmin(axis.low, value), axis.high = fmax(axis.high, value);
        }
    if (!(axis.low <= axis.high)) axis.low = 0, axis.high = 1;
    if (axis.low == axis.high) axis.low -= 0.5, axis.high += 0.5;
    return axis;
}

static int axis_ticks(const Axis *axis, int most, double ticks[])
{
    bool log = axis->log;
    return nice_ticks(log ? pow(10, axis->low) : axis->low, log ? pow(10, axis->high) : axis->high, log, most, ticks);
}

static void draw_series(Arena *arena, Canvas *canvas, const Curve *curve, const Axis *x_axis, const Axis *y_axis)
{
    int wide = canvas_dots_wide(canvas) - 1, high = canvas_dots_high(canvas) - 1;
    for (int s = 0; s < curve->n_series; s++) {
        const Series *series = &curve->series[s];
        double last_x = NAN, last_y = NAN;
        for (int i = 0; i < series->n; i++) {
            double x = on_axis(x_axis, series->x[i]) * wide, y = (1 - on_axis(y_axis, series->y[i])) * high;
            bool good = isfinite(x) && isfinite(y);
            if (good && !series->points && isfinite(last_x)) canvas_line(canvas, last_x, last_y, x, y, s);
            if (good && series->points && canvas->braille)
                canvas_text(canvas, (int)x / 2, (int)y / 4, "•", s);
            else if (good)
                canvas_dot(canvas, x, y, s);
            if (good && series->labels) {
                const char *label = label_visible(arena, series->labels[i]);
                int column = (int)x / (canvas->braille ? 2 : 1), before = column - 1 - text_width(label);
                canvas_text(canvas, column + 2 + text_width(label) > canvas->width ? before : column + 2,
                            (int)y / (canvas->braille ? 4 : 1), label, s);
            }
            last_x = good ? x : NAN;
            last_y = y;
        }
    }
}

static const char *series_mark(const Pen *pen, const Series *series, int s)
{
    static const char *const plain[] = { "*", "+", "o", "x", "#", "@", "%", "&" };
    return !pen->term->unicode ? plain[s % 8] : series->points ? "•" : "─";
}

// The names at the right edge, each at its curve's last height; one that is taken moves to the next free line.
static void place_names(const Curve *curve, const Axis *y_axis, int height, int *line_of)
{
    for (int s = 0; s < curve->n_series; s++) {
        double y = on_axis(y_axis, curve->series[s].y[curve->series[s].n - 1]);
        int line = isfinite(y) ? (int)lrint((1 - y) * (height - 1)) : 0;
        for (int tries = 0; tries < 2 * height; tries++) {
            int at = line + (tries % 2 ? (tries + 1) / 2 : -tries / 2);
            bool taken = at < 0 || at >= height;
            for (int other = 0; other < s; other++) taken |= line_of[other] == at;
            if (taken) continue;
            line = at;
            break;
        }
        line_of[s] = line;
    }
}

void terminal_curve(Pen *pen, const Exhibit *exhibit)
{
    enum { HEIGHT = 14, NAME = 18, WIDEST = 76 };
    const Curve *curve = &exhibit->curve;
    Axis x_axis = axis_of(curve, false), y_axis = axis_of(curve, true);
    double y_ticks[8], x_ticks[8];
    int n_y = axis_ticks(&y_axis, 5, y_ticks), left = 0, right = 0;
    for (int i = 0; i < n_y; i++) {
        int w = text_width(label_number(pen->arena, y_ticks[i], NULL));
        left = w > left ? w : left;
    }
    for (int s = 0; s < curve->n_series; s++)
        if (curve->series[s].name) {
            int w = text_width(label_visible(pen->arena, curve->series[s].name)) + 3;
            right = w > right ? w : right;
        }
    right = at_most(right, at_most(NAME, pen->width / 3));
    int width = at_most(pen->width - left - 2 - right, WIDEST), line_of[8];
    Canvas canvas = canvas_new(pen->arena, pen->term, width, HEIGHT);
    draw_series(pen->arena, &canvas, curve, &x_axis, &y_axis);
    place_names(curve, &y_axis, HEIGHT, line_of);

    if (curve->y_axis) {
        pen_margin(pen);
        style_dim(pen->term);
        fprintf(pen->out, "%s%s\n", label_visible(pen->arena, curve->y_axis), curve->log_y ? " (log)" : "");
        style_reset(pen->term);
    }
    for (int row = 0; row < HEIGHT; row++) {
        const char *tick = "";
        for (int i = 0; i < n_y; i++)
            if ((int)lrint((1 - on_axis(&y_axis, y_ticks[i])) * (HEIGHT - 1)) == row)
                tick = label_number(pen->arena, y_ticks[i], NULL);
        pen_margin(pen);
        style_dim(pen->term);
        pen_repeat(pen, " ", left - text_width(tick));
        fprintf(pen->out, "%s %s", tick, pen->term->unicode ? (*tick ? "┤" : "│") : (*tick ? "+" : "|"));
        style_reset(pen->term);
        canvas_write_row(&canvas, pen->term, row);
        for (int s = 0; s < curve->n_series; s++)
            if (line_of[s] == row && curve->series[s].name) {
                style_foreground(pen->term, color_of_series(s));
                fprintf(pen->out, " %s %s", series_mark(pen, &curve->series[s], s),
                        label_fit(pen->arena, curve->series[s].name, right - 3));
                style_reset(pen->term);
            }
        fputc('\n', pen->out);
    }

    // The x axis: a rule with ticks, then the ticks' numbers centred under them as far as they fit.
    int n_x = axis_ticks(&x_axis, at_most(width / 10 + 1, 8), x_ticks);
    Canvas rule = canvas_new(pen->arena, pen->term, width + 6, 2);
    for (int x = 0; x < width; x++) canvas_text(&rule, x, 0, pen->term->unicode ? "─" : "-", -1);
    int free_from = 0;
    for (int i = 0; i < n_x; i++) {
        int x = (int)lrint(on_axis(&x_axis, x_ticks[i]) * (width - 1));
        const char *tick = label_number(pen->arena, x_ticks[i], NULL);
        int w = text_width(tick), from = x - w / 2 < 0 ? 0 : x - w / 2;
        canvas_text(&rule, x, 0, pen->term->unicode ? "┬" : "+", -1);
        if (from < free_from) continue;
        canvas_text(&rule, from, 1, tick, -1);
        free_from = from + w + 1;
    }
    for (int row = 0; row < 2; row++) {
        pen_margin(pen);
        style_dim(pen->term);
        pen_repeat(pen, " ", left + 1);
        fputs(row == 1 ? " " : pen->term->unicode ? "└" : "+", pen->out);
        canvas_write_row(&rule, pen->term, row);
        style_reset(pen->term);
        fputc('\n', pen->out);
    }
    if (!curve->x_axis) return;
    pen_margin(pen);
    style_dim(pen->term);
    pen_right(pen, arena_format(pen->arena, "%s%s", curve->x_axis, curve->log_x ? " (log)" : ""), left + 2 + width);
    style_reset(pen->term);
    fputc('\n', pen->out);
}

void terminal_vectors(Pen *pen, const Exhibit *exhibit)
{
    enum { COLUMNS = 14, LINES = 7, GAP = 2 };
    const Vectors *vectors = &exhibit->vectors;
    if (!pen->term->unicode) {
        Exhibit table = { .kind = EXHIBIT_TABLE, .table = table_of_vectors(pen->arena, vectors) };
        terminal_table(pen, &table);
        return;
    }
    float longest = vectors->radii ? range_of(vectors->radii, NULL, (long)vectors->n_dials * vectors->n_hands).high : 1;
    int per_band = (pen->width + GAP) / (COLUMNS + GAP);
    for (int first = 0; first < vectors->n_dials; first += per_band) {
        int dials = at_most(per_band, vectors->n_dials - first);
        Canvas canvas = canvas_new(pen->arena, pen->term, dials * (COLUMNS + GAP) - GAP, LINES);
        for (int d = 0; d < dials; d++) {
            double cx = 2 * (d * (COLUMNS + GAP)) + COLUMNS - 0.5, cy = 2 * LINES - 0.5, radius = 2 * LINES - 1;
            for (int i = 0; i < 96; i++)
                canvas_dot(&canvas, cx + radius * cos(i * TURN / 96), cy + radius * sin(i * TURN / 96), -1);
            for (int h = 0; h < vectors->n_hands; h++) {
                int i = (first + d) * vectors->n_hands + h;
                double r = radius * (vectors->radii && longest > 0 ? vectors->radii[i] / longest : 1),
                       a = vectors->angles[i];
                canvas_line(&canvas, cx, cy, cx + r * cos(a), cy - r * sin(a), h);
            }
        }
        for (int row = 0; row < LINES; row++) {
            pen_margin(pen);
            canvas_write_row(&canvas, pen->term, row);
            fputc('\n', pen->out);
        }
        pen_margin(pen);
        for (int d = 0; d < dials; d++) {
            pen_center(pen, label_of(pen->arena, vectors->dials, first + d), COLUMNS);
            if (d + 1 < dials) pen_repeat(pen, " ", GAP);
        }
        fputc('\n', pen->out);
        for (int h = 0; h < vectors->n_hands; h++) {
            pen_margin(pen);
            style_foreground(pen->term, color_of_series(h));
            for (int d = 0; d < dials; d++) {
                double degrees = fmod((double)vectors->angles[(first + d) * vectors->n_hands + h] * 360 / TURN, 360);
                const char *name = vectors->hands ? label_fit(pen->arena, vectors->hands[h], COLUMNS - 6) : "";
                pen_center(pen, arena_format(pen->arena, "%s%s%.0f°", name, *name ? " " : "", degrees), COLUMNS);
                if (d + 1 < dials) pen_repeat(pen, " ", GAP);
            }
            style_reset(pen->term);
            fputc('\n', pen->out);
        }
    }
}
