// Products with quantised weights: what linear and embedding stand on when a weight's type is one of tensor/planes.h.
#pragma once
#include "ops/op.h"
#include "tensor/planes.h"

// y[m,n] (+)= Σ_k x[m,k]·w[n,k] + bias[n]:  x of M rows of K, w [N, K] quantised, bias [N] or NULL → y of M rows of N.
// A few rows are multiplied by the planes as they lie. For more, a bounded panel of rows of w at a time is made into f32,
// which serves all rows of x.
void quantized_product(Tape *t, Span x, int64_t M, const Tensor *w, const Tensor *bias, Span y, bool accumulate);

// dx[m,k] (+)= Σ_n dy[m,n]·w[n,k], by the same panels.
void quantized_backward(Tape *t, Span dy, int64_t M, const Tensor *w, Span dx, bool accumulate);

// y[j] = table[ids[j]]; an id outside the table gives zeros.
void gather_quantized(Tape *t, const Tensor *table, const Tensor *ids, Span y);
