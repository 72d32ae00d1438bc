// What generate and chat share: the options of sampling, and a model's text as it comes.
#pragma once
#include "cli/command.h"
#include "generate/decoder.h"
#include <jansson.h>

typedef struct AnswerOptions {
    int64_t max_tokens, top_k;
    double temperature, top_p, min_p, repeat_penalty;
    const char *stop;
} AnswerOptions;
#define ANSWER_DEFAULTS .temperature = 0.8, .top_p = 1, .repeat_penalty = 1
#define ANSWER_OPTIONS(o)                                                                                       \
    INT("max-tokens", (o).max_tokens, 1, 1 << 24, "tokens to write at most"),                                   \
        FLOAT("temperature", (o).temperature, 0, 100, "0 takes the most probable token each time"),             \
        INT("top-k", (o).top_k, 0, 1 << 24, "draw from the k most probable; 0: all"),                           \
        FLOAT("top-p", (o).top_p, 0, 1, "draw from the most probable whose sum reaches p"),                     \
        FLOAT("min-p", (o).min_p, 0, 1, "draw from those of at least min-p times the largest"),                 \
        FLOAT("repeat-penalty", (o).repeat_penalty, 0.01, 100, "divides the logits of tokens that were there"), \
        TEXT("stop", (o).stop, "end before this text appears")

SamplerOptions answer_sampler(const AnswerOptions *options);

// One answer being written: to standard output as it comes, or with --json into `tokens`.
typedef struct Answer {
    const Tokenizer *tokenizer;
    const AnswerOptions *options;
    int32_t ends[2]; // tokens that end it; −1: none
    TokenStream stream;
    char *held; // what may be the beginning of the stop text
    size_t held_size;
    bool stopped;
    const char *reason; // why it ended: "stop", "end", "context", "length" or "interrupt"
    json_t *tokens;     // with --json: [{id, text, logprob}]
    char *text;         // all of it
    size_t text_size;
    size_t *starts; // in the text, of each token's: with a stop text
    size_t token_count, token_capacity;
} Answer;

// `end` is a token that ends the answer beside eos, or −1.
void answer_begin(Answer *answer, const Tokenizer *tokenizer, const AnswerOptions *options, int32_t end, bool json);
void answer_put(Answer *answer, const char *data, size_t size); // text that no token stands for

// Goes on from the decoder's sequence, to which the tokens of the answer's text are pushed: not the one that ends it, nor
// those of the stop text and what comes behind.
bool answer_write(Answer *answer, Decoder *decoder, Error *err);

// The keys "text" (null where it is no UTF-8), "tokens" and "ended_by".
json_t *answer_json(const Answer *answer);
void answer_free(Answer *answer);
