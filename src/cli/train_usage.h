// What train's options must be to each other.
#pragma once
#include "cli/command.h"

typedef struct TrainShape {
    const char *arch, *tokenizer;
    int64_t d_model, n_head, n_kv_head;
} TrainShape;

// EXIT_OK, or EXIT_USAGE and a line that names the option and what would do.
int train_usage(const Invocation *in, const TrainShape *shape);
