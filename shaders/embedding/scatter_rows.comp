// The sum of an id's rows, in rising order, by the invocation at the head of its list: one element, or four.
//   table[v,c] (+)= Σ_{j: ids[j] = v} x[j,c]
// This dispatch has rows first … first+rows of the table, as many as can be bound.
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

IN_V(0, x);
IN_UINT(1, ids);
IN_UINT(2, head);
IN_UINT(3, next);
INOUT_V(4, table);
ARGS(5, uint n; uint width; uint first; uint rows; uint accumulate;);

void main()
{
    uint i = item_index(), width = args.width / WIDTH, j = i / width, c = i % width;
    if (j >= args.n || LOAD(head, j) == 0) return;
    uint row = LOAD(ids, j) - args.first;
    if (row >= args.rows) return;
    V sum = V(0);
    for (; j < args.n; j = LOAD(next, j)) sum += LOAD_V(x, j * width + c);
    GIVE_V(table, row * width + c, sum);
}
