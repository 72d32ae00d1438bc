// y[i] = value
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

OUT(0, y);
ARGS(1, uint n; float value;);

void main()
{
    uint i = item_index();
    if (i < args.n) STORE(y, i, args.value);
}
