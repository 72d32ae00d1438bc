#include "models/tensor_file.h"

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
