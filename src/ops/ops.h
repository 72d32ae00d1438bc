// The ops that models are made of. Each stands in a file of its own with its formula, its twin and its cases; here is
// what a caller needs. Shapes are outermost dimension first; "..." is any number of leading dimensions, seen as rows.
// Tensors are f32 where nothing else is said. Shapes that do not fit stop the program and name both.
#pragma once
#include "tensor/tape.h"

// ---- Products (matmul.c, linear.c) -------------------------------------------------------------------------------

// Batched products, c = a·bᵀ, a·b and aᵀ·b. b may have no batch dimensions: it then serves every batch of a.
//   nt: a [..., M, K], b [..., N, K]    nn: a [..., M, K], b [..., K, N]    tn: a [..., K, M], b [..., K, N]
//   → c [..., M, N].   b may be f16 in nt (a weight), which then gets no gradient.
Tensor *matmul_nt(Tape *t, Tensor *a, Tensor *b);
Tensor *matmul_nn(Tape *t, Tensor *a, Tensor *b);
Tensor *matmul_tn(Tape *t, Tensor *a, Tensor *b);

// y = x·wᵀ + bias:  x [..., K], w [N, K] (f32, f16 or quantised), bias [N] or NULL → y [..., N]
Tensor *linear(Tape *t, Tensor *x, Tensor *w, Tensor *bias);

// x + linear(h), as residual: when inferring the product is added into x's own memory, by the product's own kernel.
Tensor *residual_linear(Tape *t, Tensor *x, Tensor *h, Tensor *w, Tensor *bias);

// ---- Element by element (elementwise.c, activation.c, dropout.c) --------------------------------------------------

Tensor *add(Tape *t, Tensor *a, Tensor *b);         // a + b, equal shapes
Tensor *mul(Tape *t, Tensor *a, Tensor *b);         // a · b, equal shapes
Tensor *scale(Tape *t, Tensor *x, float factor);    // factor · x
Tensor *add_bias(Tape *t, Tensor *x, Tensor *bias); // x [..., C] + bias [C]

// x + h. When inferring it is added into x's own memory and x is returned: the residual stream is one buffer, and a
// layer's temporaries can be released behind it.
Tensor *residual(Tape *t, Tensor *x, Tensor *h);

typedef enum Activation { RELU, GELU_TANH, GELU_ERF, SILU, TANH, SIGMOID, ACTIVATIONS } Activation;
const char *activation_name(Activation activation);
Tensor *activate(Tape *t, Activation activation, Tensor *x);
Tensor *swiglu(Tape *t, Tensor *gate, Tensor *up); // silu(gate) · up          Shazeer 2020, eq. 6

// Each element is zeroed with probability p, the others are divided by 1 − p. The draws are Philox's of the tape's
// dropout_key, the number of this call and the element's index. Returns x when p is 0 or the key is 0, as it is when
// inferring; a segment's first pass, which keeps nothing either, draws.
Tensor *dropout(Tape *t, Tensor *x, float p);

// ---- Row by row (softmax.c, layernorm.c, rmsnorm.c, cross_entropy.c, reduce.c, topk.c) ------------------------------

// Over the innermost dimension. mask: additive, f32, −∞ hides; its elements repeat over x's leading dimensions
// (count(x) is a multiple of count(mask), dim −1 equal); NULL for none. A row that is hidden whole becomes 0 (−∞ in the log).
Tensor *softmax(Tape *t, Tensor *x, Tensor *mask);
Tensor *log_softmax(Tape *t, Tensor *x, Tensor *mask);

// y[r,i] = gain[i] · (x[r,i] − mean_r) / sqrt(var_r + eps) + bias[i];  gain [C], bias [C] or NULL   Ba et al. 2016, §3.1
Tensor *layernorm(Tape *t, Tensor *x, Tensor *gain, Tensor *bias, float eps);

// y[r,i] = gain[i] · x[r,i] / sqrt(mean_i x[r,i]² + eps);  gain [C]                    Zhang & Sennrich 2019, eq. 4
Tensor *rmsnorm(Tape *t, Tensor *x, Tensor *gain, float eps);

// The mean over rows whose target is not negative of −Σ_i q_i log softmax(logits)_i with q = (1−ε)·onehot + ε/V
// (label smoothing ε, Szegedy et al. 2016, §7).  logits [..., V], targets [...] i32 → [1].  `losses`, if not NULL,
// gets the rows' own losses [...] (0 where the target is negative), through which gradients flow too. A NaN among the
// logits, or a target of V or more, gives NaN; no row that counts gives 0. When training, backward turns the logits' own
// memory into their gradient.
Tensor *cross_entropy(Tape *t, Tensor *logits, Tensor *targets, float smoothing, Tensor **losses);

typedef enum Reduction { REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX } Reduction;
Tensor *reduce_rows(Tape *t, Reduction reduction, Tensor *x);    // x [..., C] → [...]
Tensor *reduce_columns(Tape *t, Reduction reduction, Tensor *x); // x [..., C] → [C]; sum and mean
Tensor *reduce_all(Tape *t, Reduction reduction, Tensor *x);     // → [1]

Tensor *argmax(Tape *t, Tensor *x);                    // x [..., C] → i32 [...]; the first of equals
Tensor *topk(Tape *t, Tensor *x, int k, Tensor **ids); // → values [..., k], falling, and i32 ids [..., k]

// ---- Moving (move.c, embedding.c, scatter_add.c) --------------------------------------------------------------------

Tensor *permute(Tape *t, Tensor *x, const int *order); // y.dim[i] = x.dim[order[i]]
Tensor *slice(Tape *t, Tensor *x, int axis, int64_t begin, int64_t n);
Tensor *concat(Tape *t, Tensor *const *xs, int n, int axis); // at most NODE_TENSORS of them

// y[r] = table[ids[r]]:  table [V, C] (f32, f16 or quantised), ids [...] i32 → [..., C]. Its backward adds without atomics, in a
// fixed order. An id outside 0 … V−1 gives a row of zeros.
Tensor *embedding(Tape *t, Tensor *table, Tensor *ids);

// y[r] = Σ_{j: ids[j] = r} x[j], summed in the order of j:  x [n, C], ids [n] i32 → [R, C]
Tensor *scatter_add(Tape *t, Tensor *x, Tensor *ids, int64_t R);

// ---- Rotary positions (rope.c)                                                           Su et al. 2021, §3.4.2 ----

typedef enum RopePairing { ROPE_INTERLEAVED, ROPE_HALVES } RopePairing; // (x0,x1),(x2,x3)… or (x0,x_{d/2}),…

// cos and sin of every position and frequency pair, made on the CPU in double.
typedef struct RopeScaling {
    float base;   // θ of base^(−2i/d): 10000
    float linear; // positions are divided by it (Chen et al. 2023); 0 or 1: none
    float ntk;    // base is multiplied by ntk^(d/(d−2)); 0 or 1: none
} RopeScaling;
void rope_table(float *table, int64_t positions, int64_t rotary_dim,
                RopeScaling scaling); // [positions, rotary_dim/2, 2]

// x [B, T, H, D], pos [B, T] i32, table [P, rotary_dim/2, 2] → the first rotary_dim of each D turned by its position.
// A position outside 0 … P−1 has no angle: what it should turn becomes NaN, so that it shows.
Tensor *rope(Tape *t, Tensor *x, Tensor *pos, Tensor *table, RopePairing pairing);

// ---- Attention (attention.c, attention_plain.c)               Vaswani et al. 2017, §3.2; Dao 2023 for the tiles ----

// softmax(scale · q·kᵀ + bias, hidden pairs left out) · v
//   q [B, T, H, D], k and v [B, S, G, D] with H a multiple of G (MHA: G = H, MQA: G = 1) → [B, T, H, D]
// What is hidden is said by positions and sequences, so that one interface serves training, caches and ragged batches.
typedef struct Attention {
    float scale;           // 0: 1/√D
    bool causal;           // a query sees keys whose position is not after its own
    int64_t window;        // > 0: and less than `window` before it (sliding window)
    Tensor *bias;          // f32 [1 or H, T, S], added to the scaled scores; gets a gradient if it needs one; NULL
    Tensor *q_pos, *k_pos; // i32 [B, T], [B, S]; NULL: the last T of the batch's keys, and 0 … S−1
    Tensor *q_seq, *k_seq; // i32 [B, T], [B, S]: a query sees its own sequence alone; −1 is padding, seen by nobody
    Tensor *pages;         // i32 [B, P]: k and v are then [pages, page_size, G, D] and key s of batch b is at
    int64_t page_size;     //   pages[b, s / page_size], s % page_size
    Tensor *lengths;       // i32 [B]: how many keys batch b has (S by default); inference
} Attention;               // the values of keys that q_seq and k_seq hide are multiplied by 0: they must be finite
Tensor *attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a);

// The same by products and a softmax, which keep the pattern softmax(…) [B, H, T, S]: memory and time grow with T·S, also
// where a mask hides most of it. `pattern`, if not NULL, gets it; gradients flow through it too. The values of all hidden
// keys must be finite, those behind a batch's length among them.
Tensor *attention_plain(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a, Tensor **pattern);

// The pattern [B, H, T, S] by itself: for probes, aside from the fast path.
Tensor *attention_pattern(Tape *t, Tensor *q, Tensor *k, const Attention *a);

// Writes x [B, T, G, D] into a cache [pages, page_size, G, D] (f32 or f16) at slots [B, T] i32 (page · page_size +
// place); a slot outside of it is padding, written nowhere.
void cache_write(Tape *t, Tensor *cache, Tensor *x, Tensor *slots);

// ---- Optimizers (optimizer.c), on parameters and their gradients, beside the tape ------------------------------------

// In place, on the device alone: the norm and the clipping by it need no word from the host. A parameter whose gradient
// was not written since it was last cleared (grad->written) is left alone.

// out[0] = √Σ g² over all the gradients, in a fixed order. `partials` is working memory of global_norm_partials() floats.
int64_t global_norm_partials(Tensor *const *parameters, int n);
void global_norm(Stream *stream, Tensor *const *parameters, int n, Tensor *partials, Tensor *out);

typedef struct AdamW {
    double lr, beta1, beta2, eps, weight_decay, clip; // clip: largest global norm, 0 for none
    uint32_t step;                                    // 1, 2, …, for the bias correction
} AdamW;

// θ ← θ − lr·(m̂/(√v̂+ε) + λθ),  g scaled by min(1, clip/norm)           Loshchilov & Hutter 2019, alg. 2; norm [1]
// θ, m and v are f32 of one size; norm may be NULL without clip.
void adamw(Stream *stream, Tensor *parameter, Tensor *m, Tensor *v, Tensor *norm, AdamW options);

typedef struct Sgd {
    double lr, momentum, weight_decay, clip;
} Sgd;

// b ← μ·b + g + λθ;  θ ← θ − lr·b,  g scaled by min(1, clip/norm).  b may be NULL when μ is 0.
void sgd(Stream *stream, Tensor *parameter, Tensor *b, Tensor *norm, Sgd options);

// x[i] = uniform in [0, 1) from Philox(key, i, subsequence): 24 bits.
void random_fill(Stream *stream, Tensor *x, uint64_t key, uint64_t subsequence);
