// The roof of memory: each invocation sums its share of a large buffer, neighbours reading side by side.
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN4(0, data);
OUT(1, sums);
ARGS(2, uint n;);

void main()
{
    uint item = item_index(), items = gl_NumWorkGroups.x * gl_NumWorkGroups.y * gl_WorkGroupSize.x;
    vec4 sum = vec4(0);
    for (uint i = item; i < args.n; i += items) sum += LOAD4(data, i);
    STORE(sums, item, sum.x + sum.y + sum.z + sum.w);
}
