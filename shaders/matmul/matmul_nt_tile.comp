// A·Bᵀ by tiles in shared memory (product_tile.glsl).   c[m,n] (+)= Σ_k a[m,k]·b[n,k]
//! variant f16: -DF16
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
#include "lectern.glsl"
#include "product.glsl"

IN(0, a);
IN_B(1, b);
IN(2, bias);
INOUT(3, c);
PRODUCT_ARGS;

#define A_AT(m, k) ((m) * args.lda + (k))
#define B_AT(n, k) ((n) * args.ldb + (k))
const bool A_ALONG_K = true, B_ALONG_K = true;
#include "product_tile.glsl"

void main() { multiply_tiles(); }
