// y[i] = silu(gate[i]) · up[i]
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"
#include "activations.glsl"

IN_V(0, gate);
IN_V(1, up);
OUT_V(2, y);
ARGS(3, uint n; uint first;);

void main()
{
    uint i = item_index();
    if (i * WIDTH < args.n) STORE_V(y, i, silu(LOAD_V(gate, i)) * LOAD_V(up, i));
}
