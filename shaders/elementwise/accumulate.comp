// y[i] += x[i]
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, x);
INOUT(1, y);
ARGS(2, uint n;);

void main()
{
    uint i = item_index();
    if (i < args.n) STORE(y, i, LOAD(y, i) + LOAD(x, i));
}
