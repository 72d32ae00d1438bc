// Dropout of four elements per invocation: one block of random numbers.   y[i] (+)= u(i) ≥ p ? x[i] / (1 − p) : 0
// with u(i) in [0, 1) from word i mod 4 of block i / 4 of Philox(key, ·, call). Backward does the same to dy.
//! variant x4: -DX4
//! variant x4_texel: -DX4 -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "elements.glsl"
#include "philox.glsl"

IN_V(0, x);
INOUT_V(1, y);
ARGS(2, uint n; uint first; uint accumulate; float p; uint key_low; uint key_high; uint call;);

void main()
{
    uint block = item_index();
    if (4 * block >= args.n) return;
    uvec2 key = uvec2(args.key_low, args.key_high), counter = uvec2(args.first / 4 + block, 0);
    vec4 factor = step(args.p, philox_uniform(philox(key, counter, uvec2(args.call, 0)))) / (1.0 - args.p);
#ifdef X4
    GIVE_V(y, block, LOAD_V(x, block) * factor);
#else
    for (uint j = 0, i = 4 * block; j < 4 && i < args.n; j++, i++) GIVE_V(y, i, LOAD_V(x, i) * factor[j]);
#endif
}
