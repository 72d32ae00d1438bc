// A tensor on its way from one file to another: other numbers, other order. Nothing is held but a row, or for transposed
// tensors the tensor.
#pragma once
#include "formats/byte_source.h"
#include "formats/quants.h"
#include <stdint.h>

// The rows of a head's queries and keys, [heads · head_dim, in]: rotary positions turn pairs of channels. GGUF's llama
// keeps a pair in neighbouring rows (2i, 2i+1), Hugging Face's in the two halves (i, i + head_dim/2).
typedef enum RowOrder { ROWS_KEPT, ROWS_TO_NEIGHBOURS, ROWS_TO_HALVES } RowOrder;

typedef struct Conversion {
    const char *name;       // for messages
    const uint8_t *data;    // of the source
    GgmlType from, to;      // a type that can be written, or both the same
    int64_t rows, columns;  // of the result; dimensions before the last are rows
    bool transposed;        // the source is [columns, rows]
    RowOrder order;         //
    int64_t head_dim;       // with another order
    uint8_t *row;           // held between calls: the row `at` of the result, encoded
    float *values, *source; // a row, and with `transposed` all of the source
    int64_t at;
} Conversion;

size_t conversion_bytes(const Conversion *c); // of the result

bool conversion_is_copy(const Conversion *c); // the result's bytes are the source's

// The result's bytes, as a writer asks for them (byte_source.h); `user` is a Conversion. False when a number can't be
// written in the type (see ggml_quantize).
bool conversion_read(void *user, size_t offset, void *out, size_t size, Error *err);
void conversion_free(Conversion *c);
