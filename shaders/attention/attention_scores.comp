// The attention scores, one per invocation.   score[r,s] = scale · q_r·k_s + bias[r,s],  LOWEST where s is hidden
// Row r is ((b·H) + h)·T + t.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "attention.glsl"

IN(0, q);
IN(1, k);
OUT(2, score);
MASK_BINDINGS(3);
ATTENTION_ARGS(10);
#include "attention_mask.glsl"

void main()
{
    if (item_index() >= args.items) return;
    uint s = item_index() % args.S, row = args.first + item_index() / args.S;
    uint t = row % args.T, h = row / args.T % args.H, b = row / args.T / args.H;
    bool seen = s < key_count(b) &&
                sees(query_position(b, t), query_sequence(b, t), key_position(b, s), key_sequence(b, s));
    float x = LOWEST;
    if (seen) {
        uint from = ((b * args.T + t) * args.H + h) * D, key = (key_row(b, s) * args.G + key_head(h)) * D;
        float dot = 0;
        for (uint d = 0; d < D; d++) dot += LOAD(q, from + d) * LOAD(k, key + d);
        x = max(dot * args.scale + (HAS_BIAS ? LOAD(bias, bias_at(h, t, s)) : 0), LOWEST);
    }
    STORE(score, item_index(), x);
}
