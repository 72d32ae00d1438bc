// The roof of memory: each invocation sums its share of a large buffer, sixteen loads to a turn of the loop. Item i
// begins at i · first and goes on by `next`: 1 and the number of items let neighbours read side by side, as a GPU wants
// it; the share and 1 let each read a run of its own, as a processor's caches want it.
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN4(0, data);
OUT(1, sums);
ARGS(2, uint turns; uint first; uint next;);

void main()
{
    uint item = item_index(), at = START4(data) + item * args.first;
    vec4 sum[4] = { vec4(0), vec4(0), vec4(0), vec4(0) };
    for (uint turn = 0; turn < args.turns; turn++) {
        [[unroll]] for (uint load = 0; load < 16; load++) sum[load % 4] += AT4(data, at + load * args.next);
        at += 16 * args.next;
    }
    vec4 all = sum[0] + sum[1] + sum[2] + sum[3];
    STORE(sums, item, all.x + all.y + all.z + all.w);
}
