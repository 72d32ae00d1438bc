// dgate[i] (+)= silu'(gate[i]) · up[i] · dy[i],   dup[i] (+)= silu(gate[i]) · dy[i]
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
IN_V(2, dy);
INOUT_V(3, dgate);
INOUT_V(4, dup);
ARGS(5, uint n; uint first; uint accumulate_gate; uint accumulate_up;);

void main()
{
    uint i = item_index();
    if (i * WIDTH >= args.n) return;
    V g = LOAD_V(gate, i), d = LOAD_V(dy, i), to_gate = silu_slope(g) * LOAD_V(up, i) * d, to_up = silu(g) * d;
    STORE_V(dgate, i, args.accumulate_gate != 0 ? LOAD_INOUT_V(dgate, i) + to_gate : to_gate);
    STORE_V(dup, i, args.accumulate_up != 0 ? LOAD_INOUT_V(dup, i) + to_up : to_up);
}
