// A·B by subgroups (product_block.glsl).   c[m,n] (+)= Σ_k a[m,k]·b[k,n]
// KK at a time: a lane fetches its four columns of each of these rows of b, and lane r mod LANES the k of row r of a for
// everybody.
//! variant texel: -DTEXEL
//! variant texel4: -DTEXEL -DLANES=4
//! variant unaligned: -DTEXEL -DUNALIGNED
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
layout(local_size_x = 32) in;
#include "lectern.glsl"
#include "product.glsl"

IN4(0, a);
IN4(1, b);
IN(2, bias);
INOUT(3, c);
PRODUCT_ARGS;
#include "product_block.glsl"
#include "fetch_a.glsl"

void step(uint a_row[R / LANES], uint b_at, uint b_step, uint k, uint K)
{
    vec4 a4[KK / 4][R / LANES], b4[KK];
    [[unroll]] for (uint f = 0; f < KK / 4; f++) [[unroll]] for (uint i = 0; i < R / LANES; i++)
        a4[f][i] = fetch_a(a_row[i] + k + 4 * f);
    [[unroll]] for (uint i = 0; i < KK; i++) {
        b4[i] = k + i < K ? AT4(b, b_at + (k + i) * b_step) : vec4(0);
        if (k + i >= K) [[unroll]] for (uint j = 0; j < R / LANES; j++) a4[i / 4][j][i % 4] = 0;
    }
    [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint i = 0; i < KK; i++)
        sum[r] += subgroupShuffle(a4[i / 4][r / LANES][i % 4], r % LANES) * b4[i];
}

void main()
{
    Block block = find_block();
    if (block.m0 >= args.M) return;
    uint a_row[R / LANES], K = args.K, b_step = args.ldb / 4;
    [[unroll]] for (uint i = 0; i < R / LANES; i++) {
        uint m = min(block.m0 + i * LANES + block.lane % LANES, args.M - 1);
        a_row[i] = args.offset[a_binding] + block.batch * args.batch_a + m * args.lda;
    }
    uint b_at = START4(b) + (block.batch * args.batch_b + min(block.n, args.N - 4)) / 4;

    [[unroll]] for (uint r = 0; r < R; r++) sum[r] = vec4(0);
    uint k = 0;
    for (; k + KK <= K; k += KK) step(a_row, b_at, b_step, k, k + KK);
#ifdef UNALIGNED // else K is a multiple of KK
    if (k < K) step(a_row, b_at, b_step, k, K);
#endif
    store_block(block);
}
