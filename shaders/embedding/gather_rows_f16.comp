// Two elements of a row of an f16 table: one word.   y[j,c] = table[ids[j],c]
// This dispatch has rows first … first+rows of the table, as many as can be bound. An id outside the table gives zeros.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN_UINT(0, table);
IN_UINT(1, ids);
OUT(2, y);
ARGS(3, uint n; uint width; uint first; uint rows; uint vocab; uint accumulate;);

void main()
{
    uint i = item_index(), width = args.width / 2, j = i / width, c = i % width;
    if (j >= args.n) return;
    uint id = LOAD(ids, j), row = id - args.first;
    bool inside = row < args.rows;
    if (!inside && (id < args.vocab || args.first != 0)) return;
    vec2 pair = inside ? unpackHalf2x16(LOAD(table, row * width + c)) : vec2(0);
    STORE(y, 2 * i, pair.x);
    STORE(y, 2 * i + 1, pair.y);
}
