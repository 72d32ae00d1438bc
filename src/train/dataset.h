// What a run trains on: text from the tales or a user's file, a tokenizer, and the ids of both splits.
#pragma once
#include "base/error.h"
#include "text/tokenizer.h"

typedef struct DatasetOptions {
    const char *data;      // "tales", or a file of text
    const char *tokenizer; // "char", "byte", "bpe:N", or a GGUF file whose vocabulary is taken
    double val_fraction;   // the end of a user's file is kept for validation; tales have a split of their own
    uint64_t seed;         // of the tales
    uint64_t bytes;        // of training text that the tales tell
} DatasetOptions;

typedef struct Dataset {
    Tokenizer *tokenizer; // puts tokens around a text only if these texts have them
    int32_t *train, *val;
    size_t n_train, n_val;         // ids
    size_t train_bytes, val_bytes; // of their text
    uint64_t hash;                 // of text and ids: a resumed run holds it against its own
    double val_bits_per_byte;      // of the tales' grammar: the best that any model can do; 0 where nobody knows it
} Dataset;

// Whether `tokenizer` is one of those that DatasetOptions takes. An error says which there are; it begins with
// "--tokenizer".
bool dataset_tokenizer_check(const char *tokenizer, Error *err);

// Errors: as corpus_load's; a tokenizer that is not known, or cannot be trained. `progress` may be NULL.
bool dataset_open(const DatasetOptions *options, Dataset *dataset, TokenizerProgress progress, void *user, Error *err);
void dataset_close(Dataset *dataset);
