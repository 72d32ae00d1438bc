#include "stage/exhibit.h"
#include "base/error.h"
#include "stage/label.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void *copy_bytes(Arena *arena, const void *bytes, size_t n)
{
    return bytes && n ? memcpy(arena_alloc(arena, n), bytes, n) : NULL;
}

static const char *copy_text(Arena *arena, const char *text)
{
    return text ? copy_bytes(arena, text, strlen(text) + 1) : NULL;
}

static const char *const *copy_texts(Arena *arena, const char *const *texts, long n)
{
    if (!texts) return NULL;
    const char **copy = ARENA_ARRAY(arena, const char *, n);
    for (long i = 0; i < n; i++) copy[i] = texts[i] ? copy_text(arena, texts[i]) : "";
    return copy;
}

#define COPY(field, n) ((field) = copy_bytes(arena, field, (size_t)(n) * sizeof *(field)))
#define COPY_TEXTS(field, n) ((field) = copy_texts(arena, field, n))
#define COPY_TEXT(field) ((field) = copy_text(arena, field))

// The product of counts that are all at least `least`, checked.
static long count_of(const char *what, const char *title, int least, long a, long b, long c)
{
    CHECK(a >= least && b >= least && c >= least && a <= INT_MAX && a * b <= INT_MAX && a * b * c <= INT_MAX,
          "exhibit \"%s\": %s of %ld × %ld × %ld", title, what, a, b, c);
    return a * b * c;
}

Range range_of(const float *values, const unsigned char *absent, long n)
{
    Range range = { INFINITY, -INFINITY };
    for (long i = 0; i < n; i++) {
        if ((absent && absent[i]) || !isfinite(values[i])) continue;
        range.low = fminf(range.low, values[i]);
        range.high = fmaxf(range.high, values[i]);
    }
    return range.low <= range.high ? range : (Range){ 0, 0 };
}

Range range_for_color(Range given, Range found, bool diverging)
{
    Range range = given.low < given.high ? given : found;
    if (diverging) {
        float reach = fmaxf(fabsf(range.low), fabsf(range.high));
        range = (Range){ -reach, reach };
    }
    if (range.low < range.high) return range;
    return diverging ? (Range){ -1, 1 } : (Range){ range.low, range.low + 1 };
}

// "  1.5 bits" with the unit, if there is one.
static const char *with_unit(Arena *arena, float value, const char *unit)
{
    return arena_format(arena, "%.3g%s%s", (double)value, unit && *unit ? " " : "", unit ? unit : "");
}

static const char *label_or_number(Arena *arena, const char *const *labels, long i)
{
    return labels ? arena_format(arena, "“%s”", label_visible(arena, labels[i])) : arena_format(arena, "%ld", i);
}

static void extremes(const float *values, const unsigned char *absent, long n, long *least, long *most)
{
    *least = *most = -1;
    for (long i = 0; i < n; i++) {
        if ((absent && absent[i]) || !isfinite(values[i])) continue;
        if (*least < 0 || values[i] < values[*least]) *least = i;
        if (*most < 0 || values[i] > values[*most]) *most = i;
    }
}

static const char *cell_name(Arena *arena, const Heatmap *map, long i)
{
    long row = i / map->n_columns % map->n_rows, column = i % map->n_columns, k = i / map->n_columns / map->n_rows;
    const char *place = arena_format(
        arena, "%s %s, %s %s", map->row_axis ? map->row_axis : "row", label_or_number(arena, map->rows, row),
        map->column_axis ? map->column_axis : "column", label_or_number(arena, map->columns, column));
    if (map->n_maps == 1) return place;
    return arena_format(arena, "%s of map %s", place, label_or_number(arena, map->maps, k));
}

static void copy_heatmap(Arena *arena, Exhibit *exhibit)
{
    Heatmap *map = &exhibit->heatmap;
    if (map->n_maps == 0) map->n_maps = 1;
    long n = count_of("a heat map", map->title, 1, map->n_maps, map->n_rows, map->n_columns);
    CHECK(map->values, "exhibit \"%s\": a heat map without values", map->title);
    COPY(map->values, n);
    COPY(map->absent, n);
    COPY_TEXTS(map->rows, map->n_rows);
    COPY_TEXTS(map->columns, map->n_columns);
    COPY_TEXTS(map->maps, map->n_maps);
    COPY_TEXT(map->row_axis);
    COPY_TEXT(map->column_axis);
    COPY_TEXT(map->unit);
    if (map->finding) return;
    long least, most;
    extremes(map->values, map->absent, n, &least, &most);
    map->finding = most < 0
                       ? "No cell has a finite value."
                       : arena_format(arena, "Largest %s (%s), smallest %s (%s).",
                                      with_unit(arena, map->values[most], map->unit), cell_name(arena, map, most),
                                      with_unit(arena, map->values[least], map->unit), cell_name(arena, map, least));
}

static void copy_tokens(Arena *arena, Exhibit *exhibit)
{
    TokenStrip *strip = &exhibit->tokens;
    long n = count_of("a strip", strip->title, 0, strip->n, 1 + (strip->n == 0), 1);
    if (strip->n == 0) n = 0;
    COPY_TEXTS(strip->tokens, n);
    COPY_TEXTS(strip->notes, n);
    COPY(strip->values, n);
    COPY_TEXT(strip->unit);
    if (strip->finding) return;
    long least = -1, most = -1;
    if (strip->values) extremes(strip->values, NULL, n, &least, &most);
    strip->finding = most < 0 ? arena_format(arena, "%ld tokens.", n)
                              : arena_format(arena, "%ld tokens, from %s (“%s”) to %s (“%s”).", n,
                                             with_unit(arena, strip->values[least], strip->unit),
                                             label_visible(arena, strip->tokens[least]),
                                             with_unit(arena, strip->values[most], strip->unit),
                                             label_visible(arena, strip->tokens[most]));
}

static void copy_bars(Arena *arena, Exhibit *exhibit)
{
    Bars *bars = &exhibit->bars;
    long n = count_of("bars", bars->title, 1, bars->n, 1, 1);
    CHECK(bars->values, "exhibit \"%s\": bars without values", bars->title);
    COPY_TEXTS(bars->labels, n);
    COPY(bars->values, n);
    COPY(bars->reference, n);
    COPY_TEXT(bars->name);
    COPY_TEXT(bars->reference_name);
    COPY_TEXT(bars->unit);
    if (bars->finding) return;
    long least, most;
    extremes(bars->values, NULL, n, &least, &most);
    bars->finding = most < 0 ? "No bar has a finite value."
                             : arena_format(arena, "Largest: %s with %s; smallest: %s with %s.",
                                            label_or_number(arena, bars->labels, most),
                                            with_unit(arena, bars->values[most], bars->unit),
                                            label_or_number(arena, bars->labels, least),
                                            with_unit(arena, bars->values[least], bars->unit));
}

static void copy_curve(Arena *arena, Exhibit *exhibit)
{
    Curve *curve = &exhibit->curve;
    CHECK(curve->n_series >= 1 && curve->n_series <= 8, "exhibit \"%s\": a curve of %d series (1 to 8)", curve->title,
          curve->n_series);
    Series *series = ARENA_ARRAY(arena, Series, curve->n_series);
    const char *finding = "";
    for (int i = 0; i < curve->n_series; i++) {
        Series *s = &series[i];
        *s = curve->series[i];
        count_of("a series", curve->title, 1, s->n, 1, 1);
        CHECK(s->y, "exhibit \"%s\": series %d has no values", curve->title, i);
        COPY_TEXT(s->name);
        COPY(s->y, s->n);
        COPY_TEXTS(s->labels, s->n);
        if (s->x) {
            COPY(s->x, s->n);
        } else {
            float *x = ARENA_ARRAY(arena, float, s->n);
            for (int j = 0; j < s->n; j++) x[j] = (float)j;
            s->x = x;
        }
        if (s->points) {
            finding =
                arena_format(arena, "%s%s%s: %d points", finding, i ? "; " : "", s->name ? s->name : "series", s->n);
            continue;
        }
        finding = arena_format(arena, "%s%s%s from %.3g to %.3g", finding, i ? "; " : "", s->name ? s->name : "y",
                               (double)s->y[0], (double)s->y[s->n - 1]);
    }
    curve->series = series;
    COPY_TEXT(curve->x_axis);
    COPY_TEXT(curve->y_axis);
    if (!curve->finding) curve->finding = arena_format(arena, "%s.", finding);
}

static void copy_vectors(Arena *arena, Exhibit *exhibit)
{
    Vectors *vectors = &exhibit->vectors;
    if (vectors->n_hands == 0) vectors->n_hands = 1;
    long n = count_of("dials", vectors->title, 1, vectors->n_dials, vectors->n_hands, 1);
    CHECK(vectors->angles && vectors->n_hands <= 8, "exhibit \"%s\": dials need angles and at most 8 hands, not %d",
          vectors->title, vectors->n_hands);
    COPY(vectors->angles, n);
    COPY(vectors->radii, n);
    COPY_TEXTS(vectors->dials, vectors->n_dials);
    COPY_TEXTS(vectors->hands, vectors->n_hands);
    if (vectors->finding) return;
    double degrees = 180 / 3.14159265358979323846;
    vectors->finding = arena_format(arena, "The first hand points at %.0f° in the first dial and at %.0f° in the last.",
                                    (double)vectors->angles[0] * degrees,
                                    (double)vectors->angles[(vectors->n_dials - 1) * vectors->n_hands] * degrees);
}

static void copy_graph(Arena *arena, Exhibit *exhibit)
{
    Graph *graph = &exhibit->graph;
    count_of("nodes", graph->title, 1, graph->n_nodes, 1, 1);
    CHECK(graph->n_edges >= 0, "exhibit \"%s\": %d edges", graph->title, graph->n_edges);
    GraphNode *nodes = copy_bytes(arena, graph->nodes, (size_t)graph->n_nodes * sizeof *nodes);
    GraphEdge *edges = copy_bytes(arena, graph->edges, (size_t)graph->n_edges * sizeof *edges);
    for (int i = 0; i < graph->n_nodes; i++) {
        nodes[i].label = nodes[i].label ? copy_text(arena, nodes[i].label) : "";
        COPY_TEXT(nodes[i].note);
    }
    for (int i = 0; i < graph->n_edges; i++) {
        CHECK(edges[i].from >= 0 && edges[i].from < graph->n_nodes && edges[i].to >= 0 && edges[i].to < graph->n_nodes,
              "exhibit \"%s\": edge %d from node %d to node %d, but there are %d nodes", graph->title, i, edges[i].from,
              edges[i].to, graph->n_nodes);
        COPY_TEXT(edges[i].label);
    }
    graph->nodes = nodes;
    graph->edges = edges;
    if (!graph->finding)
        graph->finding = arena_format(arena, "%d nodes and %d edges, from “%s” to “%s”.", graph->n_nodes,
                                      graph->n_edges, nodes[0].label, nodes[graph->n_nodes - 1].label);
}

static void copy_image(Arena *arena, Exhibit *exhibit)
{
    Image *image = &exhibit->image;
    long n = count_of("an image", image->title, 1, image->height, image->width, 1);
    CHECK(image->rgb && n < INT_MAX / 3, "exhibit \"%s\": an image without pixels, or too large", image->title);
    COPY(image->rgb, n * 3);
    if (!image->finding)
        image->finding = arena_format(arena, "An image of %d × %d pixels.", image->width, image->height);
}

static void copy_code(Arena *arena, Exhibit *exhibit)
{
    Code *code = &exhibit->code;
    CHECK(code->source, "exhibit \"%s\": code without a source", code->title);
    COPY_TEXT(code->source);
    if (code->finding) return;
    int lines = 0;
    for (const char *c = code->source; *c; c++) lines += *c == '\n' || c[1] == '\0';
    code->finding = arena_format(arena, "%s of %d lines.", code->kernel ? "The kernel's source" : "A source", lines);
}

static void copy_table(Arena *arena, Exhibit *exhibit)
{
    Table *table = &exhibit->table;
    count_of("a table", table->title, 1, table->n_rows, table->n_columns, 1);
    CHECK(table->header && table->cells, "exhibit \"%s\": a table without header or cells", table->title);
    COPY_TEXTS(table->header, table->n_columns);
    COPY_TEXTS(table->cells, (long)table->n_rows * table->n_columns);
    if (!table->finding)
        table->finding = arena_format(arena, "%d rows of %d columns.", table->n_rows, table->n_columns);
}

static void copy_paragraph(Arena *arena, Exhibit *exhibit)
{
    CHECK(exhibit->text.text, "exhibit \"%s\": no text", exhibit->title ? exhibit->title : "");
    COPY_TEXT(exhibit->text.text);
}

static void copy_cost(Arena *arena, Exhibit *exhibit)
{
    Cost *cost = &exhibit->cost;
    count_of("a cost", cost->title, 1, cost->n, 1, 1);
    Dispatch *dispatches = copy_bytes(arena, cost->dispatches, (size_t)cost->n * sizeof *dispatches);
    double seconds = 0, most = -1;
    int slowest = 0;
    for (int i = 0; i < cost->n; i++) {
        COPY_TEXT(dispatches[i].kernel);
        if (dispatches[i].count == 0) dispatches[i].count = 1;
        seconds += dispatches[i].seconds;
        if (dispatches[i].seconds > most) most = dispatches[i].seconds, slowest = i;
    }
    cost->dispatches = dispatches;
    COPY_TEXT(cost->device);
    if (!cost->finding && seconds > 0)
        cost->finding = arena_format(arena, "%s takes %.0f %% of %.3g ms.", dispatches[slowest].kernel,
                                     100 * most / seconds, 1000 * seconds);
    if (!cost->finding) cost->finding = "No time was measured.";
}

static void (*const copies[EXHIBIT_KINDS])(Arena *, Exhibit *) = {
    [EXHIBIT_HEATMAP] = copy_heatmap, [EXHIBIT_TOKENS] = copy_tokens,   [EXHIBIT_BARS] = copy_bars,
    [EXHIBIT_CURVE] = copy_curve,     [EXHIBIT_VECTORS] = copy_vectors, [EXHIBIT_GRAPH] = copy_graph,
    [EXHIBIT_IMAGE] = copy_image,     [EXHIBIT_CODE] = copy_code,       [EXHIBIT_TABLE] = copy_table,
    [EXHIBIT_TEXT] = copy_paragraph,  [EXHIBIT_COST] = copy_cost,
};

Exhibit *exhibit_copy(Arena *arena, const Exhibit *exhibit)
{
    CHECK((unsigned)exhibit->kind < EXHIBIT_KINDS, "an exhibit of unknown kind %d", (int)exhibit->kind);
    Exhibit *copy = copy_bytes(arena, exhibit, sizeof *copy);
    copy->title = copy->title ? copy_text(arena, copy->title) : "";
    COPY_TEXT(copy->finding);
    copies[copy->kind](arena, copy);
    return copy;
}
