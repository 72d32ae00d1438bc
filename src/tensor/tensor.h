// A tensor: a shape over contiguous device memory, row-major, the innermost dimension last.
#pragma once
#include "gpu/gpu.h"

enum { MAX_RANK = 6 };

typedef struct Shape {
    int rank;
    int64_t dim[MAX_RANK];
} Shape;
#define SHAPE(...) ((Shape){ (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })

// 16-bit tensors have an even innermost dimension: kernels read and write them a word (two elements) at a time.
typedef enum DType { F32, F16, BF16, I32, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K } DType;
// From Q8_0 on: matrices of weights in planes (tensor/planes.h), which linear and embedding read.

const char *dtype_name(DType dtype);
int dtype_bytes(DType dtype); // of an element; not of quantised types
uint64_t dtype_tensor_bytes(DType dtype, Shape shape);

int64_t shape_count(Shape shape); // how many elements
bool shape_equal(Shape a, Shape b);

// Where dL/dx gathers, always f32. Several tensors share one while their gradients are the same (y = a + b passes dy to
// both); who adds to a shared one takes a copy first.
typedef struct Grad {
    Span span;
    int sharers;
    bool written;    // holds a value: the next contribution is added, the first one is stored
    bool persistent; // a parameter's: it outlives the step
} Grad;

typedef struct Tensor {
    Shape shape;
    DType dtype;
    Span span; // block NULL in a plan
    Grad *grad;
    bool needs_grad;
    const char *name;              // of a parameter, else NULL
    int64_t plane_row, plane_rows; // of a view of quantised rows: its first one in the span, of how many; else 0
} Tensor;

// Dimension i; negative i counts from the innermost: dim(x, −1).
static inline int64_t dim(const Tensor *x, int i) { return x->shape.dim[i < 0 ? x->shape.rank + i : i]; }
static inline int64_t count(const Tensor *x) { return shape_count(x->shape); }
// All dimensions but the innermost: x [..., C] is a table of rows(x) rows of C.
static inline int64_t rows(const Tensor *x) { return count(x) / dim(x, -1); }
static inline int64_t tensor_bytes(const Tensor *x) { return (int64_t)dtype_tensor_bytes(x->dtype, x->shape); }

// "f32 [2, 64, 576]" in one of eight rotating buffers of the thread, for messages.
const char *tensor_text(const Tensor *x);
const char *shape_text(Shape shape);

// A caller's mistake stops with the call site: op_check(dim(x, -1) == dim(w, -1), "linear: x is %s, w is %s", …).
#define op_check(condition, ...) CHECK(condition, __VA_ARGS__)

// ---- Tensors that outlive a step: parameters, moments, caches ----------------------------------------------------

// Device memory of its own. False with `err` when there is none left.
bool tensor_alloc(Gpu *gpu, Tensor *x, DType dtype, Shape shape, Error *err);
bool tensor_alloc_grad(Gpu *gpu, Tensor *x, Error *err); // a persistent gradient; x needs_grad from now on
void tensor_free(Gpu *gpu, Tensor *x);                   // with its gradient

// Rows begin … begin+n of the outermost dimension, sharing memory (and, of a parameter, the gradient's memory).
// `grad` is where the view's own Grad lives, or NULL for a view that needs none.
Tensor tensor_view(const Tensor *x, int64_t begin, int64_t n, Grad *grad);

// ---- Host side ---------------------------------------------------------------------------------------------------

// Floats to and from the device, converted to the tensor's dtype (round to nearest even); ids for I32.
void tensor_write(Stream *stream, const Tensor *x, const float *values);
void tensor_write_ids(Stream *stream, const Tensor *x, const int32_t *ids);
bool tensor_read(Stream *stream, const Tensor *x, float *values, Error *err);
bool tensor_read_ids(Stream *stream, const Tensor *x, int32_t *ids, Error *err);
