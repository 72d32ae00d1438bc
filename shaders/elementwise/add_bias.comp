// y[r,c] = x[r,c] + bias[c]
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

IN_V(0, x);
IN_V(1, bias);
OUT_V(2, y);
ARGS(3, uint n; uint first; uint columns;);

void main()
{
    uint i = item_index();
    if (i * WIDTH < args.n) STORE_V(y, i, LOAD_V(x, i) + LOAD_V(bias, (args.first / WIDTH + i) % (args.columns / WIDTH)));
}
