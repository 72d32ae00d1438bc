#include "stage/terminal_kinds.h"
#include <math.h>
#include <string.h>

// How a map is drawn is chosen by what fits: numbers in coloured cells; coloured blocks of two columns with upright
// labels; half blocks, two rows a line; and of larger maps the means of blocks of cells.
typedef enum Mode { NUMBERS, BLOCKS, HALVES } Mode;

enum { MAX_LINES = 48, MAX_LABEL = 16, MAX_UPRIGHT = 8, MAP_GAP = 2 };

typedef struct Plan {
    Mode mode;
    int label, cell;        // columns of the row's label and of one cell
    int row_step, col_step; // cells of the map in one that is drawn
    int rows, columns;      // drawn
    int side_by_side;       // maps in one band
    float scale;            // numbers are shown divided by this
    int decimals;
    Range range;
} Plan;

typedef struct Cell {
    float value;
    bool shown; // a finite value; else `value` is NaN for "not there", or what it is
} Cell;

// The mean of what is there in the block at (row, column) as drawn.
static Cell cell_at(const Heatmap *map, const Plan *plan, int k, int row, int column)
{
    double sum = 0;
    long n = 0;
    Cell other = { .value = NAN };
    for (int r = row * plan->row_step; r < (row + 1) * plan->row_step && r < map->n_rows; r++)
        for (int c = column * plan->col_step; c < (column + 1) * plan->col_step && c < map->n_columns; c++) {
            long i = ((long)k * map->n_rows + r) * map->n_columns + c;
            if (map->absent && map->absent[i]) continue;
            if (isfinite(map->values[i]))
                sum += (double)map->values[i], n++;
            else
                other.value = map->values[i];
        }
    return n ? (Cell){ (float)(sum / (double)n), true } : other;
}

static const char *cell_text(const Pen *pen, const Plan *plan, Cell cell)
{
    if (!cell.shown && isinf(cell.value))
        return pen->term->unicode ? (cell.value < 0 ? "-∞" : "∞") : (cell.value < 0 ? "-inf" : "inf");
    if (!cell.shown) return pen->term->unicode ? "·" : ".";
    return arena_format(pen->arena, "%.*f", plan->decimals, (double)(cell.value / plan->scale));
}

// Without colours a cell is one letter: 0 to 9 from low to high, or for maps with both signs 1 to 9 above zero and a
// to i below.
static char density(float value, Range range, bool diverging)
{
    float t = (value - range.low) / (range.high - range.low);
    t = fminf(fmaxf(t, 0), 1);
    if (!diverging) return (char)('0' + (int)fminf(t * 10, 9));
    int level = (int)lrintf((t - 0.5F) * 18);
    return level == 0 ? '0' : level > 0 ? (char)('0' + level) : (char)('a' - 1 - level);
}

static int widest(const Pen *pen, const char *const *labels, int n, int most)
{
    int width = 0;
    for (int i = 0; i < n; i++) {
        int w = text_width(label_of(pen->arena, labels, i));
        width = w > width ? w : width;
    }
    return width < most ? width : most;
}

// Few decimals that still show three digits of the largest value; tiny and huge values are divided by a power of 1000.
static void plan_numbers(Plan *plan, Range found)
{
    float most = fmaxf(fabsf(found.low), fabsf(found.high));
    plan->scale = 1;
    if (most > 0 && (most < 0.01F || most >= 1e5F)) plan->scale = powf(1000, floorf(log10f(most) / 3));
    most /= plan->scale;
    plan->decimals = most < 9.995F ? 2 : most < 99.95F ? 1 : 0;
}

static Plan plan_map(const Pen *pen, const Heatmap *map)
{
    long n = (long)map->n_maps * map->n_rows * map->n_columns;
    Range found = range_of(map->values, map->absent, n);
    Plan plan = { .row_step = 1, .col_step = 1, .rows = map->n_rows, .columns = map->n_columns, .side_by_side = 1 };
    plan.range = range_for_color((Range){ map->low, map->high }, found, map->diverging);
    plan_numbers(&plan, found);
    plan.label = widest(pen, map->rows, map->n_rows, pen->width / 4 < MAX_LABEL ? pen->width / 4 : MAX_LABEL);
    int room = pen->width - plan.label - 1;

    int number = 4;
    for (long i = 0; i < n && n <= 65536; i++) {
        Cell cell = { map->values[i], isfinite(map->values[i]) && !(map->absent && map->absent[i]) };
        if (map->absent && map->absent[i]) cell.value = NAN;
        int w = text_width(cell_text(pen, &plan, cell));
        number = w > number ? w : number;
    }
    number += pen->term->colors ? 2 : 1;
    int roomy = widest(pen, map->columns, map->n_columns, 9) + 1, bands = map->n_maps > 1 ? 2 : 1;
    roomy = roomy > number ? roomy : number;
    bool can_number = (long)map->n_columns * number * bands + (bands - 1) * MAP_GAP <= room && map->n_rows <= MAX_LINES;
    if (can_number) {
        plan.mode = NUMBERS;
        int most = (room - (bands - 1) * MAP_GAP) / bands / map->n_columns;
        plan.cell = roomy < most ? roomy : most;
    } else if (map->n_columns * 2 <= room && map->n_rows <= MAX_LINES) {
        plan.mode = BLOCKS;
        plan.cell = 2;
    } else {
        int lines = MAX_LINES * (pen->term->unicode ? 2 : 1);
        plan.mode = HALVES;
        plan.cell = 1;
        plan.label = 6;
        room = pen->width - plan.label - 1;
        plan.col_step = (map->n_columns + room - 1) / room;
        plan.row_step = (map->n_rows + lines - 1) / lines;
        plan.columns = (map->n_columns + plan.col_step - 1) / plan.col_step;
        plan.rows = (map->n_rows + plan.row_step - 1) / plan.row_step;
    }
    int width = plan.columns * plan.cell;
    while (plan.side_by_side < map->n_maps && (plan.side_by_side + 1) * (width + MAP_GAP) - MAP_GAP <= room)
        plan.side_by_side++;
    return plan;
}

static void write_column_labels(const Pen *pen, const Heatmap *map, const Plan *plan, int maps)
{
    if (plan->mode == HALVES) return;
    int height = plan->mode == NUMBERS ? 1 : widest(pen, map->columns, plan->columns, MAX_UPRIGHT);
    for (int line = 0; line < height; line++) {
        pen_margin(pen);
        pen_repeat(pen, " ", plan->label + 1);
        style_dim(pen->term);
        for (int k = 0; k < maps; k++) {
            if (k) pen_repeat(pen, " ", MAP_GAP);
            for (int c = 0; c < plan->columns; c++) {
                const char *label = label_of(pen->arena, map->columns, c);
                if (plan->mode == NUMBERS) {
                    const char *fitted = label_fit(pen->arena, map->columns ? map->columns[c] : label, plan->cell - 1);
                    if (pen->term->colors)
                        pen_center(pen, fitted, plan->cell);
                    else
                        pen_right(pen, fitted, plan->cell);
                    continue;
                }
                // Upright, with its end at the map: the character of this line, if the label reaches up to it.
                label = label_fit(pen->arena, map->columns ? map->columns[c] : label, MAX_UPRIGHT);
                int length = 0, skip;
                for (const char *s = label; *s; text_next(&s)) length++;
                for (skip = line - (height - length); skip > 0 && *label; skip--) text_next(&label);
                const char *end = label;
                if (skip == 0 && *label) text_next(&end);
                const char *one = arena_format(pen->arena, "%.*s", (int)(end - label), label);
                fputs(one, pen->out);
                pen_repeat(pen, " ", plan->cell - text_width(one));
            }
        }
        style_reset(pen->term);
        fputc('\n', pen->out);
    }
}

static void write_number(const Pen *pen, const Heatmap *map, const Plan *plan, Cell cell)
{
    const char *text = cell_text(pen, plan, cell);
    if (cell.shown && pen->term->colors)
        style_background(pen->term, color_of_value(cell.value, plan->range, map->diverging));
    else
        style_dim(pen->term);
    if (pen->term->colors) {
        // Numbers line up by their right ends, in the middle of the cell.
        int gap = (plan->cell - 5) / 2;
        pen_repeat(pen, " ", plan->cell - text_width(text) - gap);
        fputs(text, pen->out);
        pen_repeat(pen, " ", gap);
    } else {
        pen_repeat(pen, " ", plan->cell - text_width(text));
        fputs(text, pen->out);
    }
    style_reset(pen->term);
}

static void write_block(const Pen *pen, const Heatmap *map, const Plan *plan, Cell cell)
{
    if (!pen->term->colors) {
        char letter = cell.shown ? density(cell.value, plan->range, map->diverging) : isinf(cell.value) ? '-' : '.';
        fprintf(pen->out, "%-*c", plan->cell, letter);
        return;
    }
    if (cell.shown)
        style_background(pen->term, color_of_value(cell.value, plan->range, map->diverging));
    else
        style_dim(pen->term);
    fputs(cell.shown ? " " : pen->term->unicode ? "·" : ".", pen->out);
    pen_repeat(pen, " ", plan->cell - 1);
    style_reset(pen->term);
}

static void write_halves(const Pen *pen, const Heatmap *map, const Plan *plan, int k, int row, int column)
{
    Cell top = cell_at(map, plan, k, row, column);
    if (!pen->term->unicode) {
        write_block(pen, map, plan, top);
        return;
    }
    Cell bottom = row + 1 < plan->rows ? cell_at(map, plan, k, row + 1, column) : (Cell){ .value = NAN };
    Rgb upper = color_of_value(top.value, plan->range, map->diverging);
    Rgb lower = color_of_value(bottom.value, plan->range, map->diverging);
    if (top.shown && bottom.shown) style_background(pen->term, lower);
    if (top.shown || bottom.shown) style_foreground(pen->term, top.shown ? upper : lower);
    fputs(top.shown ? "▀" : bottom.shown ? "▄" : " ", pen->out);
    style_reset(pen->term);
}

static void write_band(const Pen *pen, const Heatmap *map, const Plan *plan, int first, int maps)
{
    int width = plan->columns * plan->cell, per_line = plan->mode == HALVES && pen->term->unicode ? 2 : 1;
    if (map->maps || map->n_maps > 1) {
        pen_margin(pen);
        pen_repeat(pen, " ", plan->label + 1);
        for (int k = 0; k < maps; k++) {
            if (k) pen_repeat(pen, " ", MAP_GAP);
            pen_left(pen, map->maps ? map->maps[first + k] : arena_format(pen->arena, "%d", first + k), width);
        }
        fputc('\n', pen->out);
    }
    write_column_labels(pen, map, plan, maps);
    for (int row = 0; row < plan->rows; row += per_line) {
        pen_margin(pen);
        style_dim(pen->term);
        if (plan->mode != HALVES)
            pen_right(pen, map->rows ? map->rows[row] : arena_format(pen->arena, "%d", row), plan->label);
        else if (row / per_line % 4 == 0)
            fprintf(pen->out, "%*d", plan->label, row * plan->row_step);
        else
            pen_repeat(pen, " ", plan->label);
        style_reset(pen->term);
        fputc(' ', pen->out);
        for (int k = 0; k < maps; k++) {
            if (k) pen_repeat(pen, " ", MAP_GAP);
            for (int c = 0; c < plan->columns; c++) {
                if (plan->mode == HALVES)
                    write_halves(pen, map, plan, first + k, row, c);
                else if (plan->mode == BLOCKS)
                    write_block(pen, map, plan, cell_at(map, plan, first + k, row, c));
                else
                    write_number(pen, map, plan, cell_at(map, plan, first + k, row, c));
            }
        }
        fputc('\n', pen->out);
    }
}

static void write_notes(Pen *pen, const Heatmap *map, const Plan *plan)
{
    bool missing = false, infinite = false;
    for (long i = 0; i < (long)map->n_maps * map->n_rows * map->n_columns; i++) {
        bool absent = map->absent && map->absent[i];
        missing |= absent || isnan(map->values[i]);
        infinite |= !absent && isinf(map->values[i]);
    }
    pen_margin(pen);
    terminal_legend(pen, plan->range, map->diverging, map->unit);
    style_dim(pen->term);
    const char *dot = pen->term->unicode ? "·" : ".", *join = pen->term->unicode ? "  ·  " : "; ";
    const char *note = "";
    if (plan->mode == NUMBERS && plan->scale != 1)
        note = arena_format(pen->arena, "%snumbers × %.0e", join, (double)plan->scale);
    if (plan->mode != NUMBERS && !pen->term->colors)
        note = arena_format(pen->arena, "%s%s%s", note, join,
                            map->diverging ? "i to a below zero, 0, 1 to 9 above" : "shown as 0 to 9");
    if (plan->row_step > 1 || plan->col_step > 1)
        note = arena_format(pen->arena, "%s%seach cell the mean of %d × %d values", note, join, plan->row_step,
                            plan->col_step);
    if (missing && plan->mode != HALVES) note = arena_format(pen->arena, "%s%s%s no value", note, join, dot);
    if (infinite && plan->mode == BLOCKS)
        note = arena_format(pen->arena, "%s%s%s infinite", note, join, pen->term->colors ? dot : "-");
    // The legend and the notes share a line where they fit.
    int used = terminal_legend_width(pen, plan->range, map->unit);
    if (used + text_width(note) > pen->width && *note) {
        const char *text = note + strlen(join), *line;
        for (int n; (n = wrap_line(&text, pen->width, &line)) >= 0;) {
            fputc('\n', pen->out);
            pen_margin(pen);
            fprintf(pen->out, "%.*s", n, line);
        }
    } else {
        fputs(note, pen->out);
    }
    style_reset(pen->term);
    fputc('\n', pen->out);
}

// "↓ query   → key": on one line where it fits.
static void write_axes(const Pen *pen, const Heatmap *map)
{
    bool unicode = pen->term->unicode;
    const char *rows = map->row_axis ? label_visible(pen->arena, map->row_axis) : NULL,
               *columns = map->column_axis ? label_visible(pen->arena, map->column_axis) : NULL;
    const char *parts[2];
    int n = 0;
    if (rows) parts[n++] = arena_format(pen->arena, "%s %s", unicode ? "↓" : "rows:", rows);
    if (columns) parts[n++] = arena_format(pen->arena, "%s %s", unicode ? "→" : "columns:", columns);
    if (n == 2 && text_width(parts[0]) + 3 + text_width(parts[1]) <= pen->width)
        parts[0] = arena_format(pen->arena, "%s   %s", parts[0], parts[1]), n = 1;
    for (int i = 0; i < n; i++) {
        pen_margin(pen);
        style_dim(pen->term);
        fputs(label_fit(pen->arena, parts[i], pen->width), pen->out);
        style_reset(pen->term);
        fputc('\n', pen->out);
    }
}

void terminal_heatmap(Pen *pen, const Exhibit *exhibit)
{
    const Heatmap *map = &exhibit->heatmap;
    Plan plan = plan_map(pen, map);
    write_axes(pen, map);
    for (int k = 0; k < map->n_maps; k += plan.side_by_side) {
        int left = map->n_maps - k;
        write_band(pen, map, &plan, k, left < plan.side_by_side ? left : plan.side_by_side);
    }
    write_notes(pen, map, &plan);
}
