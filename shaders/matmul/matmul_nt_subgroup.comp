// A·Bᵀ by subgroups (product_block.glsl).   c[m,n] (+)= Σ_k a[m,k]·b[n,k]
// FOURS fours of k at a time: a lane fetches them of its four rows of b, and lane r mod LANES those of row r of a for
// everybody.
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
const uint B_LOAD = 2; // fours of k in one load of b
#else
IN4(1, b);
const uint B_LOAD = 1;
#endif
IN(2, bias);
INOUT(3, c);
PRODUCT_ARGS;
#include "product_block.glsl"

const uint FOURS = KK / 4;

void main()
{
    Block block = find_block();
    if (block.m0 >= args.M) return;
    uint a_row[R / LANES], b_row[4], fours = args.K / 4;
    [[unroll]] for (uint i = 0; i < R / LANES; i++) {
        uint m = min(block.m0 + i * LANES + block.lane % LANES, args.M - 1);
        a_row[i] = START4(a) + (block.batch * args.batch_a + m * args.lda) / 4;
    }
    [[unroll]] for (uint j = 0; j < 4; j++) {
        uint start = block.batch * args.batch_b + min(block.n + j, args.N - 1) * args.ldb;
        b_row[j] = START4(b) + start / (4 * B_LOAD);
    }

    [[unroll]] for (uint r = 0; r < R; r++) sum[r] = vec4(0);
    for (uint k = 0; k < fours; k += FOURS) {
        vec4 a4[FOURS][R / LANES];
        mat4 b4[FOURS]; // first as fetched, a column of the matrix for each row of b; then turned: one for each k
        [[unroll]] for (uint f = 0; f < FOURS; f++) [[unroll]] for (uint i = 0; i < R / LANES; i++)
            a4[f][i] = AT4(a, a_row[i] + k + f);
        [[unroll]] for (uint j = 0; j < 4; j++) {
#ifdef F16
            uvec4 eight = AT4(b, b_row[j] + k / 2);
            b4[0][j] = low_half(eight);
            b4[1][j] = high_half(eight);
#else
            [[unroll]] for (uint f = 0; f < FOURS; f++) b4[f][j] = AT4(b, b_row[j] + k + f);
#endif
        }
        [[unroll]] for (uint f = 0; f < FOURS; f++) b4[f] = transpose(b4[f]);
        [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint f = 0; f < FOURS; f++) [[unroll]] for (uint i = 0; i < 4; i++)
            sum[r] += subgroupShuffle(a4[f][r / LANES][i], r % LANES) * b4[f][i];
    }
    store_block(block);
}
