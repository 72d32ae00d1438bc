// What the files of a checkpoint say, read and checked without a device.
#pragma once
#include "base/random.h"
#include "formats/gguf.h"
#include "nn/parameters.h"
#include <jansson.h>

enum { CHECKPOINT_FILES = 3, CHECKPOINT_BEST = 2 };
extern const char *const checkpoint_files[CHECKPOINT_FILES]; // "model.gguf", "optimizer.gguf", "best.gguf"

// What the bits of a run come from, beside its settings: the device with its driver, and the kernels of a step.
enum { ORIGIN_DEVICE, ORIGIN_KERNELS, ORIGINS };
extern const char *const checkpoint_origins[ORIGINS]; // "device", "kernels"

// state.json: all of a checkpoint that is no tensor.
typedef struct CheckpointState {
    int64_t step;
    uint64_t data_hash; // of the dataset's ids
    Random batches;     // the data cursor
    double best_loss;   // lowest validation loss so far; INFINITY before the first
    uint64_t hashes[CHECKPOINT_FILES];
    uint64_t origin[ORIGINS]; // hashes of what computed it
    bool has_best;            // there was a best.gguf
    bool has_origin[ORIGINS]; // older ones have none
} CheckpointState;

json_t *checkpoint_state_json(const CheckpointState *state);

// The way back. What the object has besides is not looked at. Errors name the file, the field and its value.
bool checkpoint_state_read(const char *path, CheckpointState *state, Error *err);

// The same of bytes in memory; `name` stands for the path in messages.
bool checkpoint_state_parse(const void *text, size_t size, const char *name, CheckpointState *state, Error *err);

// optimizer.gguf holds AdamW's two moments of each parameter: tensors named "m." and "v." and the parameter's name, of
// its shape, F32.
typedef struct MomentName {
    char text[72];
} MomentName;
MomentName moment_name(const Parameter *parameter, char moment);
bool moments_check(const Gguf *file, const Parameters *parameters, Error *err);
