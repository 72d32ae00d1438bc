#include "stage/svg.h"
#include "base/file.h"
#include "base/term.h"
#include "stage/html_kinds.h"
#include "stage/label.h"
#include "stage/whole_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAPS_WIDTH = 690, CURVE_WIDTH = 476, GAP = 18, LINE = 20, TITLE = 30, LEGEND_CELLS = 24, LEGEND_CELL = 8 };
static const double CHARACTER = 7.3; // px of a monospace character at 12 px

typedef struct Figure {
    Html html;
    double x, y, bottom; // where the next map goes, and the end of the row
    int width;
} Figure;

// A rule with its variables replaced by what `colors`, a rule that defines them, says.
static void write_rule(FILE *out, const char *rule, const char *colors)
{
    for (const char *var; (var = strstr(rule, "var(")); rule = strchr(var, ')') + 1) {
        size_t n = strcspn(var + 4, ")");
        const char *value = colors;
        do value = strstr(value + 1, "--");
        while (value && (strncmp(value, var + 4, n) != 0 || value[n] != ':'));
        CHECK(value, "svg: the style names no colour %.*s", (int)n, var + 4);
        fprintf(out, "%.*s%.*s", (int)(var - rule), rule, (int)strcspn(value + n + 1, ";}"), value + n + 1);
    }
    fprintf(out, "%s\n", rule);
}

// The page's rules for pictures, in its colours for light or for dark.
static void write_rules(FILE *out, const char *theme)
{
    const char *colors = NULL;
    for (int i = 0; html_style[i] && !colors; i++)
        if (!strncmp(html_style[i], theme, strlen(theme))) colors = html_style[i];
    for (int i = 0; html_style[i]; i++)
        if (!strncmp(html_style[i], "svg text", 8) || !strncmp(html_style[i], "svg .", 5) ||
            !strncmp(html_style[i], ".pixels", 7))
            write_rule(out, html_style[i], colors);
    write_rule(out, "rect.ground{fill:var(--panel)}", colors);
    write_rule(out, "svg text.title{font-weight:bold;font-size:14px}", colors);
}

static void write_style(FILE *out)
{
    fputs("<style>\n", out);
    write_rules(out, ":root");
    fputs("@media(prefers-color-scheme:dark){\n", out);
    write_rules(out, "@media(prefers-color-scheme:dark)");
    fputs("}\n</style>\n", out);
}

// One map of the page, moved to its place among the others. `*svg` is at "<svg"; moves it behind "</svg>".
static void place_map(Figure *figure, const char **svg, const char *name)
{
    double width = 0, height = 0;
    const char *box = strstr(*svg, "viewBox=\""), *content = strchr(*svg, '>') + 1, *end = strstr(content, "</svg>");
    CHECK(box && sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height) == 2, "svg: a map without its size");
    double room = figure->width - 2 * GAP, shrink = width > room ? room / width : 1;
    if (figure->x > GAP && figure->x + width * shrink > GAP + room) {
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
                LEGEND_CELL, html_color(&figure->html, color_on_paper(value, range, map->diverging)));
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
    for (int n; (n = wrap_line(&finding, (int)((figure->width - 2 * GAP) / CHARACTER), &line)) >= 0;) {
        figure->bottom += LINE;
        fprintf(figure->html.out, "<text x=\"%d\" y=\"%.1f\">", GAP, figure->bottom);
        html_escape(figure->html.out, arena_format(figure->html.arena, "%.*s", n, line));
        fputs("</text>\n", figure->html.out);
    }
}

static void draw_maps(Figure *figure, const Exhibit *exhibit, const char *page)
{
    const Heatmap *map = &exhibit->heatmap;
    figure->y = TITLE + GAP;
    for (int k = 0; (page = strstr(page, "<svg role")); k++)
        place_map(figure, &page, map->n_maps > 1 ? label_of(figure->html.arena, map->maps, k) : NULL);
    write_legend(figure, map);
}

static void draw_curve(Figure *figure, const Exhibit *exhibit, const char *page)
{
    const Curve *curve = &exhibit->curve;
    FILE *out = figure->html.out;
    double x = GAP;
    figure->y = TITLE + LINE + 4;
    for (int s = 0; s < curve->n_series; s++) {
        if (!curve->series[s].name) continue;
        svg_series_sample(&figure->html, &curve->series[s], s, x, figure->y - 4);
        fprintf(out, "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">", x + 36, figure->y);
        html_label(&figure->html, curve->series[s].name);
        fputs("</text>\n", out);
        x += 36 + CHARACTER * text_width(label_visible(figure->html.arena, curve->series[s].name)) + GAP;
    }
    figure->y += LINE;
    if (curve->y_axis) {
        fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%.1f\">↑ ", GAP, figure->y);
        html_escape(out, curve->y_axis);
        fprintf(out, "%s</text>\n", curve->log_y ? " (logarithmic)" : "");
    }
    figure->y += GAP / 2;
    page = strstr(page, "<svg role");
    place_map(figure, &page, NULL);
    if (!curve->x_axis) return;
    figure->bottom += GAP / 2;
    fprintf(out, "<text class=\"dim\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">→ ", figure->width - GAP - 12,
            figure->bottom);
    html_escape(out, curve->x_axis);
    fprintf(out, "%s</text>\n", curve->log_x ? " (logarithmic)" : "");
}

typedef void DrawFn(Figure *figure, const Exhibit *exhibit, const char *page); // page: as the HTML writer has it

static const struct {
    void (*write)(Html *html, const Exhibit *exhibit);
    DrawFn *draw;
    int width;
    double shown; // px a unit
} kinds[EXHIBIT_KINDS] = {
    [EXHIBIT_HEATMAP] = { html_heatmap, draw_maps, MAPS_WIDTH, 1 },
    [EXHIBIT_CURVE] = { html_curve, draw_curve, CURVE_WIDTH, 1.5 },
};

// The figure's inside, and its height.
static char *draw(const Exhibit *exhibit, Arena *arena, double *height)
{
    char *page = NULL, *body = NULL;
    size_t size;
    Html html = { open_memstream(&page, &size), arena };
    kinds[exhibit->kind].write(&html, exhibit);
    fclose(html.out);
    Figure figure = { { open_memstream(&body, &size), arena }, .x = GAP, .width = kinds[exhibit->kind].width };
    fprintf(figure.html.out, "<text class=\"title\" x=\"%d\" y=\"%d\">", GAP, TITLE);
    html_escape(figure.html.out, exhibit->title);
    fputs("</text>\n", figure.html.out);
    kinds[exhibit->kind].draw(&figure, exhibit, page);
    write_finding(&figure, exhibit->finding);
    fclose(figure.html.out);
    free(page);
    *height = figure.bottom + GAP;
    return body;
}

static bool write_figure(const Exhibit *exhibit, const char *path, Error *err)
{
    FileWriter writer;
    if (!whole_file_begin(&writer, path, err)) return false;
    Arena arena = { 0 };
    double height, shown = kinds[exhibit->kind].shown;
    int width = kinds[exhibit->kind].width;
    char *body = draw(exhibit, &arena, &height);
    fprintf(writer.stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%.0f\" height=\"%.0f\" "
            "role=\"img\" aria-label=\"",
            width, height, width * shown, round(height) * shown);
    html_escape(writer.stream, exhibit->finding);
    fputs("\">\n", writer.stream);
    write_style(writer.stream);
    fprintf(writer.stream, "<rect class=\"ground\" width=\"100%%\" height=\"100%%\" rx=\"10\"/>\n%s</svg>\n", body);
    free(body);
    arena_free(&arena);
    return whole_file_end(&writer, true, err);
}

bool svg_write(const Exhibit *exhibit, const char *path, Error *err)
{
    CHECK(kinds[exhibit->kind].draw, "svg_write: exhibits of kind %d have no figure", (int)exhibit->kind);
    Arena arena = { 0 };
    bool ok = write_figure(exhibit_copy(&arena, exhibit), path, err);
    arena_free(&arena);
    return ok;
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
