// Metadata by key, converted to the type that the caller asks for.
#include "base/memory.h"
#include "formats/gguf.h"
#include <inttypes.h>
#include <stdlib.h>

static const char *const TYPE_NAMES[] = {
    [GGUF_U8] = "u8",         [GGUF_I8] = "i8",       [GGUF_U16] = "u16",   [GGUF_I16] = "i16", [GGUF_U32] = "u32",
    [GGUF_I32] = "i32",       [GGUF_F32] = "f32",     [GGUF_BOOL] = "bool", [GGUF_U64] = "u64", [GGUF_I64] = "i64",
    [GGUF_STRING] = "string", [GGUF_ARRAY] = "array", [GGUF_F64] = "f64",
};

static const GgufValue *get(const Gguf *g, const char *key, bool is_array, const char *wanted, Error *err)
{
    const GgufValue *value = gguf_value(g, key);
    if (!value)
        error_set(err, "%s: %s: the key is missing", g->path, key);
    else if (value->is_array != is_array)
        error_set(err, "%s: %s: it is %s%s, not %s", g->path, key, value->is_array ? "an array of " : "one ",
                  TYPE_NAMES[value->type], wanted);
    else
        return value;
    return NULL;
}

static bool wrong_type(const Gguf *g, const GgufValue *value, const char *wanted, Error *err)
{
    return error_set(err, "%s: %.*s: its type is %s, not %s", g->path, VIEW_ARGS(value->key), TYPE_NAMES[value->type],
                     wanted);
}

// Bytes of the integer types; below zero for the signed ones, 0 for what is no integer.
static const int8_t INTEGER_BYTES[] = {
    [GGUF_U8] = 1,   [GGUF_I8] = -1, [GGUF_U16] = 2,  [GGUF_I16] = -2, [GGUF_U32] = 4,
    [GGUF_I32] = -4, [GGUF_U64] = 8, [GGUF_I64] = -8, [GGUF_F64] = 0,
};

// Element i as 64 bits in two's complement, and whether it is below zero. False when it is no integer.
static bool load_integer(const GgufValue *value, size_t i, uint64_t *bits, bool *negative)
{
    int bytes = abs(INTEGER_BYTES[value->type]), unused = 64 - 8 * bytes;
    if (bytes == 0) return false;
    *bits = 0;
    memcpy(bits, value->data + i * (size_t)bytes, (size_t)bytes);
    *negative = INTEGER_BYTES[value->type] < 0 && *bits >> (8 * bytes - 1);
    if (*negative && unused) *bits |= UINT64_MAX << (64 - unused);
    return true;
}

// An integer in [0, max], or with `sign` in [−max − 1, max].
static bool load_between(const Gguf *g, const GgufValue *value, size_t i, bool sign, uint64_t max, uint64_t *bits,
                         Error *err)
{
    bool negative;
    if (!load_integer(value, i, bits, &negative)) return wrong_type(g, value, "an integer", err);
    if (negative ? sign && ~*bits <= max : *bits <= max) return true;
    return negative
               ? error_set(err, "%s: %.*s: %" PRId64 " is out of range", g->path, VIEW_ARGS(value->key), (int64_t)*bits)
               : error_set(err, "%s: %.*s: %" PRIu64 " is out of range (at most %" PRIu64 ")", g->path,
                           VIEW_ARGS(value->key), *bits, max);
}

static bool load_float(const Gguf *g, const GgufValue *value, size_t i, float *out, Error *err)
{
    double x;
    if (value->type == GGUF_F32)
        memcpy(out, value->data + i * sizeof *out, sizeof *out);
    else if (value->type == GGUF_F64)
        memcpy(&x, value->data + i * sizeof x, sizeof x), *out = (float)x;
    else
        return wrong_type(g, value, "f32", err);
    return true;
}

bool gguf_get_string(const Gguf *g, const char *key, StringView *out, Error *err)
{
    const GgufValue *value = get(g, key, false, "a string", err);
    if (!value) return false;
    if (value->type != GGUF_STRING) return wrong_type(g, value, "a string", err);
    *out = value->strings[0];
    return true;
}

static bool get_integer(const Gguf *g, const char *key, bool sign, uint64_t max, uint64_t *bits, Error *err)
{
    const GgufValue *value = get(g, key, false, "one integer", err);
    return value && load_between(g, value, 0, sign, max, bits, err);
}

bool gguf_get_u32(const Gguf *g, const char *key, uint32_t *out, Error *err)
{
    uint64_t bits;
    if (!get_integer(g, key, false, UINT32_MAX, &bits, err)) return false;
    *out = (uint32_t)bits;
    return true;
}

bool gguf_get_u64(const Gguf *g, const char *key, uint64_t *out, Error *err)
{
    return get_integer(g, key, false, UINT64_MAX, out, err);
}

bool gguf_get_i32(const Gguf *g, const char *key, int32_t *out, Error *err)
{
    uint64_t bits;
    if (!get_integer(g, key, true, INT32_MAX, &bits, err)) return false;
    *out = (int32_t)(uint32_t)bits;
    return true;
}

bool gguf_get_f32(const Gguf *g, const char *key, float *out, Error *err)
{
    const GgufValue *value = get(g, key, false, "one f32", err);
    return value && load_float(g, value, 0, out, err);
}

bool gguf_get_bool(const Gguf *g, const char *key, bool *out, Error *err)
{
    const GgufValue *value = get(g, key, false, "one bool", err);
    if (!value) return false;
    if (value->type != GGUF_BOOL) return wrong_type(g, value, "bool", err);
    *out = value->data[0] != 0;
    return true;
}

bool gguf_get_strings(const Gguf *g, const char *key, const StringView **out, size_t *count, Error *err)
{
    const GgufValue *value = get(g, key, true, "an array of strings", err);
    if (!value) return false;
    if (value->type != GGUF_STRING) return wrong_type(g, value, "string", err);
    *out = value->strings;
    *count = value->count;
    return true;
}

bool gguf_get_i32s(const Gguf *g, const char *key, int32_t **out, size_t *count, Error *err)
{
    const GgufValue *value = get(g, key, true, "an array of i32", err);
    if (!value) return false;
    int32_t *numbers = NEW_ARRAY(int32_t, value->count);
    for (size_t i = 0; i < value->count; i++) {
        uint64_t bits;
        if (!load_between(g, value, i, true, INT32_MAX, &bits, err)) return free(numbers), false;
        numbers[i] = (int32_t)(uint32_t)bits;
    }
    *out = numbers;
    *count = value->count;
    return true;
}

bool gguf_get_f32s(const Gguf *g, const char *key, float **out, size_t *count, Error *err)
{
    const GgufValue *value = get(g, key, true, "an array of f32", err);
    if (!value) return false;
    float *numbers = NEW_ARRAY(float, value->count);
    for (size_t i = 0; i < value->count; i++)
        if (!load_float(g, value, i, &numbers[i], err)) return free(numbers), false;
    *out = numbers;
    *count = value->count;
    return true;
}
