// Rows of a quantised table by id.   y[j] = table[ids[j]]; an id outside the table gives zeros
// An invocation makes eight elements. This dispatch has rows first … first+rows of the table.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "planes.glsl"

PLANES(0);
IN_UINT(4, ids);
OUT4(5, y);
ARGS(6, uint n; uint width; uint first; uint rows; uint vocab;);

void main()
{
    uint cells = args.width / 8, index = item_index(), j = index / cells, c = index % cells;
    if (j >= args.n) return;
    uint id = LOAD(ids, j), row = id - args.first, band = row / 4, r = row % 4;
    bool inside = row < args.rows;
    if (!inside && (id < args.vocab || args.first != 0)) return;
    vec4 scale, minimum;
    float value[8];
    Cell cell;
    if (inside) {
        LOAD_SCALES(band, c, cells, scale, minimum);
        LOAD_CELL(band * cells + c, cell);
    }
    [[unroll]] for (uint i = 0; i < 8; i++)
        value[i] = inside ? scale[r] * (cell_quants(cell, i)[r] * (1 / cell_unit(i)) - OFFSET) + minimum[r] : 0;
    STORE4(y, 2 * index, vec4(value[0], value[1], value[2], value[3]));
    STORE4(y, 2 * index + 1, vec4(value[4], value[5], value[6], value[7]));
}
