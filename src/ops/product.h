// What matmul.c and linear.c stand on: one product on spans of device memory, by the ladder of its kind, cut where a
// device cannot bind or run it in one piece.
#pragma once
#include "ops/op.h"

typedef enum ProductKind { PRODUCT_NT, PRODUCT_NN, PRODUCT_TN } ProductKind;

// c[m,n] (+)= Σ_k a·b + bias[n] for each of `batches`, where a and b are
//   NT: a [M,K], b [N,K]     NN: a [M,K], b [K,N]     TN: a [K,M], b [K,N]
// lda, ldb, ldc: elements from one row to the next. batch_a, batch_b: from one product to the next (0: the same one
// again); c's products follow one another.
typedef struct Product {
    ProductKind kind;
    Span a, b, c, bias; // bias.bytes 0: none
    DType b_dtype;      // F32, or F16 in NT and NN
    int64_t M, N, K, lda, ldb, ldc, batches, batch_a, batch_b;
    bool accumulate;
} Product;

// No running sum is longer, for its rounding, and because some drivers end long loops: longer ones are added in parts.
enum { PRODUCT_LONGEST = 16384 };

// One product of whole matrices, without bias.
Product product_of(ProductKind kind, Span a, Span b, Span c, int64_t M, int64_t N, int64_t K);
void product_run(Tape *t, Product product);

// The groups of one dispatch by a rung.
Work product_groups(const Product *p, const Rung *rung, const GpuTraits *traits);

enum { PRODUCT_LADDERS = 3 };
extern const Ladder product_ladders[PRODUCT_LADDERS]; // by kind
