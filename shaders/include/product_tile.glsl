// A workgroup's tile of a product through shared memory: 16 × 16 invocations make a tile of 16·T rows and columns, T × T
// elements each. They load KT columns of both operands together, wait, and multiply out of shared memory, so that each
// element is read from memory once for 16·T uses. The shader gives A_AT(m, k) and B_AT(n, k), the places of elements,
// and says by A_ALONG_K and B_ALONG_K which neighbours lie side by side: neighbouring invocations load those.
layout(constant_id = 0) const uint T = 4;
const uint SIDE = 16 * T, KT = 16;
shared float a_tile[KT][16 * T + 1], b_tile[KT][16 * T + 1]; // one more, so that a column falls into different banks

void multiply_tiles()
{
    uint M = args.M, N = args.N, K = args.K, me = gl_LocalInvocationIndex, x = me % 16, y = me / 16;
    uint m0 = gl_WorkGroupID.x * SIDE, n0 = gl_WorkGroupID.y * SIDE, batch = gl_WorkGroupID.z;
    uint a_start = batch * args.batch_a, b_start = batch * args.batch_b, c_start = batch * M * args.ldc;
    float sum[T][T];
    [[unroll]] for (uint i = 0; i < T; i++) [[unroll]] for (uint j = 0; j < T; j++) sum[i][j] = 0;

    for (uint k0 = 0; k0 < K; k0 += KT) {
        [[unroll]] for (uint e = 0; e < T; e++) {
            uint at = me + e * 256; // of the tile's KT · SIDE elements
            uint ak = A_ALONG_K ? at % KT : at / SIDE, m = A_ALONG_K ? at / KT : at % SIDE;
            uint bk = B_ALONG_K ? at % KT : at / SIDE, n = B_ALONG_K ? at / KT : at % SIDE;
            a_tile[ak][m] = m0 + m < M && k0 + ak < K ? LOAD(a, a_start + A_AT(m0 + m, k0 + ak)) : 0;
            b_tile[bk][n] = n0 + n < N && k0 + bk < K ? LOAD_B(b, b_start + B_AT(n0 + n, k0 + bk)) : 0;
        }
        barrier();
        for (uint k = 0; k < KT; k++) {
            float a_k[T], b_k[T];
            [[unroll]] for (uint i = 0; i < T; i++) a_k[i] = a_tile[k][y + 16 * i];
            [[unroll]] for (uint j = 0; j < T; j++) b_k[j] = b_tile[k][x + 16 * j];
            [[unroll]] for (uint i = 0; i < T; i++) [[unroll]] for (uint j = 0; j < T; j++) sum[i][j] += a_k[i] * b_k[j];
        }
        barrier();
    }
    uint ldc = args.ldc, flags = args.flags;
    [[unroll]] for (uint j = 0; j < T; j++) {
        uint n = n0 + x + 16 * j;
        float start = (flags & BIAS) != 0 && n < N ? LOAD(bias, n) : 0;
        [[unroll]] for (uint i = 0; i < T; i++) {
            uint m = m0 + y + 16 * i, at = c_start + m * ldc + n;
            if (m < M && n < N) STORE(c, at, sum[i][j] + start + ((flags & ACCUMULATE) != 0 ? LOAD(c, at) : 0));
        }
    }
}
