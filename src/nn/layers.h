// The parts that layers are put together from. Each is a struct of parameters and a function that applies it.
#pragma once
#include "nn/cache.h"
#include "nn/parameters.h"
#include "ops/ops.h"

typedef struct Linear {
    Tensor *weight; // [out, in]
    Tensor *bias;   // [out] or NULL
} Linear;

// gain NULL: no norm here. With `rms` RMSNorm, else LayerNorm.
typedef struct Norm {
    Tensor *gain, *bias;
    float eps;
    bool rms;
} Norm;

// down(activation(up(x))), or with a gate down(silu(gate(x)) · up(x))          Shazeer 2020, §2
typedef struct FeedForward {
    Linear up, down, gate;
    Tensor *gate_up; // both weights as one, for a single row; NULL: there is no such tensor
    Activation activation;
} FeedForward;

// Rotary positions: NULL table for none.
typedef struct Rope {
    Tensor *table;
    RopePairing pairing;
} Rope;

typedef struct MultiHead {
    Linear q, k, v, o;
    Linear qkv; // the three as one, for a single row; weight NULL: there is no such tensor
    int n_heads, n_kv_heads, head_dim;
    Rope rope;
    Attention mask; // what is hidden, apart from what a Place says
} MultiHead;

// Where the rows of a pass stand: the same for all layers.
typedef struct Place {
    Tensor *pos;    // i32 [B, T]: where each token stands in its text
    KvCache *cache; // NULL: keys and values are the pass's own
    Tensor *slots;  // i32 [B, T]: where the pass's keys and values go in the cache
    // Without a cache; each NULL where there is no more than one in a row.
    Tensor *texts;    // i32 [B, T]: a token sees its own text alone; −1 is padding, seen by nobody
    Tensor *segments; // i32 [B, T]: the part of a pair that each token is in, for families that have them
} Place;

// Declare their parameters, "NAME.weight" and "NAME.bias": weights from N(0, std²), biases 0, gains 1.
Linear linear_declare(Parameters *ps, int out, int in, double std, bool biased, const char *name);
Norm layer_norm_declare(Parameters *ps, int d, float eps, const char *name);
Norm rms_norm_declare(Parameters *ps, int d, float eps, const char *name);

// x [B, T, C] → [B, T, C]
Tensor *norm(Tape *t, const Norm *n, Tensor *x);
Tensor *feed_forward(Tape *t, const FeedForward *f, Tensor *x);

// x + dropout(linear(h)), the sublayer's output being heard as `hook`: what ends a sublayer of a residual stream.
Tensor *add_sublayer(Tape *t, Tensor *x, Tensor *h, const Linear *out, const char *hook, float dropout);
Tensor *feed_forward_hidden(Tape *t, const FeedForward *f, Tensor *x); // → [B, T, d_ff], before `down`

// Queries from x, keys and values from `memory` (x itself for self-attention): x [B, T, C], memory [B, S, C].
// Vaswani et al. 2017, §3.2.2.
Tensor *multi_head(Tape *t, const MultiHead *m, Tensor *x, Tensor *memory, const Place *place);
Tensor *attend(Tape *t, const MultiHead *m, Tensor *x, Tensor *memory, const Place *place); // the same before `o`
