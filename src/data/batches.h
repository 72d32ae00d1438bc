// Windows of B × T token ids with their next-token targets, drawn from one long array of ids.
#pragma once
#include "base/error.h"
#include "base/random.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Batches {
    const int32_t *ids; // borrowed
    size_t n_ids;
    int batch, seq_len; // B, T
    Random random;      // the data cursor: save and restore it and the same batches follow
} Batches;

// How a text that is too short is described to the user.
typedef struct BatchesSource {
    const char *name;   // "val.txt"
    const char *size;   // "812 bytes"
    const char *remedy; // "give a longer file or a smaller --batch or --seq-len"
} BatchesSource;

// Error if n_ids < B · (T + 1): "val.txt: 812 bytes is shorter than one batch (12 × 65 tokens); give a longer file or
// a smaller --batch or --seq-len".
bool batches_open(Batches *batches, const int32_t *ids, size_t n_ids, int batch, int seq_len, uint64_t seed,
                  BatchesSource source, Error *err);

// Draws B starts s_b uniformly over 0 … n_ids − T − 1, with replacement:
// inputs [B,T] = ids[s_b + t], targets [B,T] = ids[s_b + t + 1].
void batches_next(Batches *batches, int32_t *inputs, int32_t *targets);

// The same for batch `index` of `n_batches` fixed evaluation batches, whose n_batches · B windows are spread evenly
// from the first id to the last; draws nothing.
void batches_eval(const Batches *batches, int index, int n_batches, int32_t *inputs, int32_t *targets);
