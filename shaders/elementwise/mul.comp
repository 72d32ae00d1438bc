// y[i] (+)= a[i] · b[i]
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

IN_V(0, a);
IN_V(1, b);
INOUT_V(2, y);
ARGS(3, uint n; uint first; uint accumulate;);

void main()
{
    uint i = item_index();
    if (i * WIDTH < args.n) GIVE_V(y, i, LOAD_V(a, i) * LOAD_V(b, i));
}
