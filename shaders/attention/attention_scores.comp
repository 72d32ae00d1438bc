// From products to attention scores in place, one per invocation.   score[r,s] (+)= bias[r,s],  −∞ where s is hidden
// Row r is ((b·H) + h)·T + t.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "attention.glsl"

INOUT(0, score);
MASK_BINDINGS(1);
ATTENTION_ARGS(8);
#include "attention_mask.glsl"

void main()
{
    if (item_index() >= args.items) return;
    uint s = item_index() % args.S, row = args.first + item_index() / args.S;
    uint t = row % args.T, h = row / args.T % args.H, b = row / args.T / args.H;
    bool seen = s < key_count(b) &&
                sees(query_position(b, t), query_sequence(b, t), key_position(b, s), key_sequence(b, s));
    if (!seen)
        STORE(score, item_index(), MINUS_INFINITY);
    else if (HAS_BIAS)
        STORE(score, item_index(), LOAD(score, item_index()) + LOAD(bias, bias_at(h, t, s)));
}
