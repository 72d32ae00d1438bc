// Attention backward, what the softmax subtracts.   delta[r] = Σ_d dy[r,d]·y[r,d]        Dao 2023, algorithm 2, line 4
// Row r is ((b·H) + h)·T + t, as in lse [B,H,T]; y and dy are [B,T,H,D].
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

layout(constant_id = 0) const uint D = 64;
IN(0, y);
IN(1, dy);
OUT(2, delta);
ARGS(3, uint T; uint H; uint items;);

void main()
{
    uint row = item_index();
    if (row >= args.items) return;
    uint t = row % args.T, h = row / args.T % args.H, b = row / args.T / args.H;
    uint from = ((b * args.T + t) * args.H + h) * D;
    float sum = 0;
    for (uint d = 0; d < D; d++) sum += LOAD(y, from + d) * LOAD(dy, from + d);
    STORE(delta, row, sum);
}
