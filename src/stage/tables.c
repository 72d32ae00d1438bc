#include "stage/tables.h"
#include "stage/label.h"
#include <math.h>
#include <string.h>

bool is_numeric(const char *cell)
{
    return *cell && strspn(cell, "0123456789+-.,eE%×° ") == strlen(cell) && strpbrk(cell, "0123456789");
}

Table table_of_cost(Arena *arena, const Cost *cost)
{
    enum { COLUMNS = 7 };
    static const char *const header[COLUMNS] = { "kernel", "×", "µs", "% of time", "GFLOP/s", "GB/s", "% of roof" };
    const char **cells = ARENA_ARRAY(arena, const char *, (cost->n + 1) * COLUMNS);
    Dispatch all = { .kernel = "all" };
    for (int i = 0; i < cost->n; i++) {
        all.count += cost->dispatches[i].count;
        all.seconds += cost->dispatches[i].seconds;
        all.flops += cost->dispatches[i].flops;
        all.bytes += cost->dispatches[i].bytes;
    }
    int rows = cost->n > 1 ? cost->n + 1 : cost->n;
    for (int i = 0; i < rows; i++) {
        const Dispatch *d = i < cost->n ? &cost->dispatches[i] : &all;
        const char **cell = cells + i * COLUMNS;
        // The roof of a dispatch: it cannot end before its arithmetic nor before its bytes have moved (Williams et
        // al. 2009).
        double least = fmax(cost->roof_flops > 0 ? d->flops / cost->roof_flops : 0,
                            cost->roof_bytes > 0 ? d->bytes / cost->roof_bytes : 0);
        cell[0] = d->kernel;
        cell[1] = arena_format(arena, "%d", d->count);
        cell[2] = arena_format(arena, "%.1f", 1e6 * d->seconds);
        cell[3] = arena_format(arena, "%.0f", all.seconds > 0 ? 100 * d->seconds / all.seconds : 0);
        cell[4] = d->seconds > 0 ? label_number(arena, 1e-9 * d->flops / d->seconds, NULL) : "";
        cell[5] = d->seconds > 0 ? label_number(arena, 1e-9 * d->bytes / d->seconds, NULL) : "";
        cell[6] = d->seconds > 0 && least > 0 ? arena_format(arena, "%.0f", 100 * least / d->seconds) : "";
    }
    bool roof = cost->roof_flops > 0 || cost->roof_bytes > 0;
    if (!roof)
        for (int i = 0; i < rows; i++)
            memmove(cells + i * (COLUMNS - 1), cells + i * COLUMNS, (COLUMNS - 1) * sizeof *cells);
    return (Table){ .header = header, .cells = cells, .n_rows = rows, .n_columns = roof ? COLUMNS : COLUMNS - 1 };
}

Table table_of_vectors(Arena *arena, const Vectors *vectors)
{
    int columns = 1 + 2 * vectors->n_hands;
    const char **header = ARENA_ARRAY(arena, const char *, columns);
    const char **cells = ARENA_ARRAY(arena, const char *, vectors->n_dials *columns);
    header[0] = "dial";
    for (int h = 0; h < vectors->n_hands; h++) {
        const char *name = vectors->hands ? vectors->hands[h] : "";
        header[1 + 2 * h] = arena_format(arena, "%s%sangle °", name, *name ? " " : "");
        header[2 + 2 * h] = arena_format(arena, "%s%slength", name, *name ? " " : "");
    }
    for (int d = 0; d < vectors->n_dials; d++) {
        const char **cell = cells + d * columns;
        cell[0] = label_of(arena, vectors->dials, d);
        for (int h = 0; h < vectors->n_hands; h++) {
            int i = d * vectors->n_hands + h;
            double degrees = fmod((double)vectors->angles[i] * 180 / 3.14159265358979323846, 360);
            cell[1 + 2 * h] = arena_format(arena, "%.1f", degrees);
            cell[2 + 2 * h] = arena_format(arena, "%.3g", vectors->radii ? (double)vectors->radii[i] : 1);
        }
    }
    return (Table){ .header = header, .cells = cells, .n_rows = vectors->n_dials, .n_columns = columns };
}

Table table_of_graph(Arena *arena, const Graph *graph)
{
    enum { COLUMNS = 3 };
    static const char *const header[COLUMNS] = { "node", "what it is", "points at" };
    const char **cells = ARENA_ARRAY(arena, const char *, graph->n_nodes *COLUMNS);
    for (int i = 0; i < graph->n_nodes; i++) {
        const char *targets = "";
        for (int e = 0; e < graph->n_edges; e++) {
            const GraphEdge *edge = &graph->edges[e];
            if (edge->from != i) continue;
            const char *weight = edge->weight != 0 ? arena_format(arena, " %.3g", (double)edge->weight) : "";
            const char *label = edge->label ? arena_format(arena, " (%s%s)", edge->label, weight)
                                : *weight   ? arena_format(arena, " (%s)", weight + 1)
                                            : "";
            targets = arena_format(arena, "%s%s%s%s", targets, *targets ? ", " : "",
                                   label_visible(arena, graph->nodes[edge->to].label), label);
        }
        cells[i * COLUMNS] = graph->nodes[i].label;
        cells[i * COLUMNS + 1] = graph->nodes[i].note ? graph->nodes[i].note : "-";
        cells[i * COLUMNS + 2] = *targets ? targets : "-";
    }
    return (Table){ .header = header, .cells = cells, .n_rows = graph->n_nodes, .n_columns = COLUMNS };
}

int graph_layers(const Graph *graph, int *layer)
{
    memset(layer, 0, (size_t)graph->n_nodes * sizeof *layer);
    // Relaxation; a graph without cycles settles within n_nodes rounds and no path is longer than n_nodes − 1.
    for (int round = 0; round < graph->n_nodes; round++)
        for (int e = 0; e < graph->n_edges; e++) {
            const GraphEdge *edge = &graph->edges[e];
            bool deeper = layer[edge->to] <= layer[edge->from] && layer[edge->from] + 1 < graph->n_nodes;
            if (edge->from != edge->to && deeper) layer[edge->to] = layer[edge->from] + 1;
        }
    int layers = 0;
    for (int i = 0; i < graph->n_nodes; i++) layers = layer[i] + 1 > layers ? layer[i] + 1 : layers;
    return layers;
}
