// A part of a quantised matrix as plain numbers, for products of many rows.   y[n,k] = scale · (q − offset) + minimum
// An invocation makes a cell: four rows and eight k.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "planes.glsl"

PLANES(0);
OUT4(4, y);
ARGS(5, uint N; uint K;);

void main()
{
    uint cells = args.K / 8, index = item_index(), band = index / cells, c = index % cells;
    if (band * 4 >= args.N) return;
    vec4 scale, minimum, value[8];
    Cell cell;
    LOAD_SCALES(band, c, cells, scale, minimum);
    LOAD_CELL(index, cell);
    [[unroll]] for (uint i = 0; i < 8; i++)
        value[i] = scale * (cell_quants(cell, i) * (1 / cell_unit(i)) - OFFSET) + minimum;
    [[unroll]] for (uint r = 0; r < 4; r++) {
        if (band * 4 + r >= args.N) return;
        uint at = ((band * 4 + r) * cells + c) * 2;
        STORE4(y, at, vec4(value[0][r], value[1][r], value[2][r], value[3][r]));
        STORE4(y, at + 1, vec4(value[4][r], value[5][r], value[6][r], value[7][r]));
    }
}
