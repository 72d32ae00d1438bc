// One sequence being written: a model, its cache, and the logits of what comes next.
#pragma once
#include "models/model.h"

typedef struct Generator {
    const Model *model;
    Stream *stream;
    Tape *tape;
    KvCache cache;
    int64_t past, capacity; // tokens in the cache, and its room
    float *logits;          // [rows, V], after the last feed: the last row is of the next token
    int64_t rows;           // that there is room for
} Generator;

// Room for `capacity` tokens, at most the model's seq_len. The tape is the generator's: probes listen on it.
bool generator_open(Generator *g, Model *model, Stream *stream, int64_t capacity, Error *err);
void generator_close(Generator *g);

// Drops what follows the first `past` tokens.
void generator_rewind(Generator *g, int64_t past);

// Appends ids (in chunks) and reads the logits of the next token. False when they do not fit into the capacity.
bool generator_feed(Generator *g, const int32_t *ids, int64_t n, Error *err);

// The same, with logits behind each of the last `rows` of the ids: at least 1, at most n and GENERATOR_ROWS.
enum { GENERATOR_ROWS = 256 };
bool generator_feed_rows(Generator *g, const int32_t *ids, int64_t n, int64_t rows, Error *err);
