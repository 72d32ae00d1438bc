// Inside the room: a model's tensors under GGUF's names, wherever they lie: in a GGUF file, or in safetensors under the
// hub's names and in its order. What loads and what exports read both through this.
#pragma once
#include "formats/convert.h"
#include "formats/safetensors.h"
#include "models/hub.h"
#include "tensor/tensor.h"

typedef struct Weight {
    StringView name; // "blk.0.attn_q.weight"
    int n_dims;
    int64_t shape[GGUF_MAX_DIMS]; // as in a GGUF file, outermost first
    Conversion conversion;        // from where it lies to that shape and order, in the type that it has
} Weight;

typedef struct Weights {
    const char *path; // for messages
    Weight *list;
    size_t count, capacity;
    StringMap index;
    Arena names;
} Weights;

Weight weight_of_gguf(const GgufTensor *tensor);
void weights_of_gguf(Weights *weights, const Gguf *file); // all of a file's, in its order

// A family's, of a model of that configuration. Errors name the file and the tensor: one that is missing, of a type that is
// not read, of a shape that cannot be changed, or that no place in the family takes (it could change what the model
// computes).
bool weights_of_hub(Weights *weights, const Safetensors *s, const Family *family, const Config *c, Error *err);
void weights_free(Weights *weights);

// The weight of that name and shape; NULL and an error naming file and tensor where there is none.
const Weight *weights_find(const Weights *weights, const char *name, Shape shape, Error *err);

// What a hub's tensor needs to become a GGUF's (ROWS_TO_NEIGHBOURS), or the reverse (ROWS_TO_HALVES). False and an error
// where its shape does not allow it.
bool weight_change(Weight *weight, HubChange change, RowOrder order, const Config *c, const char *path, Error *err);

// ---- To the device (weights_write.c) -----------------------------------------------------------------------------------

// The type that a weight has there: its own where `kept` and kernels read it, else f32.
DType weight_dtype(const Weight *weight, bool kept);

// Records the write to a tensor of that type. Numbers that are infinite or none stay so, to be seen in what the model
// computes; false, naming tensor and row, where f16 has to be transposed and holds one.
bool weight_write(Stream *stream, const Tensor *to, const Weight *weight, Error *err);
