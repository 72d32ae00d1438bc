// SGD with momentum:   g ← g·min(1, clip/norm) + λ·θ;  b ← μ·b + g;  θ ← θ − lr·b      (μ = 0: θ ← θ − lr·g)
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

INOUT_V(0, theta);
IN_V(1, g);
INOUT_V(2, b);
IN(3, norm); // any table without clip
ARGS(4, uint n; uint first; float lr; float mu; float decay; float clip;);

void main()
{
    uint i = item_index();
    if (i * WIDTH >= args.n) return;
    V grad = LOAD_V(g, i), old = LOAD_INOUT_V(theta, i);
    if (args.clip > 0 && LOAD(norm, 0) > args.clip) grad *= args.clip / LOAD(norm, 0);
    grad += args.decay * old;
    if (args.mu != 0) {
        grad += args.mu * LOAD_INOUT_V(b, i);
        STORE_V(b, i, grad);
    }
    STORE_V(theta, i, old - args.lr * grad);
}
