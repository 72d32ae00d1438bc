// The tape: where a step's tensors live, and what it remembers to go backward.
//
//   train   every op appends a node; tape_backward walks them in reverse
//   infer   nothing is kept; tape_release gives a block's temporaries back
//   plan    the stream counts and touches nothing: the same code tells its memory and its FLOPs beforehand
//
// The same model code runs in all three.
#pragma once
#include "base/memory.h"
#include "tensor/tensor.h"

enum { NODE_TENSORS = 8, NODE_ATTRIBUTES = 96 };

typedef struct Tape Tape;
typedef struct Node Node;
typedef void BackwardFn(Tape *t, const Node *n);

struct Node {
    BackwardFn *backward;
    Tensor *output;
    Tensor *input[NODE_TENSORS], *saved[NODE_TENSORS];
    _Alignas(16) char attributes[NODE_ATTRIBUTES]; // the op's own struct
};

// Device memory by bumping, with marks. A plan's has no memory behind it.
typedef struct DeviceArena {
    Gpu *gpu; // NULL in a plan
    Span *chunks;
    int chunk_count, chunk_capacity, chunk; // chunk: the one in use
    uint64_t used;                          // of the chunk in use
    uint64_t total, peak;                   // bytes in use now and at most, alignment included
    uint64_t alignment;
} DeviceArena;

typedef struct TapeMark {
    int chunk, guards;
    uint64_t used, total;
    ArenaMark host;
} TapeMark;

// Under GpuOptions.poison: what was taken, whose guard must hold when it is given back.
typedef struct TapeGuard {
    Span span;
    DType dtype;
    Shape shape;
} TapeGuard;

typedef void ListenFn(void *context, Tape *t, const char *name, Tensor *x);

struct Tape {
    Stream *stream;
    bool train;
    DeviceArena memory;
    Arena host; // Tensor and Grad structs
    Node *nodes;
    int node_count, node_capacity;
    Span *released; // gradients' memory that backward has finished with
    int released_count, released_capacity;
    TapeGuard *guards;
    int guard_count, guard_capacity;
    uint64_t dropout_key;   // of this step; 0 switches dropout off
    uint64_t dropout_calls; // made so far in this step: each has its own subsequence of random numbers
    const char *force;      // tests and bench: the kernel to take where a ladder has it
    bool force_taken;       // a ladder had it and took it
    int layer;              // prefixed to probes as "blocks.N."; −1 outside layers
    ListenFn *listen;
    const char *listen_pattern;
    void *listen_context;
};

// `stream` may be a plan. Set `train` before the first op of a step.
Tape *tape_open(Stream *stream);
void tape_close(Tape *t);

// Forgets the step: nodes, tensors and their memory (kept for the next step). Under GpuOptions.poison this and
// tape_release fail the stream if a kernel has written behind one of the tensors.
void tape_reset(Tape *t);

// Takes the step's whole memory in as few pieces as the device allows, as a plan has found.
bool tape_reserve(Tape *t, uint64_t bytes, Error *err);

// Gives back what was taken since the mark when inferring; does nothing when training.
TapeMark tape_mark(Tape *t);
void tape_release(Tape *t, TapeMark mark);

// The same when training too, where nobody keeps what was taken since: an op's working memory. No node and no gradient may
// have been made since the mark.
void tape_release_scratch(Tape *t, TapeMark mark);

// ---- For ops -----------------------------------------------------------------------------------------------------

// A tensor in the step's arena; undefined values (NaN under GpuOptions.poison). When memory runs out the stream keeps
// the error and later dispatches do nothing.
Tensor *tape_tensor(Tape *t, DType dtype, Shape shape);
static inline Tensor *tape_like(Tape *t, const Tensor *x) { return tape_tensor(t, x->dtype, x->shape); }

// x with another shape of as many elements: a view. Its gradient passes through.
Tensor *reshape(Tape *t, Tensor *x, Shape shape);

// Rows begin … begin+n of x's outermost dimension as a tensor of their own, in the same memory. When inferring only.
Tensor *tape_rows(Tape *t, Tensor *x, int64_t begin, int64_t n);

// True if backward will need what the op could save: training, and one of the inputs needs a gradient.
bool tape_saves(const Tape *t, Tensor *const *inputs, int n);

// Remembers how y was made, if any input needs a gradient. What backward reads must be among the inputs and the saved
// tensors (y too, if it reads y): memory that is in neither may be used again. Returns y.
#define INPUTS(...) \
    ((Tensor *const[]){ __VA_ARGS__ }), (int)(sizeof((Tensor *const[]){ __VA_ARGS__ }) / sizeof(Tensor *))
#define SAVED INPUTS
#define SAVED_NONE NULL, 0
#define ATTRIBUTES(value) (&(value)), sizeof(value)
#define ATTRIBUTES_NONE NULL, 0
Tensor *tape_node(Tape *t, Tensor *y, BackwardFn *backward, Tensor *const *inputs, int input_count,
                  Tensor *const *saved, int saved_count, const void *attributes, size_t attribute_bytes);

// In a backward function: dL/dy, and the memory that dL/dx goes to. `*accumulate` is 1 if the kernel must add to what is
// there and 0 if it must store. Only for tensors with needs_grad.
Span tape_dy(const Node *n);
Span tape_grad(Tape *t, Tensor *x, uint32_t *accumulate);

// As tape_grad, but x's own memory becomes its gradient's where nothing needs x's values any more but node n, whose
// backward function reads each element before it writes it: the largest tensor of a step is not held twice.
Span tape_grad_in_place(Tape *t, const Node *n, Tensor *x, uint32_t *accumulate);

// dL/dx (+)= dL/dy as it is: without a copy when it is x's first.
void tape_pass(Tape *t, const Node *n, Tensor *x);

// ---- For models and training -------------------------------------------------------------------------------------

// Runs backward from y, where dL/dy is `seed` at every element. Parameters' gradients gather in their own memory.
void tape_backward(Tape *t, Tensor *y, float seed);

// Backward from several outputs, whose dL/dy (f32, of their shapes) the caller gives.
void tape_backward_from(Tape *t, Tensor *const *ys, const Span *dys, int n);

// Gradient checkpointing: y = fn(t, x, context), whose inner tensors are not kept but computed again in backward.
// `context` is copied (at most NODE_ATTRIBUTES − 16 bytes). fn may draw dropout: the same numbers come again.
typedef Tensor *SegmentFn(Tape *t, Tensor *x, const void *context);
Tensor *tape_segment(Tape *t, SegmentFn *fn, Tensor *x, const void *context, size_t context_bytes);

// ---- Probes ------------------------------------------------------------------------------------------------------

// Names an activation (TransformerLens' names, the layer's prefix added). Costs nothing until somebody listens, and
// listening never changes the model's bits: the listener may read x but not write it. Returns x.
Tensor *probe(Tape *t, const char *name, Tensor *x);
// Only names that match `pattern` (fnmatch: "blocks.*.attn.hook_pattern") are heard. listen NULL stops.
void tape_listen(Tape *t, const char *pattern, ListenFn *listen, void *context);

// True if somebody listens to this name: what the fast path does not materialise is then computed aside.
bool probe_wanted(const Tape *t, const char *name);
