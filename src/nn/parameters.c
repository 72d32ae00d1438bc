#include "nn/parameters.h"
#include "base/random.h"
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
    bool ok = true;
    for (int i = 0; i < ps->count && ok; i++) {
        Tensor *x = &ps->list[i]->tensor;
        ok = gpu_alloc(gpu, (uint64_t)tensor_bytes(x), &x->span, err) &&
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
    for (int i = 0; i < ps->count; i++) {
        tensor_free(gpu, &ps->list[i]->tensor);
        free(ps->list[i]);
    }
    for (int i = 0; i < ps->view_count; i++) free(ps->views[i]);
    free(ps->list);
    free(ps->views);
    *ps = (Parameters){ 0 };
}
