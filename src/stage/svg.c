#include "stage/svg.h"
#include "base/file.h"
#include "base/term.h"
#include "stage/html_kinds.h"
#include "stage/label.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 820, GAP = 18, LINE = 20, TITLE = 30, LEGEND_CELLS = 24, LEGEND_CELL = 8 };
static const double CHARACTER = 7.3; // px of a monospace character at 12 px

typedef struct Figure {
    Html html;
    double x, y, bottom; // where the next map goes, and the end of the row
} Figure;

// The page's rules for pictures and its colours, light and dark.
static void write_style(FILE *out)
{
    fputs("<style>\n", out);
    for (int i = 0; html_style[i]; i++) {
        const char *rule = html_style[i];
        if (!strncmp(rule, ":root", 5) || !strncmp(rule, "--", 2) || !strncmp(rule, "@media(prefers-color", 20) ||
            !strncmp(rule, "svg text", 8) || !strncmp(rule, "svg .", 5) || !strncmp(rule, ".pixels", 7))
            fprintf(out, "%s\n", rule);
    }
    fputs("rect.ground{fill:var(--panel)}svg text.title{font-weight:bold;font-size:14px}\n</style>\n", out);
}

// One map of the page, moved to its place among the others. `*svg` is at "<svg"; moves it behind "</svg>".
static void place_map(Figure *figure, const char **svg, const char *name)
{
    double width = 0, height = 0;
    const char *box = strstr(*svg, "viewBox=\""), *content = strchr(*svg, '>') + 1, *end = strstr(content, "</svg>");
    CHECK(box && sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height) == 2, "svg: a map without its size");
    double shrink = width > WIDTH - 2 * GAP ? (WIDTH - 2 * GAP) / width : 1;
    if (figure->x > GAP && figure->x + width * shrink > WIDTH - GAP) {
        figure->x = GAP;
        figure->y = figure->bottom + GAP;
    }
    FILE *out = figure->html.out;
    if (name) {
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">", figure->x, figure->y + 12);
        html_label(&figure->html, name);
        fputs("</text>\n", out);
    }
    double top = figure->y + (name ? LINE : 0);
    fprintf(out, "<g transform=\"translate(%.1f %.1f) scale(%.3f)\">%.*s</g>\n", figure->x, top, shrink,
            (int)(end - content), content);
    figure->x += width * shrink + GAP;
    figure->bottom = fmax(figure->bottom, top + height * shrink);
    *svg = end + strlen("</svg>");
}

static void write_legend(Figure *figure, const Heatmap *map)
{
    FILE *out = figure->html.out;
    Range found = range_of(map->values, map->absent, (long)map->n_maps * map->n_rows * map->n_columns);
    Range range = range_for_color((Range){ map->low, map->high }, found, map->diverging);
    const char *low = label_number(figure->html.arena, range.low, NULL);
    double x = GAP + CHARACTER * text_width(low) + 6, y = figure->bottom + GAP;
    fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%.1f\">%s</text>\n", GAP, y + 10, low);
    for (int i = 0; i < LEGEND_CELLS; i++) {
        float value = range.low + ((float)i + 0.5f) / LEGEND_CELLS * (range.high - range.low);
        fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"12\" fill=\"%s\"/>", x + i * LEGEND_CELL, y,
                LEGEND_CELL, html_color(&figure->html, color_of_value(value, range, map->diverging)));
    }
    fprintf(out, "\n<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">%s", x + LEGEND_CELLS * LEGEND_CELL + 6, y + 10,
            label_number(figure->html.arena, range.high, map->unit));
    if (map->row_axis) fputs("    ↓ ", out), html_escape(out, map->row_axis);
    if (map->column_axis) fputs("    → ", out), html_escape(out, map->column_axis);
    fputs("</text>\n", out);
    figure->bottom = y + 12;
}

static void write_finding(Figure *figure, const char *finding)
{
    const char *line;
    figure->bottom += 8;
    for (int n; (n = wrap_line(&finding, (int)((WIDTH - 2 * GAP) / CHARACTER), &line)) >= 0;) {
        figure->bottom += LINE;
        fprintf(figure->html.out, "<text x=\"%d\" y=\"%.1f\">", GAP, figure->bottom);
        html_escape(figure->html.out, arena_format(figure->html.arena, "%.*s", n, line));
        fputs("</text>\n", figure->html.out);
    }
}

// The figure's inside, and its height.
static char *draw(const Exhibit *exhibit, Arena *arena, double *height)
{
    char *page = NULL, *body = NULL;
    size_t size;
    Html html = { open_memstream(&page, &size), arena };
    html_heatmap(&html, exhibit);
    fclose(html.out);
    Figure figure = { { open_memstream(&body, &size), arena }, GAP, TITLE + GAP, 0 };
    fprintf(figure.html.out, "<text class=\"title\" x=\"%d\" y=\"%d\">", GAP, TITLE);
    html_escape(figure.html.out, exhibit->title);
    fputs("</text>\n", figure.html.out);
    const Heatmap *map = &exhibit->heatmap;
    const char *svg = page;
    for (int k = 0; (svg = strstr(svg, "<svg")); k++)
        place_map(&figure, &svg, map->n_maps > 1 ? label_of(arena, map->maps, k) : NULL);
    write_legend(&figure, map);
    write_finding(&figure, exhibit->finding);
    fclose(figure.html.out);
    free(page);
    *height = figure.bottom + GAP;
    return body;
}

static bool write_figure(const Exhibit *exhibit, const char *path, Error *err)
{
    FileWriter writer;
    if (!file_write_begin(&writer, path, err)) return false;
    Arena arena = { 0 };
    double height;
    char *body = draw(exhibit, &arena, &height);
    fprintf(
        writer.stream,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\" "
        "aria-label=\"",
        WIDTH, height, WIDTH, height);
    html_escape(writer.stream, exhibit->finding);
    fputs("\">\n", writer.stream);
    write_style(writer.stream);
    fprintf(writer.stream, "<rect class=\"ground\" width=\"100%%\" height=\"100%%\" rx=\"10\"/>\n%s</svg>\n", body);
    free(body);
    arena_free(&arena);
    return file_write_commit(&writer, err);
}

bool svg_write_figures(Show *show, const char *folder, Error *err)
{
    if (!dir_create(folder, err)) return false;
    for (int i = 0; i < show_lecture(show)->n_steps; i++) {
        const Exhibit *const *exhibits;
        int n;
        if (!show_step(show, i, &exhibits, &n, err)) return false;
        for (int e = 0; e < n; e++) {
            if (exhibits[e]->kind != EXHIBIT_HEATMAP) continue;
            char *path = mem_format("%s/%02d-%d.svg", folder, i + 1, e + 1);
            bool ok = write_figure(exhibits[e], path, err);
            free(path);
            if (!ok) return false;
        }
    }
    return true;
}
