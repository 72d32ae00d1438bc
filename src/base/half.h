// IEEE 754 binary16 (1 sign, 5 exponent, 10 mantissa bits) and bfloat16 (1, 8, 7) to and from float. Rounding is to
// nearest, ties to even; overflow gives infinity; denormals are kept; a NaN stays a NaN.
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) return float_from_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude >= 0x400) return float_from_bits(sign | ((magnitude << 13) + ((127 - 15) << 23)));
    return float_from_bits(sign | float_bits((float)magnitude * 0x1p-24f)); // denormal: exact in float
}

static inline uint16_t f32_to_f16(float value)
{
    uint32_t bits = float_bits(value), magnitude = bits & 0x7fffffff;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00); // 65520 and above rounds to infinity
    if (magnitude < 0x38800000) {
        // Below 2⁻¹⁴ the unit is 2⁻²⁴. Adding ½ puts a float's last bit at 2⁻²⁴, so the addition itself rounds.
        return (uint16_t)(sign | (float_bits(float_from_bits(magnitude) + 0.5f) - float_bits(0.5f)));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | ((magnitude - ((127 - 15) << 23) + 0xfff + odd) >> 13));
}

static inline float bf16_to_f32(uint16_t half) { return float_from_bits((uint32_t)half << 16); }

static inline uint16_t f32_to_bf16(float value)
{
    uint32_t bits = float_bits(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); // quiet, so that it stays a NaN
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
