// The ladders of attention: which kernels there are, what each needs, and when it is taken.
#include "ops/attention.h"

static const Rung forward[] = {
    {.kernel = { .shader = "attention_row" }, .idea = "one query per invocation, which walks along the keys"},
};

static const Rung backward_q[] = {
    {.kernel = { .shader = "attention_backward_q" }, .idea = "one query per invocation, which walks along the keys"},
};

static const Rung backward_kv[] = {
    {.kernel = { .shader = "attention_backward_kv" },
     .idea = "one key per invocation, which walks along the queries"},
};

const Ladder attention_ladders[] = {
    [LADDER_FORWARD] = LADDER("attention", forward),
    [LADDER_BACKWARD_Q] = LADDER("attention_backward_q", backward_q),
    [LADDER_BACKWARD_KV] = LADDER("attention_backward_kv", backward_kv),
};
