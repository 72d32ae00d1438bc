// The attention pattern, one query per invocation.   pattern[r,s] = exp(score_s − lse_r),  0 where s is hidden
// Row r is ((b·H) + h)·T + t. It walks along the keys twice: for the largest score and the sum, then to write.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "attention.glsl"

IN(0, q);
IN(1, k);
OUT(2, pattern);
MASK_BINDINGS(3);
ATTENTION_ARGS(10);
#include "attention_mask.glsl"

float score(uint b, uint h, uint t, uint s)
{
    uint from = ((b * args.T + t) * args.H + h) * D, key = (key_row(b, s) * args.G + key_head(h)) * D;
    float dot = 0;
    for (uint d = 0; d < D; d++) dot += LOAD(q, from + d) * LOAD(k, key + d);
    return dot * args.scale + (HAS_BIAS ? LOAD(bias, bias_at(h, t, s)) : 0);
}

void main()
{
    if (item_index() >= args.items) return;
    uint row = args.first + item_index(), t = row % args.T, h = row / args.T % args.H, b = row / args.T / args.H;
    int at = query_position(b, t), of = query_sequence(b, t);
    uvec2 range = key_range(b, t, t);
    float m = LOWEST, l = 0;
    for (uint s = range.x; s < range.y; s++) {
        if (!sees(at, of, key_position(b, s), key_sequence(b, s))) continue;
        float x = score(b, h, t, s), higher = max(m, x);
        l = l * exp(m - higher) + exp(x - higher);
        m = higher;
    }
    for (uint s = 0; s < args.S; s++) {
        bool seen = l > 0 && s >= range.x && s < range.y && sees(at, of, key_position(b, s), key_sequence(b, s));
        float p = 0;
        if (seen) p = exp(score(b, h, t, s) - m) / l;
        STORE(pattern, item_index() * args.S + s, p);
    }
}
