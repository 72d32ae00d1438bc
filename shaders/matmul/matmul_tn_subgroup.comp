// Aᵀ·B by subgroups (product_block.glsl).   c[m,n] (+)= Σ_k a[k,m]·b[k,n]
// KK at a time: a lane fetches its four columns of each of these rows of b. Of a, the lanes fetch four rows m each: the
// block's R are R/4 lanes' for one k, so that LANES of them take several k at once.
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

const uint KS = LANES * 4 / R; // how many k one fetch of a holds

void main()
{
    Block block = find_block();
    if (block.m0 >= args.M) return;
    uint lda = args.lda, b_step = args.ldb / 4, K = args.K, lane = block.lane % LANES;
    uint m = min(block.m0 + lane % (R / 4) * 4, (args.M - 1) & ~3u);
    uint a_at = args.offset[a_binding] + block.batch * args.batch_a + lane / (R / 4) * lda + m;
    uint b_at = START4(b) + (block.batch * args.batch_b + min(block.n, args.N - 4)) / 4;

    [[unroll]] for (uint r = 0; r < R; r++) sum[r] = vec4(0);
    for (uint k = 0; k < K; k += KK) { // K is a multiple of KK
        vec4 a4[KK / KS], b4[KK];
        [[unroll]] for (uint i = 0; i < KK / KS; i++) a4[i] = fetch_a(a_at + (k + i * KS) * lda);
        [[unroll]] for (uint i = 0; i < KK; i++) b4[i] = AT4(b, b_at + (k + i) * b_step);
        [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint i = 0; i < KK; i++)
            sum[r] += subgroupShuffle(a4[i / KS][r % 4], r / 4 + i % KS * (R / 4)) * b4[i];
    }
    store_block(block);
}
