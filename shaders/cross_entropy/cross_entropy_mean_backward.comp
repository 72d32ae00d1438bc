// dloss[r] (+)= dmean·share·weight[r]
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, weight);
IN(1, share);
IN(2, dmean);
INOUT(3, dloss);
ARGS(4, uint rows; uint accumulate;);

void main()
{
    uint r = item_index();
    if (r >= args.rows) return;
    float d = LOAD(dmean, 0) * LOAD(share, 0) * LOAD(weight, r);
    STORE(dloss, r, args.accumulate != 0 ? LOAD(dloss, r) + d : d);
}
