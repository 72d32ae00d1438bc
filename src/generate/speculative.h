// Speculative decoding: a small model drafts tokens one by one, the large one reads them all in one pass, and as many are
// kept as leave the large model's distribution as it is (Leviathan et al. 2023, algorithm 1):
//
//   x_i is kept with probability min(1, p_i(x_i) / q_i(x_i));
//   the first that is not is drawn again from norm(max(0, p_i − q_i)), and the rest forgotten;
//   behind γ kept ones comes a token of p_γ+1
//
// where p and q are what the sampler makes of the two models' logits: after temperature, penalties and filters.
#pragma once
#include "generate/sampler.h"

typedef struct Speculation {
    int most, vocab_size;
    int count;               // drafted in this round
    int32_t *ids;            // [most + 1]
    double *log_probability; // [most + 1] of the kept ones, as sampler_draw's
    double *q;               // [most, V]
    double *p;               // [V]
} Speculation;

void speculation_open(Speculation *s, int most, int vocab_size);
void speculation_close(Speculation *s);

// Draws the next token of the draft from the small model's logits [V]. At most `most` times before speculation_keep.
int32_t speculation_draft(Speculation *s, Sampler *sampler, const float *logits);

// Ends the round: row i of logits [count + 1, stride] is the large model's for what follows i drafted tokens. Returns how
// many drafted tokens are kept; the token behind them is ids[that].
int speculation_keep(Speculation *s, Sampler *sampler, const float *logits, int64_t stride);
