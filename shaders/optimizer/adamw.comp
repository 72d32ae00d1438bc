// AdamW (Loshchilov & Hutter 2019, alg. 2), in the order in which PyTorch computes it:
//   θ ← θ·(1 − lr·λ);  m ← m + (1−β1)·(g − m);  v ← β2·v + (1−β2)·g²;  θ ← θ − lr/(1−β1ᵗ) · m / (√v/√(1−β2ᵗ) + ε)
// with g scaled by min(1, clip/norm).
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"

INOUT_V(0, theta);
IN_V(1, g);
INOUT_V(2, m);
INOUT_V(3, v);
IN(4, norm); // any table without clip
ARGS(5, uint n; uint first; float keep; float rest1; float beta2; float rest2; float step_; float root2; float eps; float clip;);

void main()
{
    uint i = item_index();
    if (i * WIDTH >= args.n) return;
    V grad = LOAD_V(g, i);
    if (args.clip > 0 && LOAD(norm, 0) > args.clip) grad *= args.clip / LOAD(norm, 0);
    V first = LOAD_INOUT_V(m, i), second = args.beta2 * LOAD_INOUT_V(v, i) + args.rest2 * grad * grad;
    first += args.rest1 * (grad - first);
    STORE_V(m, i, first);
    STORE_V(v, i, second);
    STORE_V(theta, i, LOAD_INOUT_V(theta, i) * args.keep - args.step_ * (first / (sqrt(second) / args.root2 + args.eps)));
}
