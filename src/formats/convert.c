#include "formats/convert.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

static size_t row_bytes(GgmlType type, int64_t columns)
{
    const GgmlTypeInfo *info = ggml_type_info(type);
    return (size_t)columns / info->elements * info->bytes;
}

size_t conversion_bytes(const Conversion *c) { return (size_t)c->rows * row_bytes(c->to, c->columns); }

bool conversion_is_copy(const Conversion *c) { return c->from == c->to && c->order == ROWS_KEPT && !c->transposed; }

// The source's row for a row of the result.
static int64_t source_row(const Conversion *c, int64_t row)
{
    if (c->order == ROWS_KEPT) return row;
    int64_t half = c->head_dim / 2, head = row / c->head_dim, i = row % c->head_dim;
    return head * c->head_dim + (c->order == ROWS_TO_NEIGHBOURS ? i % 2 * half + i / 2 : i % half * 2 + i / half);
}

static void begin(Conversion *c)
{
    c->at = -1;
    c->row = mem_alloc(row_bytes(c->to, c->columns));
    c->values = NEW_ARRAY(float, c->columns);
    if (!c->transposed) return;
    CHECK(c->order == ROWS_KEPT, "convert: %s: transposed rows have no other order", c->name);
    c->source = NEW_ARRAY(float, c->rows * c->columns);
    ggml_dequantize(c->from, c->data, c->source, (size_t)(c->rows * c->columns));
}

static bool make_row(Conversion *c, int64_t row, Error *err)
{
    c->at = row;
    if (c->transposed)
        for (int64_t i = 0; i < c->columns; i++) c->values[i] = c->source[i * c->rows + row];
    else {
        size_t bytes = row_bytes(c->from, c->columns);
        const uint8_t *from = c->data + (size_t)source_row(c, row) * bytes;
        if (c->from == c->to) return memcpy(c->row, from, bytes), true;
        ggml_dequantize(c->from, from, c->values, (size_t)c->columns);
    }
    return ggml_quantize(c->to, c->values, c->row, (size_t)c->columns) ||
           error_set(err, "tensor %s, row %lld: a number is infinite, none, or too large for %s", c->name,
                     (long long)row, ggml_type_info(c->to)->name);
}

bool conversion_read(void *user, size_t offset, void *out, size_t size, Error *err)
{
    Conversion *c = user;
    size_t bytes = row_bytes(c->to, c->columns);
    if (conversion_is_copy(c)) return memcpy(out, c->data + offset, size), true;
    if (!c->row) begin(c);
    for (uint8_t *to = out; size > 0;) {
        int64_t row = (int64_t)(offset / bytes);
        size_t within = offset % bytes, take = bytes - within < size ? bytes - within : size;
        if (row != c->at && !make_row(c, row, err)) return false;
        memcpy(to, c->row + within, take);
        to += take, offset += take, size -= take;
    }
    return true;
}

void conversion_free(Conversion *c)
{
    free(c->row);
    free(c->values);
    free(c->source);
    c->row = NULL, c->values = c->source = NULL;
}
