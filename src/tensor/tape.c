#include "tensor/tape.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 32 << 20 };

Tape *tape_open(Stream *stream)
{
    Tape *t = NEW(Tape);
    Gpu *gpu = stream_gpu(stream);
    t->stream = stream;
    t->layer = -1;
    t->memory.gpu = stream_is_plan(stream) ? NULL : gpu;
    t->memory.alignment = gpu_traits(gpu)->alignment;
    return t;
}

void tape_close(Tape *t)
{
    if (!t) return;
    tape_reset(t);
    for (int i = 0; i < t->memory.chunk_count && t->memory.gpu; i++) gpu_free(t->memory.gpu, t->memory.chunks[i]);
    arena_free(&t->host);
    free(t->guards);
    free(t->memory.chunks);
    free(t->nodes);
    free(t->released);
    free(t);
}

// ---- Memory ------------------------------------------------------------------------------------------------------

static bool add_chunk(DeviceArena *m, uint64_t bytes, Error *err)
{
    // A plan's chunks have addresses of their own too, so that what overlaps can be told.
    uint64_t address = 1ull << 40;
    for (int i = 0; i < m->chunk_count; i++) address += m->chunks[i].bytes;
    Span span = { NULL, address, bytes };
    if (m->gpu && !gpu_alloc(m->gpu, bytes, &span, err)) return false;
    GROW(m->chunks, m->chunk_count, m->chunk_capacity);
    m->chunks[m->chunk_count++] = span;
    return true;
}

static void poison(Tape *t, Span span)
{
    if (span.block && gpu_options(stream_gpu(t->stream))->poison) stream_fill(t->stream, span, 0xffffffff);
}

// Memory for a tensor. Without a block, and with the stream's error set, when there is none left.
static Span take(Tape *t, DType dtype, Shape shape)
{
    DeviceArena *m = &t->memory;
    uint64_t bytes = (dtype_tensor_bytes(dtype, shape) + 3) & ~3ull;
    uint64_t guard = gpu_guard_bytes(stream_gpu(t->stream));
    uint64_t taken = (bytes + guard + m->alignment - 1) / m->alignment * m->alignment;
    while (m->chunk < m->chunk_count && m->chunks[m->chunk].bytes - m->used < taken) m->chunk++, m->used = 0;
    if (m->chunk == m->chunk_count) {
        Error err = { "" };
        if (!add_chunk(m, taken > CHUNK_BYTES ? taken : CHUNK_BYTES, &err)) {
            stream_fail(t->stream, &err);
            return (Span){ NULL, 0, bytes };
        }
    }
    Span span = span_part(m->chunks[m->chunk], m->used, bytes);
    span.guard = guard;
    m->used += taken;
    m->total += taken;
    if (m->total > m->peak) m->peak = m->total;
    poison(t, span);
    if (guard) {
        stream_fill_guard(t->stream, span);
        GROW(t->guards, t->guard_count, t->guard_capacity);
        t->guards[t->guard_count++] = (TapeGuard){ span, dtype, shape };
    }
    return span;
}

bool tape_reserve(Tape *t, uint64_t bytes, Error *err)
{
    uint64_t limit = gpu_traits(stream_gpu(t->stream))->max_allocation_bytes;
    for (int i = 0; i < t->memory.chunk_count; i++)
        bytes -= t->memory.chunks[i].bytes < bytes ? t->memory.chunks[i].bytes : bytes;
    while (bytes > 0) {
        uint64_t part = bytes < limit ? bytes : limit;
        if (!add_chunk(&t->memory, part, err)) return false;
        bytes -= part;
    }
    return true;
}

static TapeMark mark_now(const Tape *t)
{
    return (TapeMark){ t->memory.chunk, t->guard_count, t->memory.used, t->memory.total, arena_mark(&t->host) };
}

// What was taken since guard `first` is given back: were the guards left alone?
static void check_guards(Tape *t, int first)
{
    Error err = { "" };
    if (t->guard_count > first && t->memory.gpu && !stream_failed(t->stream) && stream_wait(t->stream, &err))
        for (int i = first; i < t->guard_count; i++)
            if (!gpu_guard_holds(t->guards[i].span))
                error_set(&err, "a kernel wrote behind a tensor of %s %s", dtype_name(t->guards[i].dtype),
                          shape_text(t->guards[i].shape));
    if (error_is_set(&err)) stream_fail(t->stream, &err);
    t->guard_count = first;
}

static void release_to(Tape *t, TapeMark mark)
{
    check_guards(t, mark.guards);
    t->memory.chunk = mark.chunk;
    t->memory.used = mark.used;
    t->memory.total = mark.total;
    arena_reset(&t->host, mark.host);
}

TapeMark tape_mark(Tape *t) { return mark_now(t); }

void tape_release(Tape *t, TapeMark mark)
{
    if (!t->train) release_to(t, mark);
}

void tape_release_scratch(Tape *t, TapeMark mark) { release_to(t, mark); }

void tape_reset(Tape *t)
{
    release_to(t, (TapeMark){ 0 });
    t->node_count = t->released_count = 0;
    t->dropout_calls = 0;
    t->layer = -1;
}

Tensor *tape_tensor(Tape *t, DType dtype, Shape shape)
{
    Tensor *x = ARENA_NEW(&t->host, Tensor);
    *x = (Tensor){ .shape = shape, .dtype = dtype, .span = take(t, dtype, shape) };
    return x;
}

// ---- Nodes -------------------------------------------------------------------------------------------------------

bool tape_saves(const Tape *t, Tensor *const *inputs, int n)
{
    bool needed = false;
    for (int i = 0; i < n; i++) needed |= inputs[i] && inputs[i]->needs_grad;
    return t->train && needed;
}

Tensor *tape_node(Tape *t, Tensor *y, BackwardFn *backward, Tensor *const *inputs, int input_count,
                  Tensor *const *saved, int saved_count, const void *attributes, size_t attribute_bytes)
{
    CHECK(input_count <= NODE_TENSORS && saved_count <= NODE_TENSORS && attribute_bytes <= NODE_ATTRIBUTES,
          "tape_node: %d inputs, %d saved tensors and %zu bytes are too many", input_count, saved_count,
          attribute_bytes);
    if (!tape_saves(t, inputs, input_count)) return y;
    y->needs_grad = true;
    GROW(t->nodes, t->node_count, t->node_capacity);
    Node *n = &t->nodes[t->node_count++];
    *n = (Node){ .backward = backward, .output = y };
    if (input_count) memcpy(n->input, inputs, (size_t)input_count * sizeof *inputs);
    if (saved_count) memcpy(n->saved, saved, (size_t)saved_count * sizeof *saved);
    if (attribute_bytes) memcpy(n->attributes, attributes, attribute_bytes);
    return y;
}

static void reshape_backward(Tape *t, const Node *n) { tape_pass(t, n, n->input[0]); }

Tensor *reshape(Tape *t, Tensor *x, Shape shape)
{
    op_check(shape_count(shape) == count(x), "reshape: %s does not become %s", tensor_text(x), shape_text(shape));
    Tensor *y = ARENA_NEW(&t->host, Tensor);
    *y = (Tensor){ .shape = shape, .dtype = x->dtype, .span = x->span };
    return tape_node(t, y, reshape_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES_NONE);
}

Tensor *tape_rows(Tape *t, Tensor *x, int64_t begin, int64_t n)
{
    op_check(!t->train, "tape_rows: %s is trained on", tensor_text(x));
    Tensor *y = ARENA_NEW(&t->host, Tensor);
    *y = tensor_view(x, begin, n, NULL);
    return y;
}

// ---- Gradients ---------------------------------------------------------------------------------------------------

// Gradients live shortly: their memory goes round among tensors of the same size, so that a backward pass needs little
// more than its forward pass and stays in the device's cache.
static Span take_grad(Tape *t, const Tensor *x)
{
    uint64_t bytes = 4 * (uint64_t)count(x);
    for (int i = t->released_count - 1; i >= 0; i--)
        if (t->released[i].bytes == bytes) {
            Span span = t->released[i];
            t->released[i] = t->released[--t->released_count];
            poison(t, span); // the guard is as the kernels left it
            return span;
        }
    return take(t, F32, x->shape);
}

static Grad *new_grad(Tape *t, const Tensor *x)
{
    Grad *grad = ARENA_NEW(&t->host, Grad);
    *grad = (Grad){ .span = take_grad(t, x), .sharers = 1 };
    return grad;
}

// x's own gradient, in memory that nobody else reads.
static void own_grad(Tape *t, Tensor *x)
{
    if (!x->grad) x->grad = new_grad(t, x);
    if (x->grad->sharers == 1 || x->grad->persistent) return;
    Grad *shared = x->grad;
    shared->sharers--;
    x->grad = new_grad(t, x);
    x->grad->written = shared->written;
    if (shared->written) stream_copy(t->stream, x->grad->span, shared->span);
}

Span tape_dy(const Node *n) { return n->output->grad->span; }

Span tape_grad(Tape *t, Tensor *x, uint32_t *accumulate)
{
    CHECK(x->needs_grad, "tape_grad: %s needs no gradient", tensor_text(x));
    own_grad(t, x);
    *accumulate = x->grad->written;
    x->grad->written = true;
    return x->grad->span;
}

static bool overlap(const Tensor *a, const Tensor *b)
{
    return a && a->span.block == b->span.block && a->span.offset < b->span.offset + b->span.bytes &&
           b->span.offset < a->span.offset + a->span.bytes;
}

// A node made x, and no other than n reads it.
static bool only_reader(const Tape *t, const Node *n, const Tensor *x)
{
    bool made = false;
    for (int i = 0; i < t->node_count; i++) {
        const Node *other = &t->nodes[i];
        if (other->output == n->output || other->backward == reshape_backward) continue;
        made |= overlap(other->output, x);
        for (int j = 0; j < NODE_TENSORS; j++)
            if (overlap(other->input[j], x) || overlap(other->saved[j], x)) return false;
    }
    return made;
}

Span tape_grad_in_place(Tape *t, const Node *n, Tensor *x, uint32_t *accumulate)
{
    if (!x->grad && x->dtype == F32 && only_reader(t, n, x)) {
        x->grad = ARENA_NEW(&t->host, Grad);
        *x->grad = (Grad){ .span = x->span, .sharers = 1 };
    }
    return tape_grad(t, x, accumulate);
}

// to += from, in parts where they are larger than the device binds.
static void add_into(Tape *t, Span to, Span from)
{
    typedef struct AddArgs {
        uint32_t n;
    } AddArgs;
    Gpu *gpu = stream_gpu(t->stream);
    uint64_t alignment = gpu_traits(gpu)->alignment;
    uint64_t most = (gpu_traits(gpu)->max_binding_bytes - alignment) / alignment * alignment;
    for (uint64_t first = 0; first < to.bytes; first += most) {
        uint64_t bytes = to.bytes - first < most ? to.bytes - first : most;
        gpu_dispatch(t->stream, KERNEL(gpu, "accumulate"),
                     ITEMS(bytes / 4, .flops = (double)bytes / 4, .bytes = 3 * (double)bytes),
                     SPANS(span_part(from, first, bytes), span_part(to, first, bytes)),
                     ARGS(AddArgs, (uint32_t)(bytes / 4)));
    }
}

void tape_pass(Tape *t, const Node *n, Tensor *x)
{
    if (!x->needs_grad) return;
    Grad *dy = n->output->grad;
    if (!x->grad) {
        x->grad = dy;
        dy->sharers++;
        return;
    }
    uint32_t accumulate;
    Span dx = tape_grad(t, x, &accumulate);
    if (!accumulate) {
        stream_copy(t->stream, dx, dy->span);
        return;
    }
    add_into(t, dx, dy->span);
}

static void let_go(Tape *t, Tensor *x)
{
    Grad *grad = x->grad;
    if (grad->persistent || --grad->sharers > 0) return;
    GROW(t->released, t->released_count, t->released_capacity);
    t->released[t->released_count++] = grad->span;
}

static void walk_back(Tape *t, int first)
{
    for (int i = t->node_count - 1; i >= first; i--) {
        Node n = t->nodes[i]; // a copy: a segment appends nodes and may move the list
        if (!n.output->grad || !n.output->grad->written) continue;
        n.backward(t, &n);
        let_go(t, n.output);
    }
}

void tape_backward_from(Tape *t, Tensor *const *ys, const Span *dys, int n)
{
    for (int i = 0; i < n; i++) {
        CHECK(ys[i]->needs_grad, "tape_backward: nothing that leads to %s needs a gradient", tensor_text(ys[i]));
        uint32_t accumulate;
        Span grad = tape_grad(t, ys[i], &accumulate);
        CHECK(!accumulate, "tape_backward: %s has a gradient already", tensor_text(ys[i]));
        stream_copy(t->stream, grad, dys[i]);
    }
    walk_back(t, 0);
}

void tape_backward(Tape *t, Tensor *y, float seed)
{
    CHECK(y->needs_grad, "tape_backward: nothing that leads to %s needs a gradient", tensor_text(y));
    uint32_t accumulate, word;
    memcpy(&word, &seed, sizeof word);
    stream_fill(t->stream, tape_grad(t, y, &accumulate), word);
    walk_back(t, 0);
}

// ---- Segments ----------------------------------------------------------------------------------------------------

typedef struct Segment {
    SegmentFn *fn;
    uint64_t dropout_calls : 56;
    int64_t layer : 8;
    char context[NODE_ATTRIBUTES - 16];
} Segment;

static void segment_backward(Tape *t, const Node *n)
{
    const Segment *segment = (const Segment *)n->attributes;
    Tensor *x = n->input[0], *y = n->output;
    if (x->needs_grad) own_grad(t, x);

    // What the second forward pass takes goes after its backward pass, and with it the memory of its gradients.
    Tape outer = *t;
    TapeMark mark = mark_now(t);
    t->released = NULL;
    t->released_count = t->released_capacity = 0;
    t->dropout_calls = segment->dropout_calls;
    t->layer = segment->layer;
    t->listen = NULL; // it has heard the first pass
    Tensor *again = segment->fn(t, x, segment->context);
    again->grad = y->grad;
    y->grad->sharers++;
    walk_back(t, outer.node_count);
    free(t->released);

    release_to(t, mark);
    t->node_count = outer.node_count;
    t->released = outer.released;
    t->released_count = outer.released_count;
    t->released_capacity = outer.released_capacity;
    t->dropout_calls = outer.dropout_calls;
    t->layer = outer.layer;
    t->listen = outer.listen;
}

Tensor *tape_segment(Tape *t, SegmentFn *fn, Tensor *x, const void *context, size_t context_bytes)
{
    Segment segment = { .fn = fn,
                        .dropout_calls = t->dropout_calls & ((1ull << 56) - 1),
                        .layer = (signed char)t->layer };
    CHECK(context_bytes <= sizeof segment.context, "tape_segment: %zu bytes of context are too many", context_bytes);
    memcpy(segment.context, context, context_bytes);
    if (!t->train) return fn(t, x, context);

    Tensor *y = tape_like(t, x);
    TapeMark mark = mark_now(t);
    t->train = false;
    stream_copy(t->stream, y->span, x->span); // an in-place residual writes y and leaves x for the second pass
    Tensor *z = fn(t, y, context);
    op_check(shape_equal(z->shape, x->shape), "tape_segment: %s went in, %s came out", tensor_text(x), tensor_text(z));
    if (z != y) stream_copy(t->stream, y->span, z->span);
    t->train = true;
    release_to(t, mark);

    y->needs_grad = true;
    GROW(t->nodes, t->node_count, t->node_capacity);
    Node *n = &t->nodes[t->node_count++];
    *n = (Node){ .backward = segment_backward, .output = y, .input = { x } };
    memcpy(n->attributes, &segment, sizeof segment);
    return y;
}

// ---- Probes ------------------------------------------------------------------------------------------------------

void tape_listen(Tape *t, const char *pattern, ListenFn *listen, void *context)
{
    t->listen_pattern = pattern;
    t->listen = listen;
    t->listen_context = context;
}

static void full_name(const Tape *t, const char *name, char full[static 96])
{
    if (t->layer >= 0)
        snprintf(full, 96, "blocks.%d.%s", t->layer, name);
    else
        snprintf(full, 96, "%s", name);
}

bool probe_wanted(const Tape *t, const char *name)
{
    if (!t->listen) return false;
    char full[96];
    full_name(t, name, full);
    return fnmatch(t->listen_pattern, full, 0) == 0;
}

Tensor *probe(Tape *t, const char *name, Tensor *x)
{
    if (!probe_wanted(t, name)) return x;
    char full[96];
    full_name(t, name, full);
    t->listen(t->listen_context, t, full, x);
    return x;
}
