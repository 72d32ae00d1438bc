#include "models/tensor_file.h"
#include "base/memory.h"
#include "tensor/planes.h"
#include <stdlib.h>
#include <string.h>

static bool read_part(void *user, size_t offset, void *out, size_t size, Error *err)
{
    const TensorSource *source = user;
    return stream_read(source->stream, span_part(source->tensor->span, offset, size), out, size, err);
}

void tensor_file_put(GgufWriter *writer, const char *name, TensorSource *source)
{
    const Tensor *x = source->tensor;
    op_check(x->dtype == F32, "tensor_file_put: %s is %s", name, tensor_text(x));
    gguf_put_tensor(writer, name, GGML_F32, x->shape.rank, x->shape.dim, read_part, source);
}

const GgufTensor *tensor_file_find(const Gguf *file, const char *name, Shape shape, Error *err)
{
    const GgufTensor *tensor = gguf_tensor(file, name);
    if (!tensor) return error_set(err, "%s: the tensor %s is missing", file->path, name), NULL;
    Shape found = { .rank = tensor->n_dims };
    for (int i = 0; i < tensor->n_dims; i++) found.dim[i] = tensor->shape[i];
    if (shape_equal(found, shape)) return tensor;
    return error_set(err, "%s: the tensor %s is %s; the model asks for %s", file->path, name, shape_text(found),
                     shape_text(shape)),
           NULL;
}

// ---- From a file to the device ---------------------------------------------------------------------------------------

static const struct {
    GgmlType from;
    DType to;
} kept_types[] = { { GGML_F16, F16 },   { GGML_Q8_0, Q8_0 }, { GGML_Q4_0, Q4_0 },
                   { GGML_Q4_1, Q4_1 }, { GGML_Q5_0, Q5_0 }, { GGML_Q5_1, Q5_1 },
                   { GGML_Q4_K, Q4_K }, { GGML_Q5_K, Q5_K }, { GGML_Q6_K, Q6_K } };

DType tensor_file_dtype(const GgufTensor *tensor, bool kept)
{
    if (!kept || tensor->n_dims != 2 || tensor->shape[1] % 2) return F32;
    for (size_t i = 0; i < COUNT_OF(kept_types); i++)
        if (kept_types[i].from == tensor->type) return kept_types[i].to;
    return F32;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

// Blocks to planes, on the host: a copy of one tensor at a time.
static void write_planes(Stream *stream, const Tensor *to, const GgufTensor *from)
{
    const GgmlTypeInfo *info = ggml_type_info(from->type);
    int64_t N = dim(to, 0), K = dim(to, 1), blocks = K / info->elements;
    uint64_t bytes = planes_bytes(to->dtype, N, K);
    uint8_t *data = mem_zero(bytes, 1);
    const uint8_t *block = from->data;
    QuantGroup groups[GGML_MAX_GROUPS] = { 0 };
    for (int64_t n = 0; n < N; n++)
        for (int64_t b = 0; b < blocks; b++, block += info->bytes) {
            info->split(block, groups);
            for (int g = 0; g < info->groups; g++)
                planes_put(data, to->dtype, N, K, n, b * info->groups + g, &groups[g]);
        }
    // The planes of a tensor that is a part of a larger one lie apart.
    Tensor alone = { .shape = to->shape, .dtype = to->dtype, .span = { NULL, 0, bytes } };
    Planes there = planes_of(to), here = planes_of(&alone);
    const Span pairs[][2] = { { there.quants, here.quants },
                              { there.high, here.high },
                              { there.scales, here.scales },
                              { there.supers, here.supers } };
    for (int i = 0; i < 4; i++)
        if (i == 0 || pairs[i][1].offset > 0)
            stream_write(stream, pairs[i][0], data + pairs[i][1].offset, least(pairs[i][0].bytes, pairs[i][1].bytes));
    free(data);
}

void tensor_file_write(Stream *stream, const Tensor *to, const GgufTensor *from)
{
    if (dtype_is_quantized(to->dtype)) {
        write_planes(stream, to, from);
    } else if (from->type == (to->dtype == F16 ? GGML_F16 : GGML_F32)) {
        stream_write(stream, to->span, from->data, from->bytes);
    } else {
        float *values = NEW_ARRAY(float, count(to));
        ggml_dequantize(from->type, from->data, values, (size_t)count(to));
        tensor_write(stream, to, values);
        free(values);
    }
}
