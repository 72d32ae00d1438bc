// The roof of arithmetic: three chains of four lanes multiply and add in registers and touch no memory.
//   x ← x·x + c   with 0 < c < 1/4 stays near its fixed point
// Twelve numbers in flight hide the latency of an addition and still fit into sixteen registers. A turn of the loop is
// 32 steps, 32 · 12 · 2 = 768 operations: a software driver masks every register at each turn.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

OUT(0, sums);
ARGS(1, uint turns;);

void main()
{
    uint item = item_index();
    vec4 x[3], c = vec4(0.05, 0.1, 0.15, 0.2);
    [[unroll]] for (uint i = 0; i < 3; i++) x[i] = vec4(float(item & 7u) * 0.01 + float(i) * 0.02);
    for (uint turn = 0; turn < args.turns; turn++)
        [[unroll]] for (uint step = 0; step < 32; step++)
            [[unroll]] for (uint i = 0; i < 3; i++) x[i] = x[i] * x[i] + c;
    vec4 sum = x[0] + x[1] + x[2];
    STORE(sums, item, sum.x + sum.y + sum.z + sum.w);
}
