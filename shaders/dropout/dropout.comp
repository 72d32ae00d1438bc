// Dropout of four elements per invocation: one block of random numbers.   y[i] (+)= u(i) ≥ p ? x[i] / (1 − p) : 0
// with u(i) in [0, 1) from word i mod 4 of block i / 4 of Philox(key, ·, call). Backward does the same to dy.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "philox.glsl"

IN(0, x);
INOUT(1, y);
ARGS(2, uint n; uint first; uint accumulate; float p; uint key_low; uint key_high; uint call;);

void main()
{
    uint i = 4 * item_index();
    if (i >= args.n) return;
    vec4 u = philox_uniform(philox(uvec2(args.key_low, args.key_high), uvec2((args.first + i) >> 2, 0), uvec2(args.call, 0)));
    vec4 factor = step(args.p, u) / (1.0 - args.p);
    for (uint j = 0; j < 4 && i + j < args.n; j++) {
        float v = LOAD(x, i + j) * factor[j];
        STORE(y, i + j, args.accumulate != 0 ? LOAD(y, i + j) + v : v);
    }
}
