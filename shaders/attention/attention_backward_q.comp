// Attention backward to the queries, one query per invocation.
//   p_s = exp(score_s − lse),   ds_s = p_s·(dy·v_s − delta),   dq (+)= scale · Σ_s ds_s·k_s
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "attention.glsl"

IN(0, q);
IN(1, k);
IN(2, v);
IN(3, dy);
IN(4, lse);
IN(5, delta);
INOUT(6, dq);
MASK_BINDINGS(7);
ATTENTION_ARGS(14);
#include "attention_mask.glsl"

void main()
{
    if (item_index() >= args.items) return;
    uint row = args.first + item_index(), t = row % args.T, h = row / args.T % args.H, b = row / args.T / args.H;
    uint from = ((b * args.T + t) * args.H + h) * D;
    int at = query_position(b, t), of = query_sequence(b, t);

    float sum[D];
    for (uint d = 0; d < D; d++) sum[d] = 0;
    uvec2 range = key_range(b, t, t);
    for (uint s = range.x; s < range.y; s++) {
        if (!sees(at, of, key_position(b, s), key_sequence(b, s))) continue;
        uint key = (key_row(b, s) * args.G + key_head(h)) * D;
        float score = 0, dp = 0;
        for (uint d = 0; d < D; d++) {
            score += LOAD(q, from + d) * LOAD(k, key + d);
            dp += LOAD(dy, from + d) * LOAD(v, key + d);
        }
        score *= args.scale;
        if (HAS_BIAS) score += LOAD(bias, bias_at(h, t, s));
        float ds = exp(score - LOAD(lse, row)) * (dp - LOAD(delta, row)) * args.scale;
        for (uint d = 0; d < D; d++) sum[d] += ds * LOAD(k, key + d);
    }
    for (uint d = 0; d < D; d++) STORE(dq, from + d, args.accumulate != 0 ? LOAD(dq, from + d) + sum[d] : sum[d]);
}
