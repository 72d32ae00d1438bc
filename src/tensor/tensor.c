#include "tensor/tensor.h"
#include "base/half.h"
#include "base/memory.h"
#include "tensor/planes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int bytes;
} dtypes[] = { [F32] = { "f32", 4 },   [F16] = { "f16", 2 },   [BF16] = { "bf16", 2 }, [I32] = { "i32", 4 },
               [Q8_0] = { "q8_0", 0 }, [Q4_0] = { "q4_0", 0 }, [Q4_1] = { "q4_1", 0 }, [Q5_0] = { "q5_0", 0 },
               [Q5_1] = { "q5_1", 0 }, [Q4_K] = { "q4_k", 0 }, [Q5_K] = { "q5_k", 0 }, [Q6_K] = { "q6_k", 0 } };

const char *dtype_name(DType dtype) { return dtypes[dtype].name; }

int dtype_bytes(DType dtype)
{
    CHECK(dtypes[dtype].bytes, "dtype_bytes: an element of %s has no bytes of its own", dtype_name(dtype));
    return dtypes[dtype].bytes;
}

uint64_t dtype_tensor_bytes(DType dtype, Shape shape)
{
    if (!dtype_is_quantized(dtype)) return (uint64_t)shape_count(shape) * (uint64_t)dtype_bytes(dtype);
    CHECK(shape.rank == 2, "%s %s is no matrix", dtype_name(dtype), shape_text(shape));
    return planes_bytes(dtype, shape.dim[0], shape.dim[1]);
}

int64_t shape_count(Shape shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape.rank; i++) n *= shape.dim[i];
    return n;
}

bool shape_equal(Shape a, Shape b) { return a.rank == b.rank && !memcmp(a.dim, b.dim, (size_t)a.rank * sizeof *a.dim); }

enum { TEXT_BYTES = 160 };

static char *next_text(void)
{
    static _Thread_local char texts[8][TEXT_BYTES];
    static _Thread_local unsigned next;
    return texts[next++ % COUNT_OF(texts)];
}

const char *shape_text(Shape shape)
{
    char *text = next_text();
    int used = snprintf(text, TEXT_BYTES, "[");
    for (int i = 0; i < shape.rank; i++)
        used += snprintf(text + used, TEXT_BYTES - (size_t)used, "%s%lld", i ? ", " : "", (long long)shape.dim[i]);
    snprintf(text + used, TEXT_BYTES - (size_t)used, "]");
    return text;
}

const char *tensor_text(const Tensor *x)
{
    char *text = next_text();
    snprintf(text, TEXT_BYTES, "%s %.150s", dtype_name(x->dtype), shape_text(x->shape));
    return text;
}

bool tensor_alloc(Gpu *gpu, Tensor *x, DType dtype, Shape shape, Error *err)
{
    *x = (Tensor){ .shape = shape, .dtype = dtype };
    return gpu_alloc(gpu, (uint64_t)tensor_bytes(x), &x->span, err);
}

bool tensor_alloc_grad(Gpu *gpu, Tensor *x, Error *err)
{
    Span span;
    if (!gpu_alloc(gpu, 4 * (uint64_t)count(x), &span, err)) return false;
    x->grad = NEW(Grad);
    *x->grad = (Grad){ .span = span, .sharers = 1, .persistent = true };
    x->needs_grad = true;
    return true;
}

void tensor_free(Gpu *gpu, Tensor *x)
{
    gpu_free(gpu, x->span);
    if (x->grad) gpu_free(gpu, x->grad->span);
    free(x->grad);
    *x = (Tensor){ 0 };
}

Tensor tensor_view(const Tensor *x, int64_t begin, int64_t n, Grad *grad)
{
    op_check(begin >= 0 && n > 0 && begin + n <= dim(x, 0), "tensor_view: rows %lld … %lld of %s", (long long)begin,
             (long long)(begin + n), tensor_text(x));
    Tensor view = *x;
    if (dtype_is_quantized(x->dtype)) {
        view.shape.dim[0] = n;
        view.plane_rows = x->plane_rows ? x->plane_rows : dim(x, 0);
        view.plane_row = x->plane_row + begin;
        return view;
    }
    int64_t row = count(x) / dim(x, 0), row_bytes = row * dtype_bytes(x->dtype);
    op_check(begin * row_bytes % 4 == 0 && n * row_bytes % 4 == 0, "tensor_view: %s has rows of %lld bytes",
             tensor_text(x), (long long)row_bytes);
    view.shape.dim[0] = n;
    view.span = span_part(x->span, (uint64_t)(begin * row_bytes), (uint64_t)(n * row_bytes));
    view.grad = grad;
    view.needs_grad = grad && x->needs_grad;
    if (grad && x->grad) {
        *grad = *x->grad;
        grad->span = span_part(x->grad->span, 4 * (uint64_t)(begin * row), 4 * (uint64_t)(n * row));
    }
    return view;
}

// ---- Host side ---------------------------------------------------------------------------------------------------

void tensor_write(Stream *stream, const Tensor *x, const float *values)
{
    op_check(x->dtype <= BF16, "tensor_write: %s holds no floats", tensor_text(x));
    if (x->dtype == F32) {
        stream_write(stream, x->span, values, (uint64_t)tensor_bytes(x));
        return;
    }
    int64_t n = count(x);
    uint16_t *halves = NEW_ARRAY(uint16_t, n);
    for (int64_t i = 0; i < n; i++) halves[i] = x->dtype == F16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    stream_write(stream, x->span, halves, (uint64_t)tensor_bytes(x));
    free(halves);
}

void tensor_write_ids(Stream *stream, const Tensor *x, const int32_t *ids)
{
    op_check(x->dtype == I32, "tensor_write_ids: %s holds no ids", tensor_text(x));
    stream_write(stream, x->span, ids, (uint64_t)tensor_bytes(x));
}

bool tensor_read(Stream *stream, const Tensor *x, float *values, Error *err)
{
    op_check(x->dtype <= BF16, "tensor_read: %s holds no floats", tensor_text(x));
    if (x->dtype == F32) return stream_read(stream, x->span, values, (uint64_t)tensor_bytes(x), err);
    int64_t n = count(x);
    uint16_t *halves = NEW_ARRAY(uint16_t, n);
    bool ok = stream_read(stream, x->span, halves, (uint64_t)tensor_bytes(x), err);
    for (int64_t i = 0; ok && i < n; i++) values[i] = x->dtype == F16 ? f16_to_f32(halves[i]) : bf16_to_f32(halves[i]);
    free(halves);
    return ok;
}

bool tensor_read_ids(Stream *stream, const Tensor *x, int32_t *ids, Error *err)
{
    op_check(x->dtype == I32, "tensor_read_ids: %s holds no ids", tensor_text(x));
    return stream_read(stream, x->span, ids, (uint64_t)tensor_bytes(x), err);
}
