// A sequence that a model goes on: what it was given and what has been drawn, each token through the model once.
#pragma once
#include "generate/generator.h"
#include "generate/speculative.h"

typedef struct Decoder {
    Generator *generator;
    Sampler *sampler;
    TokenList sequence; // what was pushed; the cache lags behind it

    Generator *draft; // NULL: every token is a pass of the model
    Speculation speculation;
    int ready, ready_count;            // of speculation.ids: drawn in advance, not yet pushed
    int64_t passes, drafted, accepted; // of the model, and of the draft's tokens
} Decoder;

// Both belong to the caller; the generator's cache is empty.
void decoder_open(Decoder *decoder, Generator *generator, Sampler *sampler);
void decoder_close(Decoder *decoder);

// Lets a model with the same vocabulary draft up to `tokens` tokens for each pass: the distribution of what is drawn
// stays. Before the first push.
void decoder_set_draft(Decoder *decoder, Generator *draft, int tokens);

// Appends to the sequence, without running the model: a prompt, or the token that decoder_next gave.
void decoder_push(Decoder *decoder, const int32_t *ids, size_t n);

// Takes the last n tokens of the sequence back, as if they had not been pushed.
void decoder_pop(Decoder *decoder, size_t n);

// Draws the token that follows the sequence, which is not appended: the caller may push another one, or nothing more.
// *log_probability as sampler_draw's. False when the sequence is empty or does not fit into the generator's capacity.
bool decoder_next(Decoder *decoder, int32_t *id, double *log_probability, Error *err);

// How many more tokens may be pushed before decoder_next fails.
int64_t decoder_room(const Decoder *decoder);

// Forgets the sequence, and what of it the sampler saw.
void decoder_restart(Decoder *decoder);
