// A model's parameters: declared first (a plan runs on the declarations alone), then given memory, then filled.
#pragma once
#include "tensor/tape.h"

typedef struct Parameter {
    Tensor tensor;
    char name[64]; // as in GGUF files: "blk.0.attn_q.weight"
    double std;    // drawn from N(0, std²); 0: all are `value`
    float value;
} Parameter;

typedef struct ParameterView {
    Tensor tensor; // rows begin … begin+n of the parent
    const Tensor *parent;
    int64_t begin, n;
    Grad grad;
} ParameterView;

// Weights [N_i, K], or biases [N_i], that lie behind one another, so that one product serves all of them.
typedef struct ParameterJoin {
    Tensor tensor; // [ΣN_i, K] or [ΣN_i]; span.bytes 0 while they cannot be one: their types differ
    Tensor *parts[4];
    int count;
} ParameterJoin;

typedef struct Parameters {
    Parameter **list;
    int count, capacity;
    ParameterView **views;
    int view_count, view_capacity;
    ParameterJoin **joins;
    int join_count, join_capacity;
} Parameters;

// Declares a parameter; the tensor stays where it is until parameters_free. `name` takes printf's rules.
Tensor *parameter_add(Parameters *ps, Shape shape, double std, float value, const char *name, ...)
    __attribute__((format(printf, 5, 6)));

// Rows of a parameter as a tensor of their own, with that part of the gradient (the three products of a fused QKV).
Tensor *parameter_view(Parameters *ps, const Tensor *parameter, int64_t begin, int64_t n);

// The union of parameters of one width, for products when inferring. It has span.bytes 0 where the parts' types, which a
// file decides, let them not lie together.
Tensor *parameter_join(Parameters *ps, Tensor *const *parts, int n);
#define PARTS(...) \
    ((Tensor *const[]){ __VA_ARGS__ }), (int)(sizeof((Tensor *const[]){ __VA_ARGS__ }) / sizeof(Tensor *))

int64_t parameters_count(const Parameters *ps);  // numbers in all of them
uint64_t parameters_bytes(const Parameters *ps); // of their memory, gradients apart

// Marks all of them as trained, before memory or a plan.
void parameters_train(Parameters *ps);

// Gives memory to the parameters and, where trained, to their gradients.
bool parameters_alloc(Parameters *ps, Gpu *gpu, Error *err);

// Draws initial values in double on the host: the same for a seed on every device. Each has a stream of its own name.
void parameters_init(const Parameters *ps, Stream *stream, uint64_t seed);

void parameters_begin_step(Parameters *ps);                   // gradients are empty
void parameters_end_backward(Parameters *ps, Stream *stream); // what no gradient reached becomes 0
void parameters_free(Parameters *ps, Gpu *gpu);
