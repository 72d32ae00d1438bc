// Attention backward to the bias, one of its elements per invocation, which sums over the batches (and the heads, where
// one bias serves all), in their order.
//   dbias[h,t,s] (+)= Σ_b p·(dy·v_s − delta),   p = exp(score − lse)
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
INOUT(6, dbias);
MASK_BINDINGS(7);
ATTENTION_ARGS(14);
#include "attention_mask.glsl"

float pull(uint b, uint h, uint t, uint s)
{
    uint from = ((b * args.T + t) * args.H + h) * D, row = (b * args.H + h) * args.T + t;
    uint key = (key_row(b, s) * args.G + key_head(h)) * D;
    float score = 0, dp = 0;
    for (uint d = 0; d < D; d++) {
        score += LOAD(q, from + d) * LOAD(k, key + d);
        dp += LOAD(dy, from + d) * LOAD(v, key + d);
    }
    score = score * args.scale + LOAD(bias, bias_at(h, t, s));
    return exp(score - LOAD(lse, row)) * (dp - LOAD(delta, row));
}

void main()
{
    if (item_index() >= args.items) return;
    uint at = args.first + item_index(), s = at % args.S, t = at / args.S % args.T, first = at / args.S / args.T;
    uint heads = args.bias_heads == 1 ? args.H : first + 1;
    float sum = 0;
    for (uint b = 0; b < args.B; b++) {
        if (s >= key_count(b)) continue;
        if (!sees(query_position(b, t), query_sequence(b, t), key_position(b, s), key_sequence(b, s))) continue;
        for (uint h = first; h < heads; h++) sum += pull(b, h, t, s);
    }
    STORE(dbias, at, args.accumulate != 0 ? LOAD(dbias, at) + sum : sum);
}
