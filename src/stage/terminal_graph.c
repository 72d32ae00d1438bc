// Graphs: boxes in layers, arcs over a row of nodes, or a table where neither fits.
#include "stage/canvas.h"
#include "stage/tables.h"
#include "stage/terminal_kinds.h"

static int at_most(int value, int most) { return value < most ? value : most; }

// Boxes in layers joined by lines, or false when they don't fit.
static bool draw_layers(Pen *pen, const Graph *graph)
{
    enum { GAP = 3, BOX_LINES = 3, LAYER_LINES = 5 };
    int *layer = ARENA_ARRAY(pen->arena, int, graph->n_nodes), *x = ARENA_ARRAY(pen->arena, int, graph->n_nodes);
    int *box = ARENA_ARRAY(pen->arena, int, graph->n_nodes);
    int layers = graph_layers(graph, layer), *width = ARENA_ARRAY(pen->arena, int, layers), widest = 0;
    if (graph->line || layers > 16) return false;
    for (int i = 0; i < graph->n_nodes; i++) {
        int label = text_width(label_visible(pen->arena, graph->nodes[i].label));
        int note = graph->nodes[i].note ? text_width(label_visible(pen->arena, graph->nodes[i].note)) + 1 : 0;
        box[i] = label + note + 4;
        x[i] = width[layer[i]];
        width[layer[i]] += box[i] + GAP;
    }
    for (int l = 0; l < layers; l++) widest = width[l] - GAP > widest ? width[l] - GAP : widest;
    if (widest > pen->width) return false;
    Canvas canvas = canvas_new(pen->arena, pen->term, widest, layers * LAYER_LINES - (LAYER_LINES - BOX_LINES));
    for (int i = 0; i < graph->n_nodes; i++) x[i] += (widest - (width[layer[i]] - GAP)) / 2;
    for (int e = 0; e < graph->n_edges; e++) {
        int from = graph->edges[e].from, to = graph->edges[e].to;
        if (layer[to] <= layer[from]) continue;
        canvas_line(&canvas, 2 * x[from] + box[from], 4 * (layer[from] * LAYER_LINES + BOX_LINES), 2 * x[to] + box[to],
                    4 * layer[to] * LAYER_LINES - 1, 7);
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        int top = layer[i] * LAYER_LINES;
        for (int line = 0; line < BOX_LINES; line++) {
            static const char *const edges[BOX_LINES][3] = { { "╭", "─", "╮" }, { "│", " ", "│" }, { "╰", "─", "╯" } };
            canvas_text(&canvas, x[i], top + line, edges[line][0], -1);
            for (int c = 1; c < box[i] - 1; c++) canvas_text(&canvas, x[i] + c, top + line, edges[line][1], -1);
            canvas_text(&canvas, x[i] + box[i] - 1, top + line, edges[line][2], -1);
        }
        const char *label = label_visible(pen->arena, graph->nodes[i].label);
        canvas_text(&canvas, x[i] + 2, top + 1, label, -1);
        if (graph->nodes[i].note)
            canvas_text(&canvas, x[i] + 3 + text_width(label), top + 1, label_visible(pen->arena, graph->nodes[i].note),
                        7);
    }
    for (int row = 0; row < canvas.height; row++) {
        pen_margin(pen);
        canvas_write_row(&canvas, pen->term, row);
        fputc('\n', pen->out);
    }
    return true;
}

// Nodes in one row with arcs above, the short ones lowest; false when they don't fit.
static bool draw_arcs(Pen *pen, const Graph *graph)
{
    if (!graph->line) return false;
    int *center = ARENA_ARRAY(pen->arena, int, graph->n_nodes), width = 0, highest = 1;
    int *level = ARENA_ARRAY(pen->arena, int, graph->n_edges + 1);
    for (int i = 0; i < graph->n_nodes; i++) {
        int w = text_width(label_visible(pen->arena, graph->nodes[i].label));
        center[i] = width + w / 2;
        // Neighbours stand as far apart as the name of the arc between them is long.
        for (int e = 0; e < graph->n_edges; e++) {
            const GraphEdge *edge = &graph->edges[e];
            bool joins = i > 0 && (edge->from == i || edge->to == i) && edge->from + edge->to == 2 * i - 1;
            int apart = joins && edge->label ? text_width(label_visible(pen->arena, edge->label)) + 4 : 0;
            if (joins && center[i] < center[i - 1] + apart) center[i] = center[i - 1] + apart;
        }
        width = center[i] - w / 2 + w + 2;
    }
    width -= 2;
    if (width > pen->width) return false;
    // An arc lies above every shorter one that it overlaps: taken in order of length, one level over the highest of
    // those.
    for (int length = 0; length < graph->n_nodes; length++)
        for (int e = 0; e < graph->n_edges; e++) {
            int a = at_most(graph->edges[e].from, graph->edges[e].to),
                b = graph->edges[e].from + graph->edges[e].to - a;
            if (b - a != length) continue;
            level[e] = 1;
            for (int other = 0; other < graph->n_edges; other++) {
                int c = at_most(graph->edges[other].from, graph->edges[other].to);
                int d = graph->edges[other].from + graph->edges[other].to - c;
                bool before = d - c < length || (d - c == length && other < e);
                if (before && c <= b && d >= a && level[other] >= level[e]) level[e] = level[other] + 1;
            }
            highest = level[e] > highest ? level[e] : highest;
        }
    Canvas canvas = canvas_new(pen->arena, pen->term, width, 2 * highest + 2);
    for (int e = 0; e < graph->n_edges; e++) {
        int from = center[graph->edges[e].from], to = center[graph->edges[e].to], top = 2 * (highest - level[e]);
        int a = at_most(from, to), b = from + to - a;
        canvas_text(&canvas, a, top, "╭", e % 7);
        for (int x = a + 1; x < b; x++) canvas_text(&canvas, x, top, "─", e % 7);
        canvas_text(&canvas, b, top, "╮", e % 7);
        for (int y = top + 1; y <= 2 * highest; y++)
            canvas_text(&canvas, a, y, "│", e % 7), canvas_text(&canvas, b, y, "│", e % 7);
        canvas_text(&canvas, to, 2 * highest, "▼", e % 7);
        if (graph->edges[e].label)
            canvas_text(&canvas, a + 2, top, label_fit(pen->arena, graph->edges[e].label, b - a - 3), e % 7);
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const char *label = label_visible(pen->arena, graph->nodes[i].label);
        canvas_text(&canvas, center[i] - text_width(label) / 2, canvas.height - 1, label, -1);
    }
    for (int row = 0; row < canvas.height; row++) {
        pen_margin(pen);
        canvas_write_row(&canvas, pen->term, row);
        fputc('\n', pen->out);
    }
    return true;
}

void terminal_graph(Pen *pen, const Exhibit *exhibit)
{
    const Graph *graph = &exhibit->graph;
    if (pen->term->unicode && (draw_layers(pen, graph) || draw_arcs(pen, graph))) return;
    Exhibit table = { .kind = EXHIBIT_TABLE, .table = table_of_graph(pen->arena, graph) };
    terminal_table(pen, &table);
}
