// RMSNorm, one row per invocation.   y[r,i] = gain[i] · x[r,i] · s[r],   s[r] = 1 / sqrt(mean_i x[r,i]² + eps)
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, x);
IN(1, gain);
OUT(2, y);
OUT(3, s);
ARGS(4, uint rows; uint n; float eps;);

void main()
{
    uint r = item_index();
    if (r >= args.rows) return;
    float squares = 0;
    for (uint i = 0; i < args.n; i++) {
        float v = LOAD(x, r * args.n + i);
        squares += v * v;
    }
    float scale = inversesqrt(squares / float(args.n) + args.eps);
    for (uint i = 0; i < args.n; i++) STORE(y, r * args.n + i, LOAD(gain, i) * LOAD(x, r * args.n + i) * scale);
    STORE(s, r, scale);
}
