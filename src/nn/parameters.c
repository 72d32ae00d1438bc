#include "nn/parameters.h"
#include "base/random.h"
#include "tensor/planes.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Tensor *parameter_add(Parameters *ps, Shape shape, double std, float value, const char *name, ...)
{
    GROW(ps->list, ps->count, ps->capacity);
    Parameter *p = ps->list[ps->count++] = NEW(Parameter);
    va_list list;
    va_start(list, name);
    vsnprintf(p->name, sizeof p->name, name, list);
    va_end(list);
    p->std = std;
    p->value = value;
    p->tensor = (Tensor){ .shape = shape, .dtype = F32, .name = p->name };
    p->tensor.span.bytes = (uint64_t)tensor_bytes(&p->tensor);
    return &p->tensor;
}

Tensor *parameter_view(Parameters *ps, const Tensor *parameter, int64_t begin, int64_t n)
{
    GROW(ps->views, ps->view_count, ps->view_capacity);
    ParameterView *view = ps->views[ps->view_count++] = NEW(ParameterView);
    *view = (ParameterView){ .parent = parameter, .begin = begin, .n = n };
    view->tensor = tensor_view(parameter, begin, n, &view->grad);
    return &view->tensor;
}

// What a union is now that its parts have their types.
static void renew_join(ParameterJoin *join)
{
    const Tensor *first = join->parts[0];
    bool one = true;
    Shape shape = first->shape;
    int64_t N = 0;
    for (int i = 0; i < join->count; i++) {
        int64_t n = dim(join->parts[i], 0);
        CHECK(count(join->parts[i]) / n == count(first) / dim(first, 0), "parameter_join: %s and %s",
              tensor_text(first), tensor_text(join->parts[i]));
        one &= join->parts[i]->dtype == first->dtype;
        one &= i + 1 == join->count || !dtype_is_quantized(first->dtype) || n % (BAND * BANDS_OF_A_PART) == 0;
        N += n;
    }
    shape.dim[0] = N;
    join->tensor = (Tensor){ .shape = shape, .dtype = first->dtype };
    if (one) join->tensor.span.bytes = (uint64_t)tensor_bytes(&join->tensor);
}

Tensor *parameter_join(Parameters *ps, Tensor *const *parts, int n)
{
    GROW(ps->joins, ps->join_count, ps->join_capacity);
    ParameterJoin *join = ps->joins[ps->join_count++] = NEW(ParameterJoin);
    *join = (ParameterJoin){ .count = n };
    CHECK(n <= (int)COUNT_OF(join->parts), "parameter_join: %d parts", n);
    for (int i = 0; i < n; i++) join->parts[i] = parts[i];
    renew_join(join);
    return &join->tensor;
}

// The part's memory is a piece of the union's.
static void place_parts(const ParameterJoin *join)
{
    int64_t row = 0;
    for (int i = 0; i < join->count; i++) {
        Tensor *part = join->parts[i], view = tensor_view(&join->tensor, row, dim(part, 0), NULL);
        part->span = view.span;
        part->plane_row = view.plane_row;
        part->plane_rows = view.plane_rows;
        row += dim(part, 0);
    }
}

static bool alloc_joins(Parameters *ps, Gpu *gpu, Error *err)
{
    for (int i = 0; i < ps->join_count; i++) {
        ParameterJoin *join = ps->joins[i];
        renew_join(join);
        if (join->tensor.span.bytes && !gpu_alloc(gpu, join->tensor.span.bytes, &join->tensor.span, err)) return false;
        if (join->tensor.span.bytes) place_parts(join);
    }
    return true;
}

int64_t parameters_count(const Parameters *ps)
{
    int64_t n = 0;
    for (int i = 0; i < ps->count; i++) n += count(&ps->list[i]->tensor);
    return n;
}

uint64_t parameters_bytes(const Parameters *ps)
{
    uint64_t bytes = 0;
    for (int i = 0; i < ps->count; i++) bytes += (uint64_t)tensor_bytes(&ps->list[i]->tensor);
    return bytes;
}

// Views follow what their parents have become.
static void renew_views(Parameters *ps)
{
    for (int i = 0; i < ps->view_count; i++) {
        ParameterView *view = ps->views[i];
        view->tensor = tensor_view(view->parent, view->begin, view->n, &view->grad);
    }
}

void parameters_train(Parameters *ps)
{
    for (int i = 0; i < ps->count; i++) {
        Tensor *x = &ps->list[i]->tensor;
        x->needs_grad = true;
        x->grad = NEW(Grad);
        *x->grad = (Grad){ .span = { NULL, 0, 4 * (uint64_t)count(x) }, .sharers = 1, .persistent = true };
    }
    renew_views(ps);
}

bool parameters_alloc(Parameters *ps, Gpu *gpu, Error *err)
{
    bool ok = alloc_joins(ps, gpu, err);
    for (int i = 0; i < ps->count && ok; i++) {
        Tensor *x = &ps->list[i]->tensor;
        ok = (x->span.block || gpu_alloc(gpu, (uint64_t)tensor_bytes(x), &x->span, err)) &&
             (!x->grad || gpu_alloc(gpu, 4 * (uint64_t)count(x), &x->grad->span, err));
    }
    renew_views(ps);
    return ok;
}

void parameters_init(const Parameters *ps, Stream *stream, uint64_t seed)
{
    for (int i = 0; i < ps->count; i++) {
        const Parameter *p = ps->list[i];
        int64_t n = count(&p->tensor);
        float *values = NEW_ARRAY(float, n);
        Random random = { .key = random_key(seed, p->name) };
        for (int64_t j = 0; j < n; j++) values[j] = p->std > 0 ? (float)(p->std * random_normal(&random)) : p->value;
        tensor_write(stream, &p->tensor, values);
        free(values);
    }
}

void parameters_begin_step(Parameters *ps)
{
    for (int i = 0; i < ps->count; i++) ps->list[i]->tensor.grad->written = false;
    for (int i = 0; i < ps->view_count; i++) ps->views[i]->grad.written = false;
}

static bool has_views(const Parameters *ps, const Tensor *parameter)
{
    for (int i = 0; i < ps->view_count; i++)
        if (ps->views[i]->parent == parameter) return true;
    return false;
}

void parameters_end_backward(Parameters *ps, Stream *stream)
{
    for (int i = 0; i < ps->view_count; i++) {
        Grad *grad = &ps->views[i]->grad;
        if (!grad->written) stream_fill(stream, grad->span, 0);
        grad->written = true;
    }
    for (int i = 0; i < ps->count; i++) {
        Tensor *x = &ps->list[i]->tensor;
        if (!x->grad->written && !has_views(ps, x)) stream_fill(stream, x->grad->span, 0);
        x->grad->written = true;
    }
}

void parameters_free(Parameters *ps, Gpu *gpu)
{
    for (int i = 0; i < ps->join_count; i++) {
        ParameterJoin *join = ps->joins[i];
        for (int j = 0; j < join->count && join->tensor.span.block; j++) join->parts[j]->span = (Span){ 0 };
        tensor_free(gpu, &join->tensor);
        free(join);
    }
    for (int i = 0; i < ps->count; i++) {
        tensor_free(gpu, &ps->list[i]->tensor);
        free(ps->list[i]);
    }
    for (int i = 0; i < ps->view_count; i++) free(ps->views[i]);
    free(ps->list);
    free(ps->views);
    free(ps->joins);
    *ps = (Parameters){ 0 };
}
