// Runs a lecture: step by step on a terminal, all at once elsewhere, and into a page.
#pragma once
#include "base/term.h"
#include "stage/stage.h"
#include <stdio.h>

typedef struct RunOptions {
    bool all;            // every step without asking
    const char *html;    // write the whole lecture to this file instead of the terminal; NULL: no
    const char *figures; // write its heat maps into this folder instead (svg.h); NULL: no
} RunOptions;

// One run of one lecture: its parameters, its state and what every step that ran has shown.
typedef struct Show Show;

Show *show_open(const Lecture *lecture, struct Gpu *gpu, uint64_t seed);
void show_close(Show *show);

// A lecture's parameter by its name: "n-heads" or "n_heads". NULL: err lists what there is.
const Param *lecture_param(const Lecture *lecture, const char *name, Error *err);

// Sets a parameter from text: "n-heads" or "n_heads", "4". Checks the name, the number and its range. What has run is
// forgotten: the state is set up again before the next step.
bool show_set(Show *show, const char *name, const char *value, Error *err);

// The exhibits of step `index` (from 0). Steps that have not run since the last change run first, up to this one.
// False when the setup or a step failed.
bool show_step(Show *show, int index, const Exhibit *const **exhibits, int *n, Error *err);

const Lecture *show_lecture(const Show *show);
const char *show_parameter(const Show *show, int i, Arena *arena); // the value of its i-th parameter

// The head of step `index` on a terminal, with the lecture's own before the first.
void show_print_head(const Show *show, const Term *term, int index);

// What `lectern lecture NAME` does: reads keys where both ends are a terminal (? lists them), else prints every
// step as with `all`. The Error says which step failed.
bool show_run(Show *show, const RunOptions *options, Error *err);

// The parameters with their defaults, ranges and meanings, for --help.
void lecture_usage(const Lecture *lecture, FILE *out);
