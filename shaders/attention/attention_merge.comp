// One attention out of those over chunks of the keys, four elements of y per invocation, chunk by chunk in their order.
//   lse = log Σ_c exp(lse_c),   y = Σ_c exp(lse_c − lse) · y_c
// part_y [chunks,B,T,H,D], part_lse [chunks,B,H,T]. A chunk in which a query sees nobody has lse = −LOWEST.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "attention.glsl"

IN4(0, part_y);
IN(1, part_lse);
OUT4(2, y);
OUT(3, lse);
ARGS(4, uint B; uint T; uint H; uint chunks;);

void main()
{
    uint V = D / 4, row = item_index() / V, rows = args.B * args.T * args.H;
    if (row >= rows) return;
    uint h = row % args.H, t = row / args.H % args.T, b = row / args.H / args.T;
    uint line = (b * args.H + h) * args.T + t;
    float m = LOWEST, all = 0;
    for (uint c = 0; c < args.chunks; c++) {
        float x = LOAD(part_lse, c * rows + line);
        if (x < -LOWEST) m = max(m, x);
    }
    vec4 sum = vec4(0);
    for (uint c = 0; c < args.chunks; c++) {
        float x = LOAD(part_lse, c * rows + line);
        if (x >= -LOWEST) continue;
        float p = exp(x - m);
        all += p;
        sum += p * LOAD4(part_y, c * rows * V + item_index());
    }
    STORE4(y, item_index(), all > 0 ? sum / all : vec4(0));
    if (item_index() % V == 0) STORE(lse, line, all > 0 ? m + log(all) : -LOWEST);
}
