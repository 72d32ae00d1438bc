// Exhibits: what a lecture's step shows. Each is plain host data that says *what* is shown (numbers, labels, units);
// the writers (terminal, HTML) decide how it looks. Every exhibit has a title and a finding: the one sentence that a
// reader should take from the picture, which is also its alternative text. Without one, a sentence is made from the
// data (its range and where its extremes are). Colour never carries meaning alone: every value is readable as text
// too.
//
// Shapes are in row-major order. A float that is not finite is shown as such (−∞ is what a mask leaves in the scores)
// and takes no part in a range. Labels may be any bytes (a hostile prompt): writers escape them.
#pragma once
#include "base/memory.h"
#include <stdbool.h>

// values [n_maps, n_rows, n_columns]. Several maps (heads side by side) share one scale.
typedef struct Heatmap {
    const char *title, *finding;
    const float *values;
    int n_maps, n_rows, n_columns;      // n_maps 0 means 1
    const char *const *rows;            // [n_rows] labels; NULL: numbers from 0
    const char *const *columns;         // [n_columns]
    const char *const *maps;            // [n_maps] names ("head 0", …)
    const char *row_axis, *column_axis; // what the rows and columns are: "query", "key"
    const char *unit;
    bool diverging;              // colours run both ways from 0; else from low to high
    float low, high;             // the colour's range; both 0: the range of the values
    const unsigned char *absent; // [n_maps, n_rows, n_columns] 1: there is no value here; NULL: all there
} Heatmap;

// A text cut into tokens, each with its colour's value (a probability, an attention weight) and a note below it (id,
// tag).
typedef struct TokenStrip {
    const char *title, *finding;
    const char *const *tokens; // [n]
    const float *values;       // [n] or NULL
    const char *const *notes;  // [n] or NULL
    int n;
    const char *unit;
    bool diverging;
    float low, high;
} TokenStrip;

// Horizontal bars, one below the other; `reference` is a second value of each (a baseline, the exact distribution).
typedef struct Bars {
    const char *title, *finding;
    const char *const *labels; // [n]; NULL: numbers from 0
    const float *values;       // [n]
    const float *reference;    // [n] or NULL
    int n;
    const char *name, *reference_name; // what the values and the references are: named when there is a reference
    const char *unit;
} Bars;

typedef struct Series {
    const char *name;
    const float *x, *y; // [n]; x NULL: 0, 1, 2, …
    int n;
    bool points;               // marks that are not joined (a scatter)
    const char *const *labels; // [n] or NULL: a name at each point
} Series;

typedef struct Curve {
    const char *title, *finding;
    const Series *series; // [n_series], at most 8
    int n_series;
    const char *x_axis, *y_axis; // "step", "loss (nats)"
    bool log_x, log_y;           // values ≤ 0 are left out on such an axis
} Curve;

// Dials with turning hands (RoPE's pairs): hand h of dial d points at `angles` (radians, anticlockwise from east),
// `radii` long.
typedef struct Vectors {
    const char *title, *finding;
    const float *angles, *radii;             // [n_dials, n_hands]; radii NULL: 1
    int n_dials, n_hands;                    // n_hands 0 means 1, at most 8
    const char *const *dials, *const *hands; // [n_dials], [n_hands] names, or NULL
} Vectors;

typedef struct GraphNode {
    const char *label;
    const char *note; // below the label ("[64 × 16]"), or NULL
} GraphNode;

typedef struct GraphEdge {
    int from, to;
    const char *label;
    float weight; // line width relative to the largest; all 0: all the same
} GraphEdge;

// In layers, each node below those that point at it; `line` puts the nodes in one row with arcs above (tokens, a
// dependency tree).
typedef struct Graph {
    const char *title, *finding;
    const GraphNode *nodes;
    const GraphEdge *edges;
    int n_nodes, n_edges;
    bool line;
} Graph;

typedef struct Image {
    const char *title, *finding;
    const unsigned char *rgb; // [height, width, 3]
    int height, width;
} Image;

// A source text. `kernel`: a shader that ran in this step: the terminal folds it behind the key k.
typedef struct Code {
    const char *title, *finding; // the title is the file's name: "shaders/matmul/nt_tiled.comp"
    const char *source;
    bool kernel;
} Code;

typedef struct Table {
    const char *title, *finding;
    const char *const *header; // [n_columns]
    const char *const *cells;  // [n_rows, n_columns]; columns of numbers are set to the right
    int n_rows, n_columns;
} Table;

typedef struct Paragraph {
    const char *title, *finding; // no finding is made for a text: it speaks for itself
    const char *text;            // an empty line starts a new paragraph
} Paragraph;

typedef struct Dispatch {
    const char *kernel;
    int count;           // 0 means 1
    double seconds;      // of all `count` together
    double flops, bytes; // as stated at the call, of all together
} Dispatch;

// Where the time of a step went, kernel by kernel.
typedef struct Cost {
    const char *title, *finding;
    const Dispatch *dispatches;
    int n;
    double roof_flops, roof_bytes; // the device's measured FLOP/s and bytes/s; 0: not known
    const char *device;
} Cost;

typedef enum ExhibitKind {
    EXHIBIT_HEATMAP,
    EXHIBIT_TOKENS,
    EXHIBIT_BARS,
    EXHIBIT_CURVE,
    EXHIBIT_VECTORS,
    EXHIBIT_GRAPH,
    EXHIBIT_IMAGE,
    EXHIBIT_CODE,
    EXHIBIT_TABLE,
    EXHIBIT_TEXT,
    EXHIBIT_COST,
    EXHIBIT_KINDS
} ExhibitKind;

typedef struct Exhibit {
    ExhibitKind kind;
    union {
        struct {
            const char *title, *finding; // every kind starts with these two
        };
        Heatmap heatmap;
        TokenStrip tokens;
        Bars bars;
        Curve curve;
        Vectors vectors;
        Graph graph;
        Image image;
        Code code;
        Table table;
        Paragraph text;
        Cost cost;
    };
} Exhibit;

// A copy that stands by itself, in the arena, with its finding made if there was none. Sizes that make no sense (a
// negative count, a missing array) are the caller's mistake and stop.
Exhibit *exhibit_copy(Arena *arena, const Exhibit *exhibit);

// The smallest and largest finite value that is there; 0, 0 if none is. `absent` may be NULL.
typedef struct Range {
    float low, high;
} Range;
Range range_of(const float *values, const unsigned char *absent, long n);

// The range that colours run over: the given one, else that of the values; symmetric about 0 when diverging, never
// empty.
Range range_for_color(Range given, Range found, bool diverging);
