// The roof of arithmetic: eight chains of four lanes multiply and add in registers and touch no memory.
//   x ← x·x + c   with |c| < 1/4 stays near its fixed point; each step is 8 · 4 · 2 = 64 operations
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

OUT(0, sums);
ARGS(1, uint n;);

void main()
{
    uint item = item_index();
    vec4 x[8], c = vec4(0.05, 0.1, 0.15, 0.2);
    for (uint i = 0; i < 8; i++) x[i] = vec4(float(item & 7u) * 0.01 + float(i) * 0.02);
    for (uint step = 0; step < args.n; step++)
        [[unroll]] for (uint i = 0; i < 8; i++) x[i] = x[i] * x[i] + c;
    vec4 sum = vec4(0);
    for (uint i = 0; i < 8; i++) sum += x[i];
    STORE(sums, item, sum.x + sum.y + sum.z + sum.w);
}
