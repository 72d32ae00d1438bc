// How fast ops run, and how fast a device could: times by the host's clock around whole submits.
#pragma once
#include "ops/op.h"

typedef struct BenchResult {
    bool skipped;        // `force` cannot run this case, or it was stopped before a call was timed
    int runs;            // timed ones
    double best, median; // seconds a call
    double flops, bytes; // of one call: the case's own, else what its dispatches say
} BenchResult;

static inline double bench_gflops(const BenchResult *r) { return r->flops / r->best * 1e-9; }
static inline double bench_gbps(const BenchResult *r) { return r->bytes / r->best * 1e-9; }

// How long a row may take: one warm call, and as many timed ones as begin within `seconds` (at least one).
typedef struct BenchLimit {
    double seconds;
    bool (*stopped)(void); // asked between calls: true ends the row with what was timed so far; NULL: nobody does
} BenchLimit;

// Runs the case forward, with the kernel that `force` names or, if NULL, the one that the op chooses. False with `err`
// when the device fails.
bool bench_op(Stream *stream, const Op *op, const Case *c, const char *force, const BenchLimit *limit,
              BenchResult *result, Error *err);

// The same for backward, from outputs' gradients that are there, after a forward that is not timed. Of a forced rung it
// is the way to one input's gradient, the first whose way has that rung, and the FLOPs are those of its dispatches; where
// `force` is NULL it is the way to all of them, and the FLOPs are op->backward_share of forward's if the op gives it.
// Skipped too where the case has no gradient.
bool bench_backward(Stream *stream, const Op *op, const Case *c, const char *force, const BenchLimit *limit,
                    BenchResult *result, Error *err);

// The roof of a device (Williams, Waterman & Patterson 2009): what no kernel can pass. Measured, not looked up: one
// kernel multiplies and adds in registers, one streams from memory.
typedef struct Roof {
    double gflops, gbps;
} Roof;
bool bench_roof(Stream *stream, Roof *roof, Error *err);
