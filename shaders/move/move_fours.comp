// A table of up to 6 dimensions moved between two layouts, four elements per invocation.   to[…] (+)= from[…]
// The innermost dimension lies dense on both sides; it and the strides are counted in fours.
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "move.glsl"

IN4(0, x);
INOUT4(1, y);

void main()
{
    uint i = item_index(), from, to;
    if (i >= args.n) return;
    place(i, from, to);
    vec4 v = LOAD4(x, from);
    STORE4(y, to, args.accumulate != 0 ? LOAD4_INOUT(y, to) + v : v);
}
