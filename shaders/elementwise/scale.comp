// y[i] (+)= factor · x[i]
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

IN_V(0, x);
INOUT_V(1, y);
ARGS(2, uint n; uint first; uint accumulate; float factor;);

void main()
{
    uint i = item_index();
    if (i * WIDTH < args.n) GIVE_V(y, i, args.factor * LOAD_V(x, i));
}
