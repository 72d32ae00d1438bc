// Exhibits whose exact form is a table: what the writers print where a picture would not do.
#pragma once
#include "stage/exhibit.h"

Table table_of_cost(Arena *arena, const Cost *cost);          // kernel, times, share, GFLOP/s, GB/s, share of the roof
Table table_of_vectors(Arena *arena, const Vectors *vectors); // dial, then each hand's angle and radius
Table table_of_graph(Arena *arena, const Graph *graph);       // node, note, what it points at

bool is_numeric(const char *cell); // a column of these is set to the right

// The layer of each node, [n_nodes]: one more than the deepest of those that point at it (edges of a cycle are
// ignored). Returns the number of layers.
int graph_layers(const Graph *graph, int *layer);
