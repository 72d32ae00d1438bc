#include "ops/bench.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_RUNS = 1000 };
static const double SHORTEST = 4e-3; // a measurement's seconds: a submit's own cost disappears in it

typedef void CallFn(void *context);

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Seconds that `n` calls take together; −1 and `err` when the device fails.
static double time_calls(Stream *stream, CallFn *call, void *context, int n, Error *err)
{
    double begin = now();
    for (int i = 0; i < n; i++) call(context);
    return stream_wait(stream, err) ? now() - begin : -1;
}

static bool told_to_stop(const BenchLimit *limit) { return limit->stopped && limit->stopped(); }

// Times warm calls, at least one: the first tells how many make a measurement, and is one itself where that is one.
static bool measure(Stream *stream, CallFn *call, void *context, const BenchLimit *limit, BenchResult *result,
                    Error *err)
{
    result->skipped = told_to_stop(limit);
    if (result->skipped) return true;
    double once = time_calls(stream, call, context, 1, err), spent = 0, times[MAX_RUNS];
    if (once < 0) return false;
    int calls = once > SHORTEST ? 1 : (int)(SHORTEST / once) + 1;
    result->runs = 0;
    if (calls == 1) times[result->runs++] = spent = once;
    while (result->runs < MAX_RUNS && (result->runs == 0 || (spent < limit->seconds && !told_to_stop(limit)))) {
        double taken = time_calls(stream, call, context, calls, err);
        if (taken < 0) return false;
        times[result->runs++] = taken / calls;
        spent += taken;
    }
    qsort(times, (size_t)result->runs, sizeof *times, by_size);
    result->best = times[0];
    result->median = times[result->runs / 2];
    return true;
}

// ---- Ops ---------------------------------------------------------------------------------------------------------

typedef struct OpCall {
    const Op *op;
    Trial trial;
    Tape *t;
    Tensor device[TRIAL_TENSORS];
} OpCall;

static void call_op(void *context)
{
    OpCall *call = context;
    TapeMark mark = tape_mark(call->t);
    call->op->run(&call->trial, call->t);
    tape_release(call->t, mark);
}

static bool put_inputs(Stream *stream, OpCall *call, Error *err)
{
    for (int i = 0; i < call->trial.in_count; i++)
        if (!trial_put(stream, &call->trial, i, &call->device[i], err)) return false;
    return stream_wait(stream, err);
}

static bool open_call(Stream *stream, const Op *op, const Case *c, OpCall *call, Error *err)
{
    *call = (OpCall){ .op = op, .t = tape_open(stream) };
    call->trial = (Trial){ .c = c, .random = { .key = random_key(1, c->label) } };
    op->declare(&call->trial);
    return put_inputs(stream, call, err);
}

static void close_call(Stream *stream, OpCall *call)
{
    for (int i = 0; i < call->trial.in_count; i++) {
        call->device[i].grad = NULL; // it is the tape's
        tensor_free(stream_gpu(stream), &call->device[i]);
    }
    tape_close(call->t);
    arena_free(&call->trial.arena);
}

// One call, for what its dispatches say that it costs; it also compiles what the timed ones take.
static void count_call(Stream *stream, CallFn *fn, OpCall *call, double *flops, double *bytes)
{
    StreamCount before = stream_count(stream);
    fn(call);
    StreamCount after = stream_count(stream);
    *flops = after.flops - before.flops;
    *bytes = after.bytes - before.bytes;
}

bool bench_op(Stream *stream, const Op *op, const Case *c, const char *force, const BenchLimit *limit,
              BenchResult *result, Error *err)
{
    *result = (BenchResult){ 0 };
    OpCall call;
    bool ok = open_call(stream, op, c, &call, err);
    call.t->force = force;
    if (ok) {
        count_call(stream, call_op, &call, &result->flops, &result->bytes);
        if (c->flops > 0) result->flops = c->flops;
        if (c->bytes > 0) result->bytes = c->bytes;
        result->skipped = force && !call.t->force_taken;
        ok = stream_wait(stream, err) && (result->skipped || measure(stream, call_op, &call, limit, result, err));
    }
    close_call(stream, &call);
    return ok;
}

// ---- Backward ----------------------------------------------------------------------------------------------------

// From gradients of 1 at the first output, through the nodes that forward left behind. Those of the call before are
// forgotten, so that each call makes the same.
static void call_backward(void *context)
{
    OpCall *call = context;
    Tape *t = call->t;
    TapeMark mark = tape_mark(t);
    for (int i = 0; i < t->node_count; i++) {
        t->nodes[i].output->grad = NULL;
        for (int j = 0; j < NODE_TENSORS; j++)
            if (t->nodes[i].input[j]) t->nodes[i].input[j]->grad = NULL;
    }
    t->released_count = 0;
    tape_backward(t, call->trial.out[0].tensor, 1);
    tape_release(t, mark);
}

// Runs forward for the gradient of input `only` (of all inputs: −1), then backward once with `force`. False if there is
// no gradient, or no ladder of backward that has such a rung.
static bool prepare_backward(Stream *stream, OpCall *call, int only, const char *force, BenchResult *result)
{
    Tape *t = call->t;
    for (int i = 0; i < call->trial.in_count; i++)
        call->device[i].needs_grad = call->trial.in[i].needs_grad && (only < 0 || i == only);
    tape_reset(t);
    t->force = NULL;
    t->train = true;
    double forward, bytes;
    count_call(stream, call_op, call, &forward, &bytes);
    t->train = false; // what backward takes is given back after each call
    if (!call->trial.out[0].tensor->needs_grad) return false;
    t->force = force;
    count_call(stream, call_backward, call, &result->flops, &result->bytes);
    if (!force && call->op->backward_share > 0) result->flops = call->op->backward_share * forward;
    return !force || t->force_taken;
}

bool bench_backward(Stream *stream, const Op *op, const Case *c, const char *force, const BenchLimit *limit,
                    BenchResult *result, Error *err)
{
    *result = (BenchResult){ .skipped = true };
    if (c->no_grad) return true;
    OpCall call;
    bool ok = open_call(stream, op, c, &call, err);
    if (ok) {
        for (int i = force ? 0 : -1; i < (force ? call.trial.in_count : 0) && result->skipped; i++)
            result->skipped = !prepare_backward(stream, &call, i, force, result);
        ok = stream_wait(stream, err) && (result->skipped || measure(stream, call_backward, &call, limit, result, err));
    }
    close_call(stream, &call);
    return ok;
}

// ---- The roof ----------------------------------------------------------------------------------------------------

enum { FLOPS_ITEMS = 1 << 16, FLOPS_TURNS = 64, FLOPS_A_TURN = 768 };
enum { ROOF_BYTES = 96 << 20, BYTES_A_TURN = 256 }; // more than most caches hold, less than every device binds
static const double ROOF_FLOPS = (double)FLOPS_ITEMS * FLOPS_TURNS * FLOPS_A_TURN;

typedef struct RoofCall {
    Stream *stream;
    Span data, sums;
} RoofCall;

static void call_flops(void *context)
{
    typedef struct FlopsArgs {
        uint32_t turns;
    } FlopsArgs;
    RoofCall *call = context;
    gpu_dispatch(call->stream, KERNEL(stream_gpu(call->stream), "roof_flops"),
                 ITEMS(FLOPS_ITEMS, .flops = ROOF_FLOPS, .bytes = 4.0 * FLOPS_ITEMS), SPANS(call->sums),
                 ARGS(FlopsArgs, FLOPS_TURNS));
}

static void call_bytes(void *context)
{
    typedef struct BytesArgs {
        uint32_t turns, first, next;
    } BytesArgs;
    RoofCall *call = context;
    Gpu *gpu = stream_gpu(call->stream);
    const GpuTraits *traits = gpu_traits(gpu);
    bool texel = traits->texel_loads_fast && ROOF_BYTES / 16 <= traits->max_texel_elements;
    bool runs = traits->type == GPU_CPU;
    uint32_t items = runs ? 1 << 13 : 1 << 16, share = ROOF_BYTES / 16 / items; // in fours of floats
    gpu_dispatch(call->stream, texel ? KERNEL(gpu, "roof_bytes.texel") : KERNEL(gpu, "roof_bytes"),
                 ITEMS(items, .flops = ROOF_BYTES / 4.0, .bytes = ROOF_BYTES), SPANS(call->data, call->sums),
                 ARGS(BytesArgs, share * 16 / BYTES_A_TURN, runs ? share : 1, runs ? 1 : items));
}

bool bench_roof(Stream *stream, Roof *roof, Error *err)
{
    Gpu *gpu = stream_gpu(stream);
    RoofCall call = { .stream = stream };
    BenchResult flops = { 0 }, bytes = { 0 };
    if (!gpu_alloc(gpu, ROOF_BYTES, &call.data, err)) return false;
    bool ok = gpu_alloc(gpu, 4 * FLOPS_ITEMS, &call.sums, err);
    if (ok) {
        stream_fill(stream, call.data, 0);
        const BenchLimit limit = { .seconds = 0.3 };
        call_flops(&call); // compile
        call_bytes(&call);
        ok = stream_wait(stream, err) && measure(stream, call_flops, &call, &limit, &flops, err) &&
             measure(stream, call_bytes, &call, &limit, &bytes, err);
        gpu_free(gpu, call.sums);
    }
    gpu_free(gpu, call.data);
    if (ok) *roof = (Roof){ ROOF_FLOPS / flops.best * 1e-9, ROOF_BYTES / bytes.best * 1e-9 };
    return ok;
}
