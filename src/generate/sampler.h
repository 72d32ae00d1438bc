// From logits to one token: the filters in the order in which they are applied, then the draw.
#pragma once
#include "base/random.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct SamplerOptions {
    double temperature;    // logits are divided by it; 0 takes the most probable token
    int top_k;             // the k most probable tokens stay; 0: all
    double top_p;          // the most probable ones whose sum reaches p stay (Holtzman et al. 2020, §3.1); 1: all
    double min_p;          // those of at least min_p times the largest probability stay (Nguyen et al. 2024); 0: all
    double repeat_penalty; // logits of tokens seen are divided by it if positive, else multiplied
                           // (after Keskar et al. 2019, §4.1, who divide always); 1: none
} SamplerOptions;

typedef struct Candidate {
    int32_t id;
    double p; // after all filters; the candidates' p sum to 1
} Candidate;

typedef struct Sampler {
    SamplerOptions options;
    Random random;
    int vocab_size;
    Candidate *candidates; // room for all
    double *scores;
    int32_t *seen; // how often each token was there: the repeat penalty falls on those that were
} Sampler;

void sampler_open(Sampler *sampler, SamplerOptions options, int vocab_size, uint64_t seed);
void sampler_close(Sampler *sampler);
void sampler_see(Sampler *sampler, int32_t id);   // a token of the prompt or the answer
void sampler_unsee(Sampler *sampler, int32_t id); // takes one sampler_see back
void sampler_forget(Sampler *sampler);            // all of them

// The distribution after all filters, the most probable first (the lower id first among equals). Returns how many.
int sampler_distribution(Sampler *sampler, const float *logits);

// Draws one of the first n candidates, whose p sum to 1.
int32_t sampler_pick(Sampler *sampler, int n);

// log p of a token, natural, under the model's own distribution before any filter.
double sampler_log_probability(const Sampler *sampler, const float *logits, int32_t id);

// Draws one token, which is not seen by that. *log_probability is sampler_log_probability's.
int32_t sampler_draw(Sampler *sampler, const float *logits, double *log_probability);
