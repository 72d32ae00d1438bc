// y[i] = f(x[i])
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
OUT_V(1, y);
ARGS(2, uint n; uint first;);

V f(V x)
{
    switch (ACTIVATION) {
    case 0: return relu(x);
    case 1: return gelu_tanh(x);
    case 2: return gelu_erf(x);
    case 3: return silu(x);
    case 4: return tanh_clamped(x);
    default: return sigmoid(x);
    }
}

void main()
{
    uint i = item_index();
    if (i * WIDTH < args.n) STORE_V(y, i, f(LOAD_V(x, i)));
}
