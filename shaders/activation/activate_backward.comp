// dx[i] (+)= f'(x[i]) · dy[i]
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"
#include "activations.glsl"

layout(constant_id = 0) const uint ACTIVATION = 0; // in the order of enum Activation

IN_V(0, x);
IN_V(1, dy);
INOUT_V(2, dx);
ARGS(3, uint n; uint first; uint accumulate;);

V slope(V x)
{
    switch (ACTIVATION) {
    case 0: return relu_slope(x);
    case 1: return gelu_tanh_slope(x);
    case 2: return gelu_erf_slope(x);
    case 3: return silu_slope(x);
    case 4: return tanh_slope(x);
    default: return sigmoid_slope(x);
    }
}

void main()
{
    uint i = item_index();
    if (i * WIDTH < args.n) GIVE_V(dx, i, slope(LOAD_V(x, i)) * LOAD_V(dy, i));
}
