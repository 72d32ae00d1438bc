// RMSNorm backward, one column per invocation.   dgain[i] (+)= Σ_r dy[r,i]·x[r,i]·s[r]
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, x);
IN(1, s);
IN(2, dy);
INOUT(3, dgain);
ARGS(4, uint rows; uint n; uint accumulate;);

void main()
{
    uint i = item_index();
    if (i >= args.n) return;
    float sum = 0;
    for (uint r = 0; r < args.rows; r++) sum += LOAD(dy, r * args.n + i) * LOAD(x, r * args.n + i) * LOAD(s, r);
    STORE(dgain, i, args.accumulate != 0 ? LOAD(dgain, i) + sum : sum);
}
