// How ggml's files store a tensor's numbers: plain floats, or blocks of small integers that share scales. A row is whole
// blocks. Source: the block_* structures of ggml-common.h and the reference quantisers of ggml-quants.c (llama.cpp); what
// they give for a block is given here to the bit (tests/peers/quants_llama_cpp.py).
//
// d, m: f16 scale and minimum of a block; q: the integers.       bytes of a block, in their order
//   Q8_0   x = d·q                                                d, 32 × i8
//   Q4_0   x = d·(q − 8)                                          d, 16 bytes: q[i] below q[i+16]
//   Q4_1   x = d·q + m                                            d, m, 16 bytes
//   Q5_0   x = d·(q − 16)                                         d, fifth bits (u32, bit i is q[i]'s), 16 bytes
//   Q5_1   x = d·q + m                                            d, m, fifth bits, 16 bytes
//   Q4_K   x = (d·s)·q − dmin·t     s, t: 6 bits per 32           d, dmin, 12 bytes of s and t, 128 bytes
//   Q5_K   the same, q of 5 bits                                  d, dmin, 12 bytes, 32 bytes of fifth bits, 128 bytes
//   Q6_K   x = (d·s)·(q − 32)       s: i8 per 16                  128 bytes of low 4 bits, 64 of high 2, 16 × s, d
#pragma once
#include "base/quant_group.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum GgmlType { // the values are the file's
    GGML_F32 = 0,
    GGML_F16 = 1,
    GGML_Q4_0 = 2,
    GGML_Q4_1 = 3,
    GGML_Q5_0 = 6,
    GGML_Q5_1 = 7,
    GGML_Q8_0 = 8,
    GGML_Q4_K = 12,
    GGML_Q5_K = 13,
    GGML_Q6_K = 14,
    GGML_BF16 = 30,
} GgmlType;

typedef struct GgmlTypeInfo {
    GgmlType type;
    const char *name;                                        // "Q4_K"
    uint32_t elements, bytes;                                // of one block
    void (*decode)(const uint8_t *block, float *out);        // one block
    void (*encode)(const float *values, uint8_t *block);     // NULL for the types that are only read
    void (*split)(const uint8_t *block, QuantGroup *groups); // NULL for plain numbers
    int groups;                                              // of a block
} GgmlTypeInfo;

enum { GGML_MAX_BLOCK = 256, GGML_MAX_GROUPS = 16 }; // elements and groups of a block

const GgmlTypeInfo *ggml_type_info(uint32_t type);       // NULL for a type that isn't in the list above
const GgmlTypeInfo *ggml_type_by_name(const char *name); // in either case; NULL if there is none

// n elements, whole blocks, to floats.
void ggml_dequantize(GgmlType type, const void *blocks, float *out, size_t n);

// n floats, whole blocks, to a type with `encode`. Round to nearest, by the reference's rules. False when an element is no
// number or infinite, or a block's scale or minimum (an element, in F16 and BF16) overflows its 16 bits; `blocks` is then
// not to be used.
bool ggml_quantize(GgmlType type, const float *values, void *blocks, size_t n);
