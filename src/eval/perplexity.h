// Perplexity: how many tokens a model hesitates between, exp of the mean negative log-likelihood (Jelinek et al. 1977).
#pragma once
#include "models/model.h"

// ids are cut into windows of `window` tokens; each is run from an empty past, with the token `first` (−1: none) in place
// of its own first one. What counts are a window's tokens from number window/2 + 1 on, so that each has at least half a
// window before it: the rule of llama.cpp's tool, whose figures these are to be held against. A rest shorter than a window
// is left out.
typedef struct Perplexity {
    int64_t windows, tokens;                                   // done so far; tokens: those that count
    double nll, nll_squared;                                   // Σ and Σ² of their −ln p
    bool (*each)(void *user, const struct Perplexity *so_far); // after each window; false ends it. May be NULL
    void *user;
} Perplexity;

double perplexity_of(const Perplexity *p);          // exp(Σ/n)
double perplexity_uncertainty(const Perplexity *p); // the standard error of that, as if tokens were independent

// False with `err` when the device fails, or the text is shorter than one window.
bool perplexity_run(Perplexity *p, Model *model, Stream *stream, const int32_t *ids, size_t n, int64_t window,
                    int32_t first, Error *err);
