// From scores to the attention pattern in place, one row per invocation.
//   pattern[r,s] = exp(score − m) / Σ exp(score − m),   0 in a row that sees nobody
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

INOUT(0, pattern);
ARGS(1, uint rows; uint n;);
const float LOWEST = -3.4e38; // as in attention.glsl: what attention_scores gives hidden keys

void main()
{
    uint row = item_index();
    if (row >= args.rows) return;
    float m = LOWEST, l = 0;
    for (uint s = 0; s < args.n; s++) {
        float x = LOAD(pattern, row * args.n + s), higher = max(m, x);
        l = l * exp(m - higher) + exp(x - higher);
        m = higher;
    }
    float share = m > LOWEST ? 1 / l : 0;
    for (uint s = 0; s < args.n; s++) {
        uint at = row * args.n + s;
        STORE(pattern, at, exp(LOAD(pattern, at) - m) * share);
    }
}
