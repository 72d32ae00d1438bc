// Tensors of the device on their way to GGUF files, and a file's tensors held against what they are wanted for.
#pragma once
#include "formats/gguf.h"
#include "tensor/tensor.h"

typedef struct TensorSource {
    Stream *stream;
    const Tensor *tensor; // f32
} TensorSource;

// Adds a tensor whose bytes are read from the device during the save; `source` lives until then.
void tensor_file_put(GgufWriter *writer, const char *name, TensorSource *source);

// The file's tensor of that name and shape; NULL and an error naming file and tensor where there is none.
const GgufTensor *tensor_file_find(const Gguf *file, const char *name, Shape shape, Error *err);
