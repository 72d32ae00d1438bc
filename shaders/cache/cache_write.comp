// Writes rows into a cache, one word (an f32 or two f16) per invocation.   cache[slots[r]] = x[r]
// The cache is bound from slot `first` on; a slot outside first … first+held−1 is padding, or another dispatch's.
//! variant f16: -DF16
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN(0, x);
IN_UINT(1, slots);
OUT_UINT(2, cache);
ARGS(3, uint items; uint words; uint first; uint held;);

void main()
{
    uint i = item_index();
    if (i >= args.items) return;
    uint r = i / args.words, slot = LOAD(slots, r) - args.first;
    if (slot >= args.held) return;
#ifdef F16
    uint word = packHalf2x16(vec2(LOAD(x, 2 * i), LOAD(x, 2 * i + 1)));
#else
    uint word = floatBitsToUint(LOAD(x, i));
#endif
    STORE(cache, slot * args.words + i % args.words, word);
}
