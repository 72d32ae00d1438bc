// Uniform draws, four to an invocation.   x[i] = word i mod 4 of Philox block ⌊i/4⌋, upper 24 bits, in [0, 1)
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "philox.glsl"

OUT(0, x);
ARGS(1, uint n; uint key_low; uint key_high; uint first_block; uint subsequence_low; uint subsequence_high;);

void main()
{
    uint block = item_index();
    if (4 * block >= args.n) return;
    vec4 draws = philox_uniform(philox(uvec2(args.key_low, args.key_high), uvec2(args.first_block + block, 0),
                                       uvec2(args.subsequence_low, args.subsequence_high)));
    for (uint j = 0; j < min(4, args.n - 4 * block); j++) STORE(x, 4 * block + j, draws[j]);
}
