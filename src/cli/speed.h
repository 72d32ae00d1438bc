// Whole jobs, timed as they are used: training steps, and prefill and decode of a model with random weights.
#pragma once
#include "ops/bench.h"

typedef struct Speed {
    const char *label;
    double tokens, flops, bytes; // of one step
    double best, median;         // seconds a step
} Speed;

// Returns how many rows were measured: fewer where the limit stopped them, and on failure, which sets `err`.
int speed_train(Stream *stream, const BenchLimit *limit, Speed *rows, int max, Error *err);
int speed_generate(Stream *stream, const BenchLimit *limit, Speed *rows, int max, Error *err);
