// A training run's folder as the command line sees it: its settings, its log, its samples, its curve.
#pragma once
#include "cli/command.h"
#include <jansson.h>
#include <stdio.h>

// The options (and the seed) as JSON, without those in `except`. Lists of names end with NULL. NULL and an error if a
// value is not UTF-8.
json_t *run_settings_json(Invocation *in, const char *const *except, Error *err);

bool run_folder_holds_run(const char *out); // settings or a checkpoint

// Writes OUT/run.json. With `force` what an earlier run left is removed first.
bool run_folder_begin(const char *out, json_t *settings, bool force, Error *err);

// Sets the options, but for `except`, to what OUT/run.json says; an error where the command line says something else and
// the option is none of `may_change`.
bool run_folder_settings(const char *out, Invocation *in, const char *const *except, const char *const *may_change,
                         Error *err);

typedef struct LogPoint {
    float step, loss, val_loss; // val_loss NAN where none was measured
} LogPoint;

typedef struct RunLog {
    char *out;
    FILE *steps, *samples; // log.jsonl, samples.txt
    LogPoint *points;
    int count, capacity;
} RunLog;

// Opens the log behind `step`: later lines and samples, of a run that was killed after its last checkpoint, are dropped.
bool run_log_open(RunLog *log, const char *out, int64_t step, Error *err);
bool run_log_step(RunLog *log, int64_t step, double loss, double val_loss, double lr, double grad_norm,
                  double tokens_per_second, double gflops, Error *err);
bool run_log_sample(RunLog *log, int64_t step, const char *text, Error *err);
bool run_log_curve(RunLog *log, Error *err); // draws OUT/loss.svg anew
void run_log_close(RunLog *log);
