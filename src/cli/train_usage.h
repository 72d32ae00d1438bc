// What train's options must be to each other.
#pragma once
#include "cli/command.h"
#include "models/model.h"

typedef struct TrainShape {
    const char *arch, *tokenizer;
    int64_t d_model, n_head, n_kv_head;
} TrainShape;

// The family that --arch names; NULL and an error where it is none that lectern trains.
const Family *train_family(const char *arch, Error *err);

// EXIT_OK, or EXIT_USAGE and a line that names the option and what would do.
int train_usage(const Invocation *in, const TrainShape *shape);
