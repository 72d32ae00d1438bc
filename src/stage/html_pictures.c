// Maps of colours: heat maps, images, and their legend.
#include "base/term.h"
#include "formats/base64.h"
#include "formats/png.h"
#include "stage/html_kinds.h"
#include "stage/label.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// px: what a figure of the page leaves to its picture, between maps in a row, of cells and of rows.
enum { ROOM = 654, GAP = 16, LEAST_CELL = 11, MOST_CELL = 36, MOST_NUMBER_CELL = 150 };
enum { NUMBER_ROW = 28, LEAST_NAMED_ROW = 14, MOST_HEIGHT = 480 };
enum { MOST_BESIDE = 4, MOST_RECTS = 1600, MOST_NAMED_ROWS = 40, LABEL_COLUMNS = 14 };
static const double CHARACTER = 7.3, DIGIT = 6.4; // px of a monospace character at 12 and 10.5 px, in most fonts less

// How small maps become on a narrow screen before they scroll: numbers must stay legible, cells only visible.
static const double LEAST_NUMBERS = 0.75, LEAST_CELLS = 0.45;
enum { NARROW = 300 }; // px of a picture on a phone

// The pixels as the value of a src or href attribute.
static void write_png(Html *html, const unsigned char *rgb, int width, int height)
{
    size_t size;
    Error err = { "" };
    uint8_t *png = png_encode(&(Picture){ rgb, width, height, 3 }, &size, &err);
    CHECK(png, "png_encode: %s", err.message);
    char *text = base64_encode(png, size);
    fprintf(html->out, "data:image/png;base64,%s", text);
    free(text);
    free(png);
}

void html_image(Html *html, const Exhibit *exhibit)
{
    const Image *image = &exhibit->image;
    int scale = image->width < 320 ? 320 / image->width : 1;
    if (scale > 16) scale = 16;
    fputs("<img class=\"pixels\" alt=\"", html->out);
    html_escape(html->out, exhibit->finding);
    fprintf(html->out, "\" width=\"%d\" height=\"%d\" src=\"", image->width * scale, image->height * scale);
    write_png(html, image->rgb, image->width, image->height);
    fputs("\">\n", html->out);
}

void html_legend(Html *html, Range range, bool diverging, const char *unit)
{
    fprintf(html->out, "<p class=\"legend\">%s <span class=\"scale\" style=\"background:linear-gradient(to right",
            label_number(html->arena, range.low, NULL));
    for (int i = 0; i <= 10; i++) {
        float value = range.low + (float)i / 10 * (range.high - range.low);
        fprintf(html->out, ",%s", html_color(html, color_on_paper(value, range, diverging)));
    }
    fprintf(html->out, ")\"></span> %s ", label_number(html->arena, range.high, NULL));
    if (unit) html_escape(html->out, unit);
    fputs("</p>\n", html->out);
}

typedef struct Layout {
    bool rects;           // one rectangle a cell; else one PNG
    bool numbers;         // written into the cells
    bool named;           // rows have their names, else numbers
    double cell, row;     // px
    double left, top;     // room for the labels
    double width, height; // of the whole picture
    bool upright;         // column labels turned by 90 degrees
    int decimals;
    double scale;
    Range range;
} Layout;

static int widest(Html *html, const char *const *labels, int n)
{
    int most = 0;
    for (int i = 0; i < n; i++) {
        int w = text_width(label_of(html->arena, labels, i));
        most = w > most ? w : most;
    }
    return most < LABEL_COLUMNS ? most : LABEL_COLUMNS;
}

// px of the widest number that stands in a cell.
static double number_width(Html *html, const Layout *layout, Range found)
{
    int low = text_width(arena_format(html->arena, "%.*f", layout->decimals, found.low / layout->scale));
    int high = text_width(arena_format(html->arena, "%.*f", layout->decimals, found.high / layout->scale));
    return (low > high ? low : high) * DIGIT + 2;
}

static double cell_beside(const Heatmap *map, int beside, double left)
{
    return ((double)(ROOM - GAP * (beside - 1)) / beside - left - 2) / map->n_columns;
}

// As many maps in a row as keep their cells legible (pixels need not be: two), and all rows as full as one another.
static double cell_of_several(const Heatmap *map, double left, bool rects)
{
    int most = rects ? MOST_BESIDE : 2, beside = map->n_maps < most ? map->n_maps : most;
    double least = rects ? LEAST_CELL : 0;
    while (beside > 1 && cell_beside(map, beside, left) < least) beside--;
    int rows = (map->n_maps + beside - 1) / beside;
    beside = (map->n_maps + rows - 1) / rows;
    return fmin(fmax(cell_beside(map, beside, left), least), MOST_CELL);
}

static double row_height(const Heatmap *map, const Layout *layout)
{
    if (layout->numbers) return NUMBER_ROW;
    if (layout->rects) return fmin(layout->cell, NUMBER_ROW);
    return layout->named ? fmax(fmin(layout->cell, NUMBER_ROW), LEAST_NAMED_ROW)
                         : fmin(layout->cell, (double)MOST_HEIGHT / map->n_rows);
}

static Layout lay_out(Html *html, const Heatmap *map)
{
    Range found = range_of(map->values, map->absent, (long)map->n_maps * map->n_rows * map->n_columns);
    Layout layout = { .rects = (long)map->n_rows * map->n_columns <= MOST_RECTS, .scale = 1 };
    layout.range = range_for_color((Range){ map->low, map->high }, found, map->diverging);
    double most = fmax(fabs((double)found.low), fabs((double)found.high));
    if (most > 0 && (most < 0.01 || most >= 1e5)) layout.scale = pow(1000, floor(log10(most) / 3));
    most /= layout.scale;
    layout.decimals = most < 9.995 ? 2 : most < 99.95 ? 1 : 0;
    layout.named = layout.rects || map->n_rows <= MOST_NAMED_ROWS;
    layout.left = (layout.named ? widest(html, map->rows, map->n_rows) : 5) * CHARACTER + 10;
    double room = (ROOM - layout.left - 2) / map->n_columns;
    layout.numbers = layout.rects && map->n_maps == 1 && room >= number_width(html, &layout, found);
    layout.cell = layout.numbers    ? fmin(room, MOST_NUMBER_CELL)
                  : map->n_maps > 1 ? cell_of_several(map, layout.left, layout.rects)
                  : layout.rects    ? fmax(fmin(room, MOST_CELL), LEAST_CELL)
                                    : fmin(room, MOST_CELL);
    layout.row = row_height(map, &layout);
    int columns = layout.rects ? widest(html, map->columns, map->n_columns) : 1;
    layout.upright = layout.rects && map->columns && columns * CHARACTER > layout.cell;
    layout.top = (layout.upright ? columns * CHARACTER : 12) + 10;
    layout.width = layout.left + layout.cell * map->n_columns + 2;
    layout.height = layout.top + layout.row * map->n_rows + 2;
    return layout;
}

static void write_labels(Html *html, const Heatmap *map, const Layout *layout)
{
    // Names are all written; numbers as far apart as they stay legible.
    double ticks[16];
    int row_step = 1, column_step = 1, most = (int)(layout->cell * map->n_columns / 44);
    if (!layout->named && nice_ticks(0, map->n_rows - 1, false, 8, ticks) > 1) row_step = (int)fmax(1, ticks[1]);
    if (!layout->upright && layout->cell < 24 &&
        nice_ticks(0, map->n_columns - 1, false,
                   most < 2    ? 2
                   : most > 16 ? 16
                               : most,
                   ticks) > 1)
        column_step = (int)fmax(1, ticks[1]);
    for (int r = 0; r < map->n_rows; r += row_step) {
        fprintf(html->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" dy=\".36em\">", layout->left - 6,
                layout->top + (r + 0.5) * layout->row);
        html_label_fit(html, label_of(html->arena, layout->named ? map->rows : NULL, r), LABEL_COLUMNS);
        fputs("</text>\n", html->out);
    }
    for (int c = 0; c < map->n_columns; c += column_step) {
        double x = layout->left + (c + 0.5) * layout->cell, y = layout->top - 6;
        if (layout->upright)
            fprintf(html->out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" dy=\".36em\">", x, y);
        else
            fprintf(html->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x, y);
        html_label_fit(html, label_of(html->arena, layout->rects ? map->columns : NULL, c), LABEL_COLUMNS);
        fputs("</text>\n", html->out);
    }
}

static void write_cell(Html *html, const Heatmap *map, const Layout *layout, int k, int r, int c)
{
    long i = ((long)k * map->n_rows + r) * map->n_columns + c;
    float value = map->values[i];
    bool absent = (map->absent && map->absent[i]) || isnan(value), shown = !absent && isfinite(value);
    double x = layout->left + c * layout->cell, y = layout->top + r * layout->row;
    Rgb color = shown ? color_on_paper(value, layout->range, map->diverging) : (Rgb){ 0 };
    fputs("<g>", html->out);
    fprintf(html->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s%s%s/>", x, y, layout->cell,
            layout->row, shown ? "fill=\"" : "class=\"none\"", shown ? html_color(html, color) : "", shown ? "\"" : "");
    const char *number = absent  ? "·"
                         : shown ? arena_format(html->arena, "%.*f", layout->decimals, (double)value / layout->scale)
                         : value < 0 ? "−∞"
                                     : "∞";
    if (layout->numbers || !shown)
        fprintf(html->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" dy=\".36em\" class=\"in %s\">%s</text>",
                x + layout->cell / 2, y + layout->row / 2,
                !shown                          ? "dim"
                : color_wants_white_text(color) ? "white"
                                                : "black",
                layout->numbers || absent ? number : "·");
    fputs("<title>", html->out);
    html_label(html, label_of(html->arena, map->rows, r));
    fputs(", ", html->out);
    html_label(html, label_of(html->arena, map->columns, c));
    fprintf(html->out, ": %s", absent ? "no value" : label_number(html->arena, value, NULL));
    if (map->unit && shown) fputc(' ', html->out), html_escape(html->out, map->unit);
    fputs("</title></g>\n", html->out);
}

static void write_map(Html *html, const Heatmap *map, const Layout *layout, int k)
{
    svg_begin(html, layout->width, layout->height, layout->width, layout->numbers ? LEAST_NUMBERS : LEAST_CELLS,
              map->finding);
    write_labels(html, map, layout);
    if (layout->rects) {
        for (int r = 0; r < map->n_rows; r++)
            for (int c = 0; c < map->n_columns; c++) write_cell(html, map, layout, k, r, c);
    } else {
        unsigned char *rgb = mem_zero((size_t)map->n_rows * (size_t)map->n_columns, 3);
        for (long i = 0, n = (long)map->n_rows * map->n_columns; i < n; i++) {
            long at = k * n + i;
            bool shown = isfinite(map->values[at]) && !(map->absent && map->absent[at]);
            Rgb color = shown ? color_on_paper(map->values[at], layout->range, map->diverging) : (Rgb){ 128, 128, 128 };
            memcpy(rgb + 3 * i, (unsigned char[]){ color.r, color.g, color.b }, 3);
        }
        fprintf(html->out,
                "<image class=\"pixels\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                "preserveAspectRatio=\"none\" href=\"",
                layout->left, layout->top, layout->cell * map->n_columns, layout->row * map->n_rows);
        write_png(html, rgb, map->n_columns, map->n_rows);
        fputs("\"/>\n", html->out);
        free(rgb);
    }
    fprintf(html->out, "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", layout->left,
            layout->top, layout->cell * map->n_columns, layout->row * map->n_rows);
    svg_end(html);
}

void html_heatmap(Html *html, const Exhibit *exhibit)
{
    const Heatmap *map = &exhibit->heatmap;
    Layout layout = lay_out(html, map);
    if (map->row_axis || map->column_axis) {
        fputs("<p class=\"legend\">", html->out);
        if (map->row_axis) fputs("↓ ", html->out), html_escape(html->out, map->row_axis);
        if (map->row_axis && map->column_axis) fputs(" &#160; ", html->out);
        if (map->column_axis) fputs("→ ", html->out), html_escape(html->out, map->column_axis);
        fputs("</p>\n", html->out);
    }
    if (map->n_maps > 1) fputs("<div class=\"flow\">\n", html->out);
    for (int k = 0; k < map->n_maps; k++) {
        if (map->n_maps > 1) {
            fprintf(html->out, "<div style=\"flex:1 1 %.0fpx\"><p class=\"name\">", fmin(layout.width, 300));
            html_label(html, label_of(html->arena, map->maps, k));
            fputs("</p>\n", html->out);
        }
        write_map(html, map, &layout, k);
        if (map->n_maps > 1) fputs("</div>\n", html->out);
    }
    if (map->n_maps > 1) fputs("</div>\n", html->out);
    if (layout.width * (layout.numbers ? LEAST_NUMBERS : LEAST_CELLS) > NARROW)
        fputs("<p class=\"legend hint\">⇄ the map goes on to the side</p>\n", html->out);
    html_legend(html, layout.range, map->diverging, map->unit);
    if (layout.numbers && layout.scale != 1)
        fprintf(html->out, "<p class=\"legend\">numbers × %.0e</p>\n", layout.scale);
}
