// A few rows times many, without subgroups: a workgroup makes one element of c.   c[m,n] (+)= Σ_k a[m,k]·b[n,k]
// Its invocations take every 64th k and add up in shared memory as a tree.
//! variant f16: -DF16
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "product.glsl"

IN(0, a);
IN_B(1, b);
IN(2, bias);
INOUT(3, c);
PRODUCT_ARGS;
shared float part[64];

void main()
{
    uint group = group_index(), me = gl_LocalInvocationIndex;
    if (group >= args.batches * args.M * args.N) return;
    uint n = group % args.N, m = group / args.N % args.M, batch = group / (args.M * args.N);
    uint a_row = batch * args.batch_a + m * args.lda, b_row = batch * args.batch_b + n * args.ldb;
    uint c_start = batch * args.M * args.ldc;
    float sum = 0;
    for (uint k = me; k < args.K; k += 64) sum += LOAD(a, a_row + k) * LOAD_B(b, b_row + k);
    part[me] = sum;
    for (uint half_ = 32; half_ > 0; half_ /= 2) {
        barrier();
        if (me < half_) part[me] += part[me + half_];
    }
    if (me == 0) STORE_C(m, n, part[0]);
}
