// What the files of attention share: one problem as the kernels see it.
#pragma once
#include "ops/op.h"
#include "ops/ops.h"

// As shaders/include/attention.glsl has it.
typedef struct AttentionArgs {
    uint32_t B, T, S, H, G, bias_heads;
    float scale;
    uint32_t causal, window, page_size, page_columns, first, items, accumulate, accumulate_v;
} AttentionArgs;

enum { ATTENTION_MASKS = 7 };

typedef struct AttentionProblem {
    AttentionArgs args;
    uint32_t D, features; // the specialization constants
    Span q, k, v;
    Span mask[ATTENTION_MASKS]; // bias, q_pos, k_pos, q_seq, k_seq, pages, lengths; a word of q where there is none
    double pairs;               // how many (query, key) pairs are counted as work, over all heads
} AttentionProblem;

// The spans that every kernel's MASK_BINDINGS(n) wants.
#define MASK_SPANS(p) (p)->mask[0], (p)->mask[1], (p)->mask[2], (p)->mask[3], (p)->mask[4], (p)->mask[5], (p)->mask[6]

// Checks the shapes of a call and puts the problem together. v is NULL for the pattern.
AttentionProblem attention_problem(const char *op, const Tensor *q, const Tensor *k, const Tensor *v,
                                   const Attention *a);

// Batches first … first+n−1 of a problem: what a dispatch may bind is limited.
AttentionProblem attention_part(const AttentionProblem *p, uint32_t first, uint32_t n);

// How many batches fit in the device's largest binding.
uint32_t attention_batches(const GpuTraits *traits, const AttentionProblem *p);

// Rows begin … begin+n of a tensor whose outermost dimension holds `of` of them.
static inline Span attention_rows(Span span, uint32_t of, uint32_t begin, uint32_t n)
{
    return span_part(span, span.bytes / of * begin, span.bytes / of * n);
}

// A kernel of the problem's head dimension and features.
const Kernel *attention_kernel(Gpu *gpu, KernelSpec spec, const AttentionProblem *p);

// Runs a rung over all rows of `lines` (batch, head) pairs of `n` rows each, in parts that no driver takes for a hang.
// `cost` is the whole's.
void attention_dispatch(Tape *t, const Rung *rung, AttentionProblem p, uint32_t lines, uint32_t n, Work cost,
                        Spans spans);

void attention_backward(Tape *t, const Node *n);

// attention_rungs.c
// Into how many chunks of its keys a forward rung cuts a problem; 1: none.
uint32_t attention_chunks(const Rung *rung, const AttentionProblem *p);

extern const Ladder attention_ladders[];
enum { LADDER_FORWARD, LADDER_BACKWARD_Q, LADDER_BACKWARD_KV, ATTENTION_LADDERS };
