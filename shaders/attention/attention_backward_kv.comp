// Attention backward to keys and values, one key per invocation, which walks along the queries of all heads that share
// it, head by head: a fixed order.
//   p_t = exp(score_t − lse_t),  dv (+)= Σ_t p_t·dy_t,   ds_t = p_t·(dy_t·v − delta_t),  dk (+)= scale · Σ_t ds_t·q_t
// Row r is (b·S + s)·G + g, as in k [B,S,G,D].
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
INOUT(6, dk);
INOUT(7, dv);
MASK_BINDINGS(8);
ATTENTION_ARGS(15);
#include "attention_mask.glsl"

void main()
{
    if (item_index() >= args.items) return;
    uint row = args.first + item_index(), g = row % args.G, s = row / args.G % args.S, b = row / args.G / args.S;
    uint key = row * D, heads = args.H / args.G;
    int at = key_position(b, s), of = key_sequence(b, s);

    float sum_k[D], sum_v[D];
    for (uint d = 0; d < D; d++) sum_k[d] = sum_v[d] = 0;
    uvec2 range = s < key_count(b) ? query_range(b, s, s) : uvec2(0);
    for (uint h = g * heads; h < (g + 1) * heads; h++)
        for (uint t = range.x; t < range.y; t++) {
            if (!sees(query_position(b, t), query_sequence(b, t), at, of)) continue;
            uint from = ((b * args.T + t) * args.H + h) * D, query = (b * args.H + h) * args.T + t;
            float score = 0, dp = 0;
            for (uint d = 0; d < D; d++) {
                score += LOAD(q, from + d) * LOAD(k, key + d);
                dp += LOAD(dy, from + d) * LOAD(v, key + d);
            }
            score *= args.scale;
            if (HAS_BIAS) score += LOAD(bias, bias_at(h, t, s));
            float p = exp(score - LOAD(lse, query)), ds = p * (dp - LOAD(delta, query)) * args.scale;
            for (uint d = 0; d < D; d++) {
                sum_k[d] += ds * LOAD(q, from + d);
                sum_v[d] += p * LOAD(dy, from + d);
            }
        }
    for (uint d = 0; d < D; d++) {
        STORE(dk, key + d, args.accumulate != 0 ? LOAD(dk, key + d) + sum_k[d] : sum_k[d]);
        STORE(dv, key + d, args.accumulate_v != 0 ? LOAD(dv, key + d) + sum_v[d] : sum_v[d]);
    }
}
