// The numbers that weights of a quantised row share, whatever a file or a device packs them into.
#pragma once
#include <stdint.h>

enum { QUANT_GROUP = 32 };

// 32 weights (the first 16 alone where a type's groups are of 16). `scale` and `minimum` are f16 bits, or in the types
// with super-blocks of 256 whole numbers that multiply the f16 bits of `super_scale` and `super_minimum`.
typedef struct QuantGroup {
    uint8_t q[QUANT_GROUP]; // unsigned; of Q8_0 the bits of a signed number
    uint16_t scale, minimum, super_scale, super_minimum;
} QuantGroup;
