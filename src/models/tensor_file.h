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

// The type that a tensor of the file has on the device: its own where `kept` and the device's kernels read it, else f32.
DType tensor_file_dtype(const GgufTensor *tensor, bool kept);

// Records the write of a file's tensor to one of the device's, which has tensor_file_dtype.
void tensor_file_write(Stream *stream, const Tensor *to, const GgufTensor *from);

// The file's tensor of that name and shape; NULL and an error naming file and tensor where there is none.
const GgufTensor *tensor_file_find(const Gguf *file, const char *name, Shape shape, Error *err);
