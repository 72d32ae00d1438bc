// Lecture 04's state, its steps and what they share. Shapes: T tokens, D channels of a head, H heads.
#pragma once
#include "stage/reader.h"
#include "stage/show.h"

struct Demo {
    const char *text, *memory, *model;
    int layer, head;

    Reader reader;
    Reading sentence, other; // of `text` and of `memory`
    Tape *t;                 // where the steps compute
    int T, D, H;             // tokens, channels of a head, heads
    Tensor *x;               // [T, C] what the layer reads
    Tensor *q, *k, *v;       // [T, D] of the head
    Tensor *raw, *scores, *mask, *pattern, *z;
};

// ---- The steps, in their order -----------------------------------------------------------------------------------------

void attn_tokens(Stage *s, Demo *d);
void attn_projections(Stage *s, Demo *d);
void attn_all_pairs(Stage *s, Demo *d);
void attn_scaling(Stage *s, Demo *d);
void attn_masking(Stage *s, Demo *d);
void attn_weights(Stage *s, Demo *d);
void attn_mixing(Stage *s, Demo *d);
void attn_one_kernel(Stage *s, Demo *d);
void attn_all_heads(Stage *s, Demo *d);
void attn_concatenation(Stage *s, Demo *d);
void attn_both_directions(Stage *s, Demo *d);
void attn_crossing(Stage *s, Demo *d);
void attn_work(Stage *s, Demo *d);
void attn_longer_texts(Stage *s, Demo *d);

// ---- What they share -----------------------------------------------------------------------------------------------

// An activation of the layer, "attn.hook_q" and the like.
Tensor *attn_of_layer(const Demo *d, const Reading *reading, const char *name);

// Queries and keys as they meet: after the rotation of families that turn them by their positions.
const char *attn_query_name(const Demo *d);
const char *attn_key_name(const Demo *d);

// x [1, T, heads, D] → one head's [T, D]. Where keys and values have fewer heads than queries, several share one.
Tensor *attn_one_head(Demo *d, Tensor *x, int head);

// [T, T]: 0 where query t may look, −∞ where it may not: at the keys after it.
Tensor *attn_causal_mask(Demo *d, int T);

// 1 at the pairs that the mask hides, for `n` maps: there is no weight to be shown.
const unsigned char *attn_hidden_pairs(Stage *s, const Demo *d, int n);

float attn_root(const Demo *d); // √d

// The mean over rows of H = −Σ p·ln p, in nats.
double attn_mean_entropy(const float *p, int n_rows, int n_columns);

int attn_largest(const float *values, int n); // where it is

// A token in quotation marks, without the space before it.
const char *attn_word(Stage *s, const Reading *reading, int i);
