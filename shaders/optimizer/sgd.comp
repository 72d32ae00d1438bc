// SGD with momentum:   g ← g·min(1, clip/norm) + λ·θ;  b ← μ·b + g;  θ ← θ − lr·b      (μ = 0: θ ← θ − lr·g)
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

INOUT(0, theta);
IN(1, g);
INOUT(2, b);
IN(3, norm); // any table without clip
ARGS(4, uint n; float lr; float mu; float decay; float clip;);

void main()
{
    uint i = item_index();
    if (i >= args.n) return;
    float grad = LOAD(g, i), old = LOAD(theta, i);
    if (args.clip > 0 && LOAD(norm, 0) > args.clip) grad *= args.clip / LOAD(norm, 0);
    grad += args.decay * old;
    if (args.mu != 0) {
        grad += args.mu * LOAD(b, i);
        STORE(b, i, grad);
    }
    STORE(theta, i, old - args.lr * grad);
}
