// Bars, curves, dials and graphs in SVG.
#include "base/term.h"
#include "stage/html_kinds.h"
#include "stage/label.h"
#include "stage/tables.h"
#include <math.h>
#include <string.h>

static const double CHARACTER = 7.3; // px of a monospace character at 12 px, a little more than most fonts take
static const double DEGREES = 180 / 3.14159265358979323846;

void html_bars(Html *html, const Exhibit *exhibit)
{
    enum { ROW = 22, WIDTH = 440, SHOWN = 580, MOST = 200 };
    const Bars *bars = &exhibit->bars;
    int n = bars->n < MOST ? bars->n : MOST, label = 0, number = 0;
    Range found = range_of(bars->values, NULL, n);
    double low = 0, high = 0, most = fmax(fabs((double)found.low), fabs((double)found.high));
    for (int i = 0; i < n; i++) {
        int w = text_width(label_of(html->arena, bars->labels, i));
        label = w > label ? w : label;
        w = text_width(label_among(html->arena, (double)bars->values[i], most));
        number = w > number ? w : number;
        const float both[] = { bars->values[i], bars->reference ? bars->reference[i] : 0 };
        for (int j = 0; j < 2; j++)
            if (isfinite(both[j])) low = fmin(low, both[j]), high = fmax(high, both[j]);
    }
    if (low == high) high = 1;
    label = label < 22 ? label : 22;
    double left = label * CHARACTER + 10, room = WIDTH - left - number * CHARACTER - 12,
           zero = left - low / (high - low) * room;
    if (bars->reference) {
        fprintf(html->out, "<p class=\"legend\"><span class=\"key\" style=\"background:%s\"></span> ",
                html_color(html, color_of_series(0)));
        html_escape(html->out, bars->name ? bars->name : "value");
        fputs(" &#160; <span class=\"tick\"></span> ", html->out);
        html_escape(html->out, bars->reference_name ? bars->reference_name : "reference");
        fputs("</p>\n", html->out);
    }
    svg_begin(html, WIDTH, n * ROW + 4, SHOWN, 0.7, bars->finding);
    for (int i = 0; i < n; i++) {
        double value = bars->values[i], y = i * ROW + 2,
               end = isfinite(value) ? left + (value - low) / (high - low) * room : zero;
        fprintf(html->out, "<g><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" dy=\".36em\">", left - 6, y + ROW / 2.0);
        html_label_fit(html, label_of(html->arena, bars->labels, i), 22);
        fprintf(html->out, "</text><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>",
                fmin(zero, end), y + 4, fmax(fabs(end - zero), 0.5), ROW - 8,
                html_color(html, color_of_series(value < 0 ? 1 : 0)));
        if (bars->reference && isfinite(bars->reference[i])) {
            double x = left + (bars->reference[i] - low) / (high - low) * room;
            fprintf(html->out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"mark\"/>", x, x, y + 1,
                    y + ROW - 1);
        }
        fprintf(html->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" dy=\".36em\">%s</text><title>", WIDTH - 2,
                y + ROW / 2.0, label_among(html->arena, value, most));
        html_label(html, label_of(html->arena, bars->labels, i));
        fprintf(html->out, ": %s",
                label_number(html->arena, value, bars->unit ? label_visible(html->arena, bars->unit) : NULL));
        if (bars->reference) fprintf(html->out, " (%s)", label_number(html->arena, (double)bars->reference[i], NULL));
        fputs("</title></g>\n", html->out);
    }
    fprintf(html->out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\" class=\"axis\"/>\n", zero, zero, n * ROW + 4);
    svg_end(html);
    if (bars->unit || n < bars->n) {
        fputs("<p class=\"legend\">", html->out);
        if (bars->unit) fputs("in ", html->out), html_escape(html->out, bars->unit);
        if (n < bars->n) fprintf(html->out, " (the first %d of %d)", n, bars->n);
        fputs("</p>\n", html->out);
    }
}

typedef struct Scale {
    double low, high, from, to; // of the data (or its logarithm); px
    bool log;
} Scale;

static double scale_at(const Scale *scale, double value)
{
    double x = scale->log ? (value > 0 ? log10(value) : NAN) : value;
    return scale->from + (x - scale->low) / (scale->high - scale->low) * (scale->to - scale->from);
}

static Scale scale_of(const Curve *curve, bool vertical, double from, double to)
{
    Scale scale = { INFINITY, -INFINITY, from, to, vertical ? curve->log_y : curve->log_x };
    for (int s = 0; s < curve->n_series; s++)
        for (int i = 0; i < curve->series[s].n; i++) {
            double value = vertical ? curve->series[s].y[i] : curve->series[s].x[i];
            value = scale.log ? (value > 0 ? log10(value) : NAN) : value;
            if (isfinite(value)) scale.low = fmin(scale.low, value), scale.high = fmax(scale.high, value);
        }
    if (!(scale.low <= scale.high)) scale.low = 0, scale.high = 1;
    double slack = scale.low == scale.high ? 0.5 : 0.03 * (scale.high - scale.low);
    if (vertical || scale.low == scale.high) scale.low -= slack, scale.high += slack;
    return scale;
}

static int scale_ticks(const Scale *scale, int most, double ticks[])
{
    bool log = scale->log;
    return nice_ticks(log ? pow(10, scale->low) : scale->low, log ? pow(10, scale->high) : scale->high, log, most,
                      ticks);
}

static const char *const dashes[] = { "none", "7 3", "2 3", "8 3 2 3" }; // of the series' lines

void svg_series_sample(Html *html, const Series *series, int s, double x, double y)
{
    const char *color = html_color(html, color_of_series(s));
    if (series->points)
        fprintf(html->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>", x + 15, y, color);
    else
        fprintf(html->out, "<path d=\"M%.1f %.1fh30\" stroke=\"%s\" stroke-width=\"2.5\" stroke-dasharray=\"%s\"/>", x,
                y, color, dashes[s % 4]);
}

static void write_series(Html *html, const Series *series, int s, const Scale *x_scale, const Scale *y_scale)
{
    const char *color = html_color(html, color_of_series(s));
    if (!series->points) {
        fprintf(html->out,
                "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
                "stroke-linejoin=\"round\" d=\"",
                color, dashes[s % 4]);
        bool joined = false;
        for (int i = 0; i < series->n; i++) {
            double x = scale_at(x_scale, series->x[i]), y = scale_at(y_scale, series->y[i]);
            bool good = isfinite(x) && isfinite(y);
            if (good) fprintf(html->out, "%c%.1f %.1f", joined ? 'L' : 'M', x, y);
            joined = good;
        }
        fputs("\"/>\n", html->out);
    }
    // At each point a mark; on a line of many points one that is only there for the pointer to find.
    for (int i = 0; i < series->n && (series->points || series->n <= 400); i++) {
        double x = scale_at(x_scale, series->x[i]), y = scale_at(y_scale, series->y[i]);
        if (!isfinite(x) || !isfinite(y)) continue;
        bool seen = series->points || series->n <= 24;
        fprintf(html->out, "<g><circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"%s/>", x, y, series->points ? 4 : 3,
                color, seen ? "" : " fill-opacity=\"0\"");
        if (series->labels) {
            bool left =
                x + 7 + CHARACTER * text_width(label_fit(html->arena, series->labels[i], 20)) > x_scale->to + 10;
            fprintf(html->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" dy=\".36em\">", left ? x - 7 : x + 7, y,
                    left ? "end" : "start");
            html_label_fit(html, series->labels[i], 20);
            fputs("</text>", html->out);
        }
        fputs("<title>", html->out);
        if (series->name) html_label(html, series->name), fputs(": ", html->out);
        fprintf(html->out, "%s, %s</title></g>\n", label_number(html->arena, (double)series->x[i], NULL),
                label_number(html->arena, (double)series->y[i], NULL));
    }
}

void html_curve(Html *html, const Exhibit *exhibit)
{
    enum { WIDTH = 440, SHOWN = 580, HEIGHT = 250, LEFT = 50, RIGHT = 12, TOP = 10, BOTTOM = 28 };
    const Curve *curve = &exhibit->curve;
    Scale x_scale = scale_of(curve, false, LEFT, WIDTH - RIGHT), y_scale = scale_of(curve, true, HEIGHT - BOTTOM, TOP);
    double ticks[8];
    fputs("<p class=\"legend\">", html->out);
    for (int s = 0; s < curve->n_series; s++) {
        if (!curve->series[s].name) continue;
        fputs("<span class=\"item\"><svg class=\"sample\" width=\"30\" height=\"10\" aria-hidden=\"true\">", html->out);
        svg_series_sample(html, &curve->series[s], s, 0, 5);
        fputs("</svg> ", html->out);
        html_label(html, curve->series[s].name);
        fputs("</span>", html->out);
    }
    fputs("</p>\n", html->out);
    if (curve->y_axis) {
        fputs("<p class=\"legend\">↑ ", html->out);
        html_escape(html->out, curve->y_axis);
        fprintf(html->out, "%s</p>\n", curve->log_y ? " (logarithmic)" : "");
    }
    svg_begin(html, WIDTH, HEIGHT, SHOWN, 0.7, curve->finding);
    for (int i = 0, n = scale_ticks(&y_scale, 6, ticks); i < n; i++) {
        double y = scale_at(&y_scale, ticks[i]);
        fprintf(html->out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y,
                y);
        fprintf(html->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" dy=\".36em\">%s</text>\n", LEFT - 6, y,
                label_number(html->arena, ticks[i], NULL));
    }
    for (int i = 0, n = scale_ticks(&x_scale, 7, ticks); i < n; i++) {
        double x = scale_at(&x_scale, ticks[i]);
        const char *anchor = x > WIDTH - RIGHT - 20 ? "end" : "middle";
        fprintf(html->out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 5);
        fprintf(html->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x, HEIGHT - BOTTOM + 20, anchor,
                label_number(html->arena, ticks[i], NULL));
    }
    fprintf(html->out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, WIDTH - RIGHT,
            HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    for (int s = 0; s < curve->n_series; s++) write_series(html, &curve->series[s], s, &x_scale, &y_scale);
    svg_end(html);
    if (!curve->x_axis) return;
    fputs("<p class=\"legend\">→ ", html->out);
    html_escape(html->out, curve->x_axis);
    fprintf(html->out, "%s</p>\n", curve->log_x ? " (logarithmic)" : "");
}

void html_vectors(Html *html, const Exhibit *exhibit)
{
    enum { SIZE = 120, CENTER = SIZE / 2, RADIUS = 52 };
    const Vectors *vectors = &exhibit->vectors;
    float longest = vectors->radii ? range_of(vectors->radii, NULL, (long)vectors->n_dials * vectors->n_hands).high : 1;
    if (vectors->hands) {
        fputs("<p class=\"legend\">", html->out);
        for (int h = 0; h < vectors->n_hands; h++) {
            fprintf(html->out, "<span class=\"item\"><span class=\"key\" style=\"background:%s\"></span> ",
                    html_color(html, color_of_series(h)));
            html_label(html, vectors->hands[h]);
            fputs("</span>", html->out);
        }
        fputs("</p>\n", html->out);
    }
    fputs("<div class=\"flow\">\n", html->out);
    for (int d = 0; d < vectors->n_dials; d++) {
        fputs("<div class=\"dial\">", html->out);
        svg_begin(html, SIZE, SIZE, SIZE, 1, label_of(html->arena, vectors->dials, d));
        fprintf(html->out, "<circle class=\"axis\" fill=\"none\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>", CENTER, CENTER,
                RADIUS);
        fprintf(html->out, "<path class=\"grid\" d=\"M%d %dH%dM%d %dV%d\"/>\n", CENTER - RADIUS, CENTER,
                CENTER + RADIUS, CENTER, CENTER - RADIUS, CENTER + RADIUS);
        const char *angles = "";
        for (int h = 0; h < vectors->n_hands; h++) {
            int i = d * vectors->n_hands + h;
            double angle = vectors->angles[i],
                   length = vectors->radii && longest > 0 ? RADIUS * (double)vectors->radii[i] / longest : RADIUS;
            const char *color = html_color(html, color_of_series(h));
            const char *text = arena_format(html->arena, "%.0f°", fmod(angle * DEGREES, 360));
            fprintf(html->out,
                    "<g transform=\"translate(%d %d) rotate(%.2f)\"><path stroke=\"%s\" stroke-width=\"2.5\" d=\"M0 "
                    "0H%.1f\"/>"
                    "<path fill=\"%s\" d=\"M%.1f 0l-9 -4.5v9z\"/><title>%s</title></g>\n",
                    CENTER, CENTER, -fmod(angle * DEGREES, 360), color, length > 8 ? length - 6 : 0, color, length,
                    text);
            angles = arena_format(html->arena, "%s%s%s", angles, h ? ", " : "", text);
        }
        svg_end(html);
        fputs("<p class=\"name\">", html->out);
        html_label(html, label_of(html->arena, vectors->dials, d));
        fprintf(html->out, "<br><span class=\"dim\">%s</span></p></div>\n", angles);
    }
    fputs("</div>\n", html->out);
}

typedef struct Box {
    double x, y, width; // its middle
} Box;

static void write_node(Html *html, const GraphNode *node, const Box *box, double height)
{
    fprintf(html->out, "<g><rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>",
            box->x - box->width / 2, box->y - height / 2, box->width, height);
    fprintf(html->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" dy=\".36em\">", box->x,
            box->y - (node->note ? 7 : 0));
    html_label_fit(html, node->label, 28);
    fputs("</text>", html->out);
    if (node->note) {
        fprintf(html->out, "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" dy=\".36em\">", box->x,
                box->y + 9);
        html_label_fit(html, node->note, 28);
        fputs("</text>", html->out);
    }
    fputs("</g>\n", html->out);
}

static void write_edge(Html *html, const GraphEdge *edge, const Graph *graph, const char *path, double x, double y)
{
    float most = 0;
    for (int e = 0; e < graph->n_edges; e++) most = fmaxf(most, fabsf(graph->edges[e].weight));
    double width = most > 0 ? 0.5 + 3.5 * fabs((double)edge->weight) / most : 1.5;
    fprintf(html->out, "<g><path class=\"edge\" stroke-width=\"%.1f\" marker-end=\"url(#arrow)\" d=\"%s\"/>", width,
            path);
    if (edge->label) {
        fprintf(html->out, "<text class=\"on-edge\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x, y);
        html_label_fit(html, edge->label, 16);
        fputs("</text>", html->out);
    }
    fputs("<title>", html->out);
    html_label(html, graph->nodes[edge->from].label);
    fputs(" → ", html->out);
    html_label(html, graph->nodes[edge->to].label);
    if (edge->weight != 0) fprintf(html->out, ": %s", label_number(html->arena, (double)edge->weight, NULL));
    fputs("</title></g>\n", html->out);
}

static void write_arcs(Html *html, const Graph *graph)
{
    enum { BOX = 30, GAP = 14, LEVEL = 15 };
    Box *boxes = ARENA_ARRAY(html->arena, Box, graph->n_nodes);
    double x = 2;
    int longest = 1;
    for (int e = 0; e < graph->n_edges; e++) {
        int span = graph->edges[e].to - graph->edges[e].from;
        span = span < 0 ? -span : span;
        longest = span > longest ? span : longest;
    }
    double top = fmin(longest, 12) * LEVEL + 30;
    for (int i = 0; i < graph->n_nodes; i++) {
        int label = text_width(label_fit(html->arena, graph->nodes[i].label, 28));
        boxes[i] = (Box){ .y = top + BOX / 2.0, .width = label * CHARACTER + 14 };
        boxes[i].x = x + boxes[i].width / 2;
        x += boxes[i].width + GAP;
    }
    svg_begin(html, x - GAP + 2, top + BOX + 4, x - GAP + 2, 0.8, graph->finding);
    for (int e = 0; e < graph->n_edges; e++) {
        double a = boxes[graph->edges[e].from].x, b = boxes[graph->edges[e].to].x;
        int span = graph->edges[e].to - graph->edges[e].from;
        double height = fmin(span < 0 ? -span : span, 12) * LEVEL, lean = a < b ? 4 : -4;
        const char *path =
            arena_format(html->arena, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", a + lean, top - 2, a + lean,
                         top - 2 - height * 4 / 3, b - lean, top - 2 - height * 4 / 3, b - lean, top - 4);
        write_edge(html, &graph->edges[e], graph, path, (a + b) / 2, top - height - 6);
    }
    for (int i = 0; i < graph->n_nodes; i++) write_node(html, &graph->nodes[i], &boxes[i], BOX);
    svg_end(html);
}

static void write_layers(Html *html, const Graph *graph)
{
    enum { BOX = 42, GAP = 20, LAYER = 84 };
    int *layer = ARENA_ARRAY(html->arena, int, graph->n_nodes), layers = graph_layers(graph, layer);
    double *width = ARENA_ARRAY(html->arena, double, layers), widest = 0;
    Box *boxes = ARENA_ARRAY(html->arena, Box, graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        int label = text_width(label_fit(html->arena, graph->nodes[i].label, 28));
        int note = graph->nodes[i].note ? text_width(label_fit(html->arena, graph->nodes[i].note, 28)) : 0;
        boxes[i] =
            (Box){ .y = layer[i] * LAYER + BOX / 2.0 + 2, .width = (label > note ? label : note) * CHARACTER + 20 };
        boxes[i].x = width[layer[i]] + boxes[i].width / 2;
        width[layer[i]] += boxes[i].width + GAP;
    }
    for (int l = 0; l < layers; l++) widest = fmax(widest, width[l] - GAP);
    svg_begin(html, widest + 4, (layers - 1) * LAYER + BOX + 4, widest + 4, 0.7, graph->finding);
    for (int i = 0; i < graph->n_nodes; i++) boxes[i].x += 2 + (widest - (width[layer[i]] - GAP)) / 2;
    for (int e = 0; e < graph->n_edges; e++) {
        const Box *a = &boxes[graph->edges[e].from], *b = &boxes[graph->edges[e].to];
        double bend = (b->y - a->y) / 2;
        const char *path = arena_format(html->arena, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", a->x, a->y + BOX / 2.0,
                                        a->x, a->y + bend, b->x, b->y - bend, b->x, b->y - BOX / 2.0 - 3);
        write_edge(html, &graph->edges[e], graph, path, (a->x + b->x) / 2 + 4, (a->y + b->y) / 2 - 2);
    }
    for (int i = 0; i < graph->n_nodes; i++) write_node(html, &graph->nodes[i], &boxes[i], BOX);
    svg_end(html);
}

void html_graph(Html *html, const Exhibit *exhibit)
{
    (exhibit->graph.line ? write_arcs : write_layers)(html, &exhibit->graph);
}
