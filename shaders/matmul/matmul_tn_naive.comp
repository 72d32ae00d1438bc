// Aᵀ·B, one element of c per invocation.   c[m,n] (+)= Σ_k a[k,m]·b[k,n]
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

void main()
{
    uint item = item_index();
    if (item >= args.batches * args.M * args.N) return;
    uint n = item % args.N, m = item / args.N % args.M, batch = item / (args.M * args.N);
    uint a_start = batch * args.batch_a, b_start = batch * args.batch_b, c_start = batch * args.M * args.ldc;
    float sum = 0;
    for (uint k = 0; k < args.K; k++)
        sum += LOAD(a, a_start + k * args.lda + m) * LOAD_B(b, b_start + k * args.ldb + n);
    STORE_C(m, n, sum);
}
