// A table of up to 6 dimensions moved between two layouts, one word per invocation.   to[…] (+)= from[…]
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "move.glsl"

IN_UINT(0, x);
INOUT_UINT(1, y);

void main()
{
    uint i = item_index(), from, to;
    if (i >= args.n) return;
    place(i, from, to);
    uint word = LOAD(x, from); // ids pass as they are: a float's register need not keep every bit
    if (args.accumulate != 0) word = floatBitsToUint(uintBitsToFloat(LOAD(y, to)) + uintBitsToFloat(word));
    STORE(y, to, word);
}
