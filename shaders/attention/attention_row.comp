// Attention, one query per invocation, which walks along the keys with a running maximum m and sum l (the "online
// softmax", Milakov & Gimelshein 2018): a larger maximum rescales what was summed before.
//   score = scale · q·k_s + bias,   out = Σ_s exp(score − m) · v_s / l,   lse = m + log l
// Row r of the dispatch is ((b·H) + h)·T + t, as in lse [B,H,T]. A query that sees nobody gives 0 and lse = −LOWEST,
// which makes every exp(score − lse) of its backward pass 0.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "attention.glsl"

IN(0, q);
IN(1, k);
IN(2, v);
OUT(3, y);
OUT(4, lse);
MASK_BINDINGS(5);
ATTENTION_ARGS(12);
#include "attention_mask.glsl"

void main()
{
    if (item_index() >= args.items) return;
    uint row = args.first + item_index(), t = row % args.T, h = row / args.T % args.H, b = row / args.T / args.H;
    uint from = ((b * args.T + t) * args.H + h) * D;
    int at = query_position(b, t), of = query_sequence(b, t);

    float sum[D], m = LOWEST, l = 0;
    for (uint d = 0; d < D; d++) sum[d] = 0;
    uvec2 range = key_range(b, t, t);
    for (uint s = range.x; s < range.y; s++) {
        if (!sees(at, of, key_position(b, s), key_sequence(b, s))) continue;
        uint key = (key_row(b, s) * args.G + key_head(h)) * D;
        float score = 0;
        for (uint d = 0; d < D; d++) score += LOAD(q, from + d) * LOAD(k, key + d);
        score *= args.scale;
        if (HAS_BIAS) score += LOAD(bias, bias_at(h, t, s));
        float higher = max(m, score), shrink = exp(m - higher), p = exp(score - higher);
        m = higher;
        l = l * shrink + p;
        for (uint d = 0; d < D; d++) sum[d] = sum[d] * shrink + p * LOAD(v, key + d);
    }
    float share = l > 0 ? 1 / l : 0;
    for (uint d = 0; d < D; d++) STORE(y, from + d, sum[d] * share);
    STORE(lse, row, l > 0 ? m + log(l) : -LOWEST);
}
