// Rotary positions, one pair per invocation.   (a, b) → (a·cos − b·sin, a·sin + b·cos), by −angle if backward
//   x [n/heads, heads, dim], pos [n/heads], table [positions, turned/2, 2]; elements from `turned` on are copied.
// Pairs at a position that the table does not have become NaN.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

layout(constant_id = 0) const uint HALVES = 0; // pairs are (x0, x_turned/2), … instead of (x0, x1), …

IN(0, x);
IN_UINT(1, pos);
IN(2, table);
INOUT(3, y);
ARGS(4, uint n; uint heads; uint dim; uint turned; uint positions; uint backward; uint accumulate;);

void give(uint at, float value) { STORE(y, at, args.accumulate != 0 ? LOAD(y, at) + value : value); }

void main()
{
    uint item = item_index(), pairs = args.dim / 2, row = item / pairs, i = item % pairs, turned = args.turned / 2;
    if (row >= args.n) return;
    bool halves = HALVES != 0 && i < turned;
    uint at = row * args.dim + (halves ? i : 2 * i), to = at + (halves ? turned : 1);
    float a = LOAD(x, at), b = LOAD(x, to);
    if (i < turned) {
        uint at_pos = LOAD(pos, row / args.heads), angle = min(at_pos, args.positions - 1) * turned + i;
        float c = LOAD(table, 2 * angle), s = LOAD(table, 2 * angle + 1), kept = a;
        if (at_pos >= args.positions) c = s = NOT_A_NUMBER;
        if (args.backward != 0) s = -s;
        a = kept * c - b * s;
        b = kept * s + b * c;
    }
    give(at, a);
    give(to, b);
}
