// Arithmetic is float, one operation at a time, in the order of the reference: the results are the same to the bit.
#include "formats/quants.h"
#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"
#include <math.h>
#include <strings.h>

enum { BLOCK = 32, K_BLOCK = 256 };

static float load_f16(const uint8_t *at)
{
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return f16_to_f32(half);
}

static void store_f16(uint8_t *at, float value)
{
    uint16_t half = f32_to_f16(value);
    memcpy(at, &half, sizeof half);
}

// ---- Plain numbers -------------------------------------------------------------------------------------------------

static void decode_f32(const uint8_t *block, float *out) { memcpy(out, block, sizeof *out); }
static void encode_f32(const float *values, uint8_t *block) { memcpy(block, values, sizeof *values); }
static void decode_f16(const uint8_t *block, float *out) { *out = load_f16(block); }
static void encode_f16(const float *values, uint8_t *block) { store_f16(block, *values); }

static void decode_bf16(const uint8_t *block, float *out)
{
    uint16_t half;
    memcpy(&half, block, sizeof half);
    *out = bf16_to_f32(half);
}

static void encode_bf16(const float *values, uint8_t *block)
{
    uint16_t half = f32_to_bf16(*values);
    memcpy(block, &half, sizeof half);
}

// ---- Blocks of 32 --------------------------------------------------------------------------------------------------

// 1/d, or 0 for blocks of zeros.
static float inverse(float d) { return d != 0 ? 1 / d : 0; }

// The integer below a float, at most `max`. Where 1/d overflowed there is no such integer and the reference gives what the
// processor makes of it: 0 on x86, and here. The block's d is 0 then.
static uint8_t level(float x, int max) { return isfinite(x) ? (uint8_t)(x < (float)max ? (int)x : max) : 0; }

static void pack(const uint8_t q[BLOCK], int bits, uint8_t *out)
{
    if (bits == 5) {
        uint32_t fifth = 0;
        for (int i = 0; i < BLOCK; i++) fifth |= (uint32_t)(q[i] >> 4) << i;
        memcpy(out, &fifth, sizeof fifth);
        out += sizeof fifth;
    }
    for (int i = 0; i < BLOCK / 2; i++) out[i] = (uint8_t)((q[i] & 15) | q[i + BLOCK / 2] << 4);
}

static void unpack(const uint8_t *in, int bits, uint8_t q[BLOCK])
{
    uint32_t fifth = 0;
    if (bits == 5) {
        memcpy(&fifth, in, sizeof fifth);
        in += sizeof fifth;
    }
    for (int i = 0; i < BLOCK / 2; i++) q[i] = in[i] & 15, q[i + BLOCK / 2] = in[i] >> 4;
    for (int i = 0; i < BLOCK; i++) q[i] = (uint8_t)(q[i] | (fifth >> i & 1) << 4);
}

// The element of largest magnitude (the first of equals), with its sign, takes the lowest level.
static void encode_symmetric(const float *x, uint8_t *block, int bits)
{
    uint8_t q[BLOCK];
    int half = 1 << (bits - 1);
    float largest = 0;
    for (int i = 0; i < BLOCK; i++)
        if (fabsf(largest) < fabsf(x[i])) largest = x[i];
    float d = largest / (float)-half, id = inverse(d);
    for (int i = 0; i < BLOCK; i++) q[i] = level(x[i] * id + ((float)half + 0.5f), 2 * half - 1);
    store_f16(block, d);
    pack(q, bits, block + 2);
}

static void decode_symmetric(const uint8_t *block, float *out, int bits)
{
    uint8_t q[BLOCK];
    float d = load_f16(block);
    unpack(block + 2, bits, q);
    for (int i = 0; i < BLOCK; i++) out[i] = (float)(q[i] - (1 << (bits - 1))) * d;
}

// The levels go from the smallest element to the largest.
static void encode_affine(const float *x, uint8_t *block, int bits)
{
    uint8_t q[BLOCK];
    int max = (1 << bits) - 1;
    float low = x[0], high = x[0];
    for (int i = 1; i < BLOCK; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    float d = (high - low) / (float)max, id = inverse(d);
    for (int i = 0; i < BLOCK; i++) q[i] = level((x[i] - low) * id + 0.5f, max);
    store_f16(block, d);
    store_f16(block + 2, low);
    pack(q, bits, block + 4);
}

static void decode_affine(const uint8_t *block, float *out, int bits)
{
    uint8_t q[BLOCK];
    float d = load_f16(block), m = load_f16(block + 2);
    unpack(block + 4, bits, q);
    for (int i = 0; i < BLOCK; i++) out[i] = (float)q[i] * d + m;
}

static void encode_q4_0(const float *values, uint8_t *block) { encode_symmetric(values, block, 4); }
static void decode_q4_0(const uint8_t *block, float *out) { decode_symmetric(block, out, 4); }
static void encode_q5_0(const float *values, uint8_t *block) { encode_symmetric(values, block, 5); }
static void decode_q5_0(const uint8_t *block, float *out) { decode_symmetric(block, out, 5); }
static void encode_q4_1(const float *values, uint8_t *block) { encode_affine(values, block, 4); }
static void decode_q4_1(const uint8_t *block, float *out) { decode_affine(block, out, 4); }
static void encode_q5_1(const float *values, uint8_t *block) { encode_affine(values, block, 5); }
static void decode_q5_1(const uint8_t *block, float *out) { decode_affine(block, out, 5); }

// Halves round away from zero.
static void encode_q8_0(const float *x, uint8_t *block)
{
    float largest = 0;
    for (int i = 0; i < BLOCK; i++) largest = fmaxf(largest, fabsf(x[i]));
    float d = largest / 127, id = inverse(d);
    store_f16(block, d);
    for (int i = 0; i < BLOCK; i++) {
        float q = x[i] * id;
        block[2 + i] = isfinite(q) ? (uint8_t)(int)roundf(q) : 0; // as in `level`
    }
}

static void decode_q8_0(const uint8_t *block, float *out)
{
    float d = load_f16(block);
    for (int i = 0; i < BLOCK; i++) out[i] = (float)(int8_t)block[2 + i] * d;
}

// ---- Blocks of 256 -------------------------------------------------------------------------------------------------

// Eight scales and eight minima of 6 bits in 12 bytes: the first four of each lie in the low 6 bits of bytes 0–3 and 4–7,
// the low 4 bits of the others in bytes 8–11 (scale below minimum), their high 2 above the first ones.
static void unpack_scales(const uint8_t p[12], uint8_t s[8], uint8_t t[8])
{
    for (int i = 0; i < 4; i++) {
        s[i] = p[i] & 63;
        t[i] = p[i + 4] & 63;
        s[i + 4] = (uint8_t)((p[i + 8] & 15) | p[i] >> 6 << 4);
        t[i + 4] = (uint8_t)(p[i + 8] >> 4 | p[i + 4] >> 6 << 4);
    }
}

// Element i of a group of 32. `fifth` is NULL for 4 bits. Each 32 bytes of quants hold 64 elements: 32 in their low halves,
// 32 in their high ones.
static uint8_t k_quant(const uint8_t *fifth, const uint8_t *quants, int group, int i)
{
    int q = quants[group / 2 * 32 + i] >> 4 * (group % 2) & 15;
    return (uint8_t)(q | (fifth ? (fifth[i] >> group & 1) << 4 : 0));
}

static void decode_k(const uint8_t *block, const uint8_t *fifth, const uint8_t *quants, float *out)
{
    uint8_t s[8], t[8];
    float d = load_f16(block), dmin = load_f16(block + 2);
    unpack_scales(block + 4, s, t);
    for (int group = 0; group < 8; group++) {
        float scale = d * (float)s[group], min = dmin * (float)t[group];
        for (int i = 0; i < 32; i++) out[32 * group + i] = scale * (float)k_quant(fifth, quants, group, i) - min;
    }
}

static void decode_q4_k(const uint8_t *block, float *out) { decode_k(block, NULL, block + 16, out); }
static void decode_q5_k(const uint8_t *block, float *out) { decode_k(block, block + 16, block + 48, out); }

// Each half has four groups of 32: their low bits are the low and high halves of 64 bytes, their high bits two of each of
// 32 bytes.
static uint8_t q6_quant(const uint8_t *block, int i)
{
    const uint8_t *low = block, *high = block + 128;
    int half = i / 128, group = i / 32 % 4, lane = i % 32;
    int q = low[64 * half + 32 * (group % 2) + lane] >> 4 * (group / 2) & 15;
    return (uint8_t)(q | (high[32 * half + lane] >> 2 * group & 3) << 4);
}

static void decode_q6_k(const uint8_t *block, float *out)
{
    const uint8_t *scales = block + 192;
    float d = load_f16(block + 208);
    for (int i = 0; i < K_BLOCK; i++) out[i] = d * (float)(int8_t)scales[i / 16] * (float)(q6_quant(block, i) - 32);
}

// ---- Blocks as groups, for who packs them anew -------------------------------------------------------------------------

static uint16_t half_at(const uint8_t *at)
{
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return half;
}

static void split_q8_0(const uint8_t *block, QuantGroup *g)
{
    g->scale = half_at(block);
    memcpy(g->q, block + 2, BLOCK);
}

static void split_q4_0(const uint8_t *block, QuantGroup *g) { g->scale = half_at(block), unpack(block + 2, 4, g->q); }
static void split_q5_0(const uint8_t *block, QuantGroup *g) { g->scale = half_at(block), unpack(block + 2, 5, g->q); }

static void split_affine(const uint8_t *block, QuantGroup *g, int bits)
{
    g->scale = half_at(block);
    g->minimum = half_at(block + 2);
    unpack(block + 4, bits, g->q);
}

static void split_q4_1(const uint8_t *block, QuantGroup *g) { split_affine(block, g, 4); }
static void split_q5_1(const uint8_t *block, QuantGroup *g) { split_affine(block, g, 5); }

static void split_k(const uint8_t *block, const uint8_t *fifth, const uint8_t *quants, QuantGroup *groups)
{
    uint8_t s[8], t[8];
    unpack_scales(block + 4, s, t);
    for (int g = 0; g < 8; g++) {
        groups[g].super_scale = half_at(block), groups[g].super_minimum = half_at(block + 2);
        groups[g].scale = s[g], groups[g].minimum = t[g];
        for (int i = 0; i < 32; i++) groups[g].q[i] = k_quant(fifth, quants, g, i);
    }
}

static void split_q4_k(const uint8_t *block, QuantGroup *groups) { split_k(block, NULL, block + 16, groups); }
static void split_q5_k(const uint8_t *block, QuantGroup *groups) { split_k(block, block + 16, block + 48, groups); }

static void split_q6_k(const uint8_t *block, QuantGroup *groups)
{
    for (int g = 0; g < 16; g++) {
        groups[g].super_scale = half_at(block + 208);
        groups[g].scale = block[192 + g];
        for (int i = 0; i < 16; i++) groups[g].q[i] = q6_quant(block, 16 * g + i);
    }
}

// ---- The table -----------------------------------------------------------------------------------------------------

static const GgmlTypeInfo TYPES[] = {
    { GGML_F32, "F32", 1, 4, decode_f32, encode_f32, NULL, 0 },
    { GGML_F16, "F16", 1, 2, decode_f16, encode_f16, NULL, 0 },
    { GGML_BF16, "BF16", 1, 2, decode_bf16, encode_bf16, NULL, 0 },
    { GGML_Q8_0, "Q8_0", BLOCK, 34, decode_q8_0, encode_q8_0, split_q8_0, 1 },
    { GGML_Q4_0, "Q4_0", BLOCK, 18, decode_q4_0, encode_q4_0, split_q4_0, 1 },
    { GGML_Q4_1, "Q4_1", BLOCK, 20, decode_q4_1, encode_q4_1, split_q4_1, 1 },
    { GGML_Q5_0, "Q5_0", BLOCK, 22, decode_q5_0, encode_q5_0, split_q5_0, 1 },
    { GGML_Q5_1, "Q5_1", BLOCK, 24, decode_q5_1, encode_q5_1, split_q5_1, 1 },
    { GGML_Q4_K, "Q4_K", K_BLOCK, 144, decode_q4_k, NULL, split_q4_k, 8 },
    { GGML_Q5_K, "Q5_K", K_BLOCK, 176, decode_q5_k, NULL, split_q5_k, 8 },
    { GGML_Q6_K, "Q6_K", K_BLOCK, 210, decode_q6_k, NULL, split_q6_k, 16 },
};

const GgmlTypeInfo *ggml_type_info(uint32_t type)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if ((uint32_t)TYPES[i].type == type) return &TYPES[i];
    return NULL;
}

const GgmlTypeInfo *ggml_type_by_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (!strcasecmp(TYPES[i].name, name)) return &TYPES[i];
    return NULL;
}

void ggml_dequantize(GgmlType type, const void *blocks, float *out, size_t n)
{
    const GgmlTypeInfo *info = ggml_type_info(type);
    const uint8_t *block = blocks;
    CHECK(info && n % info->elements == 0, "ggml_dequantize: %zu elements of type %d", n, (int)type);
    for (size_t i = 0; i < n; i += info->elements, block += info->bytes) info->decode(block, out + i);
}

bool ggml_quantize(GgmlType type, const float *values, void *blocks, size_t n)
{
    const GgmlTypeInfo *info = ggml_type_info(type);
    uint8_t *block = blocks;
    float back[GGML_MAX_BLOCK];
    CHECK(info && info->encode && n % info->elements == 0, "ggml_quantize: %zu elements of type %d", n, (int)type);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    for (size_t i = 0; i < n; i += info->elements, block += info->bytes) {
        info->encode(values + i, block);
        info->decode(block, back); // ±Inf or NaN everywhere when a scale or minimum overflowed
        if (!isfinite(back[0])) return false;
    }
    return true;
}
