// A model's tensors on their way to the device: floats converted a part at a time, blocks packed into planes.
#include "base/memory.h"
#include "models/weights.h"
#include "tensor/planes.h"
#include <stdlib.h>

static const struct {
    GgmlType from;
    DType to;
} kept_types[] = { { GGML_F16, F16 },   { GGML_Q8_0, Q8_0 }, { GGML_Q4_0, Q4_0 },
                   { GGML_Q4_1, Q4_1 }, { GGML_Q5_0, Q5_0 }, { GGML_Q5_1, Q5_1 },
                   { GGML_Q4_K, Q4_K }, { GGML_Q5_K, Q5_K }, { GGML_Q6_K, Q6_K } };

DType weight_dtype(const Weight *w, bool kept)
{
    if (!kept || w->n_dims != 2 || w->shape[1] % 2) return F32;
    for (size_t i = 0; i < COUNT_OF(kept_types); i++)
        if (kept_types[i].from == w->conversion.from) return kept_types[i].to;
    return F32;
}

enum { PART = 1 << 20 }; // bytes that are converted at a time

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static bool write_numbers(Stream *stream, const Tensor *to, Conversion *c, Error *err)
{
    uint64_t bytes = conversion_bytes(c);
    if (conversion_is_copy(c)) {
        stream_write(stream, to->span, c->data, bytes);
        return true;
    }
    uint8_t *part = mem_alloc(least(bytes, PART));
    bool ok = true;
    for (uint64_t at = 0, size; ok && at < bytes; at += size) {
        size = least(bytes - at, PART);
        ok = conversion_read(c, at, part, size, err);
        if (ok) stream_write(stream, span_part(to->span, at, size), part, size);
    }
    free(part);
    return ok;
}

// The planes of a tensor that is a part of a larger one lie apart.
static void write_planes(Stream *stream, const Tensor *to, const uint8_t *data)
{
    Tensor alone = { .shape = to->shape, .dtype = to->dtype };
    alone.span.bytes = (uint64_t)tensor_bytes(&alone);
    Planes there = planes_of(to), here = planes_of(&alone);
    const Span *pairs[][2] = { { &there.quants, &here.quants },
                               { &there.high, &here.high },
                               { &there.scales, &here.scales },
                               { &there.supers, &here.supers } };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (i > 0 && pairs[i][1]->offset == 0) continue; // the type has no such plane
        stream_write(stream, *pairs[i][0], data + pairs[i][1]->offset, least(pairs[i][0]->bytes, pairs[i][1]->bytes));
    }
}

// On the host a copy of one tensor at a time.
static bool write_blocks(Stream *stream, const Tensor *to, Conversion *c, Error *err)
{
    const GgmlTypeInfo *info = ggml_type_info(c->from);
    int64_t N = dim(to, 0), K = dim(to, 1), blocks = K / info->elements;
    uint64_t row_bytes = (uint64_t)blocks * info->bytes;
    uint8_t *data = mem_zero(planes_bytes(to->dtype, N, K), 1), *row = mem_alloc(row_bytes);
    QuantGroup groups[GGML_MAX_GROUPS] = { 0 };
    bool ok = true;
    for (int64_t n = 0; ok && n < N; n++) {
        ok = conversion_read(c, (uint64_t)n * row_bytes, row, row_bytes, err);
        for (int64_t b = 0; ok && b < blocks; b++) {
            info->split(row + (uint64_t)b * info->bytes, groups);
            for (int g = 0; g < info->groups; g++)
                planes_put(data, to->dtype, N, K, n, b * info->groups + g, &groups[g]);
        }
    }
    if (ok) write_planes(stream, to, data);
    free(data);
    free(row);
    return ok;
}

bool weight_write(Stream *stream, const Tensor *to, const Weight *weight, Error *err)
{
    Conversion c = weight->conversion;
    bool blocks = dtype_is_quantized(to->dtype);
    c.to = blocks ? c.from : to->dtype == F16 ? GGML_F16 : GGML_F32;
    c.name = to->name ? to->name : "";
    bool ok = blocks ? write_blocks(stream, to, &c, err) : write_numbers(stream, to, &c, err);
    conversion_free(&c);
    return ok;
}
