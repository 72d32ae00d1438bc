// Whole jobs, timed as they are used: training steps, and prefill and decode of a model with random weights.
#pragma once
#include "gpu/gpu.h"

typedef struct Speed {
    const char *label;
    double tokens, flops, bytes; // of one step
    double best, median;         // seconds a step
} Speed;

// Each row runs until `seconds` are spent (at least three steps). Returns how many rows; `err` is set on failure.
int speed_train(Stream *stream, double seconds, Speed *rows, int max, Error *err);
int speed_generate(Stream *stream, double seconds, Speed *rows, int max, Error *err);
