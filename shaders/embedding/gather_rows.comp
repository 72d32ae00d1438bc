// One element, or four, of a row of a table.   y[j,c] (+)= table[ids[j],c]
// This dispatch has rows first … first+rows of the table, as many as can be bound. An id outside the table gives zeros.
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

IN_V(0, table);
IN_UINT(1, ids);
INOUT_V(2, y);
ARGS(3, uint n; uint width; uint first; uint rows; uint vocab; uint accumulate;);

void main()
{
    uint i = item_index(), width = args.width / WIDTH, j = i / width, c = i % width;
    if (j >= args.n) return;
    uint id = LOAD(ids, j), row = id - args.first;
    if (row < args.rows)
        GIVE_V(y, i, LOAD_V(table, row * width + c));
    else if (id >= args.vocab && args.first == 0 && args.accumulate == 0)
        STORE_V(y, i, V(0));
}
