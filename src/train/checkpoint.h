// A run's folder:
//
//   OUT/run.json           the settings that the run was started with
//   OUT/log.jsonl          a line for every step that was reported
//   OUT/step-N/            a checkpoint: model.gguf (weights), optimizer.gguf (both moments), state.json, and best.gguf as
//                          it was then, if there was one
//   OUT/model.gguf         the model of the last complete checkpoint
//   OUT/best.gguf          the model with the lowest validation loss so far
//
// A checkpoint is written as step-N.part, flushed to the disk and renamed: it is whole or not there. A run resumed from
// it, on the same device by the same kernels, gives the same bits as one that was never stopped.
#pragma once
#include "train/trainer.h"
#include <jansson.h>

typedef struct RunState {
    uint64_t data_hash; // of the dataset's ids
    double best_loss;   // lowest validation loss so far; INFINITY before the first
    json_t *settings;   // of the run, borrowed when saving
    Error other_origin; // after loading: what computed the checkpoint, where that is not what would go on; else empty
} RunState;

// Writes OUT/step-N of the trainer's present step, links it as OUT/model.gguf, then removes older checkpoints. On an
// error the last good checkpoint is untouched, and what was half-written is removed.
bool checkpoint_save(Trainer *trainer, const Tokenizer *tokenizer, const char *out, const RunState *state, Error *err);

// The step of the newest complete checkpoint in OUT, or −1 when there is none.
int64_t checkpoint_last(const char *out);

// Removes the checkpoints of steps before `keep`, and what a killed run left half-written.
bool checkpoint_remove(const char *out, int64_t keep, Error *err);

// Restores the trainer, opened with the same settings, and OUT/best.gguf from OUT/step-N. Errors name the file and what is wrong with it:
// truncated, edited (its hash differs), of another model, of other data. Another device, driver or kernel is no error:
// state->other_origin says it.
bool checkpoint_load(Trainer *trainer, const char *out, int64_t step, RunState *state, Error *err);
