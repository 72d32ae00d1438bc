// Rotary positions, four pairs per invocation.   (a, b) → (a·cos − b·sin, a·sin + b·cos), by −angle if backward
//   x [n/heads, heads, dim], pos [n/heads], table [positions, turned/2, 2]; elements from `turned` on are copied.
// Pairs at a position that the table does not have become NaN. dim and turned are multiples of 8.
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

layout(constant_id = 0) const uint HALVES = 0; // pairs are (x0, x_turned/2), … instead of (x0, x1), …

IN4(0, x);
IN_UINT(1, pos);
IN4(2, table);
INOUT4(3, y);
ARGS(4, uint n; uint heads; uint dim; uint turned; uint positions; uint backward; uint accumulate;);

void give(uint at, vec4 value) { STORE4(y, at, args.accumulate != 0 ? LOAD4_INOUT(y, at) + value : value); }

void main()
{
    uint item = item_index(), eights = args.dim / 8, row = item / eights, i = item % eights, turned = args.turned / 8;
    if (row >= args.n) return;
    bool halves = HALVES != 0 && i < turned;
    uint at = row * (args.dim / 4) + (halves ? i : 2 * i), to = at + (halves ? turned : 1);
    vec4 u = LOAD4(x, at), v = LOAD4(x, to);
    if (i < turned) {
        uint at_pos = LOAD(pos, row / args.heads), angle = 2 * (min(at_pos, args.positions - 1) * turned + i);
        vec4 t0 = LOAD4(table, angle), t1 = LOAD4(table, angle + 1), c = vec4(t0.xz, t1.xz), s = vec4(t0.yw, t1.yw);
        if (at_pos >= args.positions) c = s = vec4(NOT_A_NUMBER);
        if (args.backward != 0) s = -s;
        vec4 a = halves ? u : vec4(u.xz, v.xz), b = halves ? v : vec4(u.yw, v.yw);
        vec4 p = a * c - b * s, q = a * s + b * c;
        u = halves ? p : vec4(p.x, q.x, p.y, q.y);
        v = halves ? q : vec4(p.z, q.z, p.w, q.w);
    }
    give(at, u);
    give(to, v);
}
