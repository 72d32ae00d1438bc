// Bias gradient, one column per invocation.   dbias[c] (+)= Σ_r dy[r,c]
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, dy);
INOUT(1, dbias);
ARGS(2, uint rows; uint columns; uint accumulate;);

void main()
{
    uint c = item_index();
    if (c >= args.columns) return;
    float sum = 0;
    for (uint r = 0; r < args.rows; r++) sum += LOAD(dy, r * args.columns + c);
    STORE(dbias, c, args.accumulate != 0 ? LOAD(dbias, c) + sum : sum);
}
