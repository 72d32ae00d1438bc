// A bias's gradient, one column per invocation.   out[n] (+)= Σ_m x[m,n]
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, x);
INOUT(1, y);
ARGS(2, uint rows; uint columns; uint accumulate;);

void main()
{
    uint n = item_index();
    if (n >= args.columns) return;
    float sum = 0;
    for (uint m = 0; m < args.rows; m++) sum += LOAD(x, m * args.columns + n);
    STORE(y, n, args.accumulate != 0 ? LOAD(y, n) + sum : sum);
}
