// A few rows times many: A·Bᵀ where a has M ≤ MS rows, as when one token is decoded.   c[m,n] (+)= Σ_k a[m,k]·b[n,k]
// A subgroup takes NS rows of b, its lanes four k each side by side; what a lane holds of a serves all NS rows. The lanes
// add their sums up at the end. All the time goes into reading b once.
//! variant texel: -DTEXEL
//! variant f16: -DF16
//! variant texel_f16: -DTEXEL -DF16
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "product.glsl"
layout(constant_id = 0) const uint MS = 1;
layout(constant_id = 1) const uint NS = 8;

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

void main()
{
    uint M = args.M, N = args.N, steps = args.K / (4 * STEP), lane = gl_SubgroupInvocationID;
    uint group_rows = gl_NumSubgroups * NS, groups = (N + group_rows - 1) / group_rows;
    uint n0 = group_index() % groups * group_rows + gl_SubgroupID * NS, batch = group_index() / groups;
    uint a_row[MS], b_row[NS], c_start = batch * M * args.ldc;
    if (n0 >= N || batch >= args.batches) return;
    [[unroll]] for (uint m = 0; m < MS; m++)
        a_row[m] = START4(a) + (batch * args.batch_a + min(m, M - 1) * args.lda) / 4;
    [[unroll]] for (uint r = 0; r < NS; r++)
        b_row[r] = START4(b) + (batch * args.batch_b + min(n0 + r, N - 1) * args.ldb) / (4 * STEP);

    float sum[MS][NS];
    [[unroll]] for (uint m = 0; m < MS; m++) [[unroll]] for (uint r = 0; r < NS; r++) sum[m][r] = 0;
    for (uint k = lane; k < steps; k += gl_SubgroupSize) {
        vec4 a4[MS * STEP];
        [[unroll]] for (uint i = 0; i < MS * STEP; i++) a4[i] = AT4(a, a_row[i / STEP] + k * STEP + i % STEP);
        [[unroll]] for (uint r = 0; r < NS; r++) {
#ifdef F16
            uvec4 eight = AT4(b, b_row[r] + k);
            vec4 low = low_half(eight), high = high_half(eight);
            [[unroll]] for (uint m = 0; m < MS; m++) sum[m][r] += dot(a4[2 * m], low) + dot(a4[2 * m + 1], high);
#else
            vec4 b4 = AT4(b, b_row[r] + k);
            [[unroll]] for (uint m = 0; m < MS; m++) sum[m][r] += dot(a4[m], b4);
#endif
        }
    }
    [[unroll]] for (uint m = 0; m < MS; m++) [[unroll]] for (uint r = 0; r < NS; r++) {
        float y = subgroupAdd(sum[m][r]);
        if (subgroupElect() && m < M && n0 + r < N) STORE_C(m, n0 + r, y);
    }
}
