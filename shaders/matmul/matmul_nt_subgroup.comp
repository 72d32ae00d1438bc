// A·Bᵀ by subgroups (product_block.glsl).   c[m,n] (+)= Σ_k a[m,k]·b[n,k]
// Four k at a time: a lane fetches them of its four rows of b, and lane r mod LANES those of row r of a for everybody.
//! variant texel: -DTEXEL
//! variant texel4: -DTEXEL -DLANES=4
//! variant texel_f16: -DTEXEL -DF16
//! variant texel4_f16: -DTEXEL -DF16 -DLANES=4
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
layout(local_size_x = 32) in;
#include "lectern.glsl"
#include "product.glsl"

IN4(0, a);
#ifdef F16
IN8H(1, b);
const uint STEP = 2; // fours of k in one load of b
#else
IN4(1, b);
const uint STEP = 1;
#endif
IN(2, bias);
INOUT(3, c);
PRODUCT_ARGS;
#include "product_block.glsl"

// sum[r] += Σ_i a[r,i]·b[·,i] for four k, where the lane has its columns' b as rows of a matrix
void multiply(vec4 a4[R / LANES], mat4 b4)
{
    mat4 by_k = transpose(b4);
    [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint i = 0; i < 4; i++)
        sum[r] += subgroupShuffle(a4[r / LANES][i], r % LANES) * by_k[i];
}

void main()
{
    Block block = find_block();
    if (block.m0 >= args.M) return;
    uint a_row[R / LANES], b_row[4], fours = args.K / 4;
    [[unroll]] for (uint i = 0; i < R / LANES; i++) {
        uint m = min(block.m0 + i * LANES + block.lane % LANES, args.M - 1);
        a_row[i] = START4(a) + (block.batch * args.batch_a + m * args.lda) / 4;
    }
    [[unroll]] for (uint j = 0; j < 4; j++)
        b_row[j] = START4(b) + (block.batch * args.batch_b + min(block.n + j, args.N - 1) * args.ldb) / (4 * STEP);

    [[unroll]] for (uint r = 0; r < R; r++) sum[r] = vec4(0);
    for (uint k = 0; k < fours; k += STEP) {
        vec4 a4[STEP][R / LANES];
        [[unroll]] for (uint s = 0; s < STEP; s++) [[unroll]] for (uint i = 0; i < R / LANES; i++)
            a4[s][i] = AT4(a, a_row[i] + k + s);
#ifdef F16
        uvec4 eight[4];
        [[unroll]] for (uint j = 0; j < 4; j++) eight[j] = AT4(b, b_row[j] + k / 2);
        multiply(a4[0], mat4(low_half(eight[0]), low_half(eight[1]), low_half(eight[2]), low_half(eight[3])));
        multiply(a4[1], mat4(high_half(eight[0]), high_half(eight[1]), high_half(eight[2]), high_half(eight[3])));
#else
        mat4 b4;
        [[unroll]] for (uint j = 0; j < 4; j++) b4[j] = AT4(b, b_row[j] + k);
        multiply(a4[0], b4);
#endif
    }
    store_block(block);
}
