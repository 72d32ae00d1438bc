// The training step: forward, loss, backward, update; and the state that it changes.
#pragma once
#include "data/batches.h"
#include "models/model.h"

typedef struct TrainOptions {
    int batch, seq_len, grad_accum; // a step sees grad_accum batches of batch × seq_len tokens
    int64_t steps, warmup;
    double lr, min_lr, beta1, beta2, eps, weight_decay, clip, dropout;
    uint64_t seed;
} TrainOptions;

// Memory in bytes, by kind, as a plan has counted it before anything is allocated.
typedef struct TrainMemory {
    uint64_t weights, gradients, moments, activations;
} TrainMemory;

static inline uint64_t train_bytes(const TrainMemory *m)
{
    return m->weights + m->gradients + m->moments + m->activations;
}

enum { TRAIN_KERNELS = 128 };
typedef struct TrainKernels {
    const Kernel *list[TRAIN_KERNELS]; // by name
    int count;
} TrainKernels;

typedef struct TrainPlan {
    TrainMemory memory;
    double flops_per_token; // forward, backward and update, by what the dispatches state
    uint64_t dispatches;    // of a step
    TrainKernels kernels;   // that a step takes: the rungs of this device
} TrainPlan;

typedef struct Trainer {
    TrainOptions options;
    Model *model;
    Stream *stream;
    Tape *tape;
    Tensor *m, *v;             // AdamW's moments, one each for a parameter
    Tensor norm, partials;     // of all gradients
    Tensor report;             // the losses of a step's batches
    TrainKernels kernels;      // as planned
    Batches batches;           // with the data cursor
    int64_t step;              // done so far
    int32_t *inputs, *targets; // of one batch
} Trainer;

typedef struct StepReport {
    double loss, lr, grad_norm;
} StepReport;

// lr_t: rises linearly over the warm-up, then falls by half a cosine to min_lr at step `steps`
// (Loshchilov & Hutter 2017, eq. 5). step counts from 0.
double learning_rate(const TrainOptions *o, int64_t step);

// Memory and FLOPs of a run, without allocating anything. `model` has been declared, not allocated. `err` is set where
// no kernel can do it.
TrainPlan train_plan(Model *model, const TrainOptions *options, Error *err);

// True, and the plan, if the run fits into `bytes`. Else plan->memory says what it needs at least, unless `err` is set.
bool train_fits(Model *model, const TrainOptions *options, uint64_t bytes, TrainPlan *plan, Error *err);

// The largest batch whose plan fits into `bytes`; 0 if none does.
int train_largest_batch(Model *model, const TrainOptions *options, uint64_t bytes);

// Takes the memory of a run and starts it at step 0 with fresh weights. `ids` are borrowed.
bool trainer_open(Trainer *trainer, Model *model, Stream *stream, const TrainOptions *options, const TrainPlan *plan,
                  const int32_t *ids, size_t n_ids, BatchesSource source, Error *err);
void trainer_close(Trainer *trainer);

// One step. False when the device fails, or when the loss or the gradient is not finite: the weights are then those
// before the step.
bool trainer_step(Trainer *trainer, StepReport *report, Error *err);

// The mean loss over `n` fixed batches of validation ids, without dropout.
bool trainer_evaluate(Trainer *trainer, const Batches *val, int n, double *loss, Error *err);
