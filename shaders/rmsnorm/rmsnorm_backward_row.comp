// RMSNorm backward, one row per invocation.
//   dx[r,i] (+)= s[r]·(gain[i]·dy[r,i] − x[r,i]·s[r]²·mean_j(gain[j]·dy[r,j]·x[r,j]))
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, x);
IN(1, gain);
IN(2, s);
IN(3, dy);
INOUT(4, dx);
ARGS(5, uint rows; uint n; uint accumulate;);

void main()
{
    uint r = item_index();
    if (r >= args.rows) return;
    float dot = 0;
    for (uint i = 0; i < args.n; i++) dot += LOAD(gain, i) * LOAD(dy, r * args.n + i) * LOAD(x, r * args.n + i);
    float scale = LOAD(s, r), pull = scale * scale * dot / float(args.n);
    for (uint i = 0; i < args.n; i++) {
        uint at = r * args.n + i;
        float d = scale * (LOAD(gain, i) * LOAD(dy, at) - LOAD(x, at) * pull);
        STORE(dx, at, args.accumulate != 0 ? LOAD(dx, at) + d : d);
    }
}
