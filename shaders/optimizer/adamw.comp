// AdamW (Loshchilov & Hutter 2019, alg. 2), in the order in which PyTorch computes it:
//   θ ← θ·(1 − lr·λ);  m ← m + (1−β1)·(g − m);  v ← β2·v + (1−β2)·g²;  θ ← θ − lr/(1−β1ᵗ) · m / (√v/√(1−β2ᵗ) + ε)
// with g scaled by min(1, clip/norm).
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

INOUT(0, theta);
IN(1, g);
INOUT(2, m);
INOUT(3, v);
IN(4, norm); // any table without clip
ARGS(5, uint n; float keep; float rest1; float beta2; float rest2; float step_; float root2; float eps; float clip;);

void main()
{
    uint i = item_index();
    if (i >= args.n) return;
    float grad = LOAD(g, i);
    if (args.clip > 0 && LOAD(norm, 0) > args.clip) grad *= args.clip / LOAD(norm, 0);
    float first = LOAD(m, i), second = args.beta2 * LOAD(v, i) + args.rest2 * grad * grad;
    first += args.rest1 * (grad - first);
    STORE(m, i, first);
    STORE(v, i, second);
    STORE(theta, i, LOAD(theta, i) * args.keep - args.step_ * (first / (sqrt(second) / args.root2 + args.eps)));
}
