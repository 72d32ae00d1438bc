#include "base/half.h"
#include "ops/op.h"
#include "ops_table.inc"
#include "tensor/planes.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What an element may be off by: a share of its scale, which is Σ|a||b| where the twin gives it and max|y| elsewhere.
static const struct {
    double nmse, bound, grad;
} tolerance[] = {
    [F32] = { 1e-11, 4e-6, 2e-4 },  [F16] = { 1e-6, 2e-3, 5e-3 },
    [BF16] = { 1e-4, 2e-2, 5e-2 },  [I32] = { 0 },
    [Q8_0] = { 1e-11, 4e-6, 2e-4 }, [Q4_0] = { 1e-11, 4e-6, 2e-4 },
    [Q4_1] = { 1e-11, 4e-6, 2e-4 }, [Q5_0] = { 1e-11, 4e-6, 2e-4 },
    [Q5_1] = { 1e-11, 4e-6, 2e-4 }, [Q4_K] = { 1e-11, 4e-6, 2e-4 },
    [Q5_K] = { 1e-11, 4e-6, 2e-4 }, [Q6_K] = { 1e-11, 4e-6, 2e-4 },
};

// ---- Ladders -----------------------------------------------------------------------------------------------------

const Kernel *rung_kernel(Gpu *gpu, const Rung *rung) { return gpu_kernel(gpu, &rung->kernel); }

bool rung_likes_texels(const GpuTraits *traits, const void *problem)
{
    (void)problem;
    return traits->texel_loads_fast;
}

static RungVerdict judge(const Rung *rung, const GpuTraits *traits, const void *problem)
{
    if (rung->judge) return rung->judge(rung, traits, problem);
    if (rung->can && !rung->can(traits, problem)) return RUNG_CANNOT;
    return !rung->chosen || rung->chosen(traits, problem) ? RUNG_CHOSEN : RUNG_CAN;
}

const Rung *ladder_pick(Tape *t, const Ladder *ladder, const void *problem)
{
    Gpu *gpu = stream_gpu(t->stream);
    const GpuTraits *traits = gpu_traits(gpu);
    const Rung *picked = NULL;
    bool any = false;
    for (int i = 0; i < ladder->count; i++) {
        const Rung *rung = &ladder->rung[i];
        RungVerdict verdict = judge(rung, traits, problem);
        if (verdict == RUNG_CANNOT) continue;
        any = true;
        if (t->force && !strcmp(t->force, kernel_name(rung_kernel(gpu, rung)))) {
            t->force_taken = true;
            return rung;
        }
        if (!picked && verdict == RUNG_CHOSEN) picked = rung;
        if (picked && !t->force) break;
    }
    CHECK(picked || !any, "%s: of the rungs that can run none is chosen", ladder->name);
    if (picked) return picked;
    Error none = { "" };
    error_set(&none, "%s: rows as long as these are more than a kernel on %s may walk along; make them shorter",
              ladder->name, traits->name);
    stream_fail(t->stream, &none);
    return &ladder->rung[ladder->count - 1];
}

void op_each(const Op *op, Gpu *gpu, bool bench, VisitFn *visit, void *context)
{
    for (int i = 0; i < op->case_count; i++) {
        const Case *c = &op->cases[i];
        if (c->bench != bench) continue;
        bool any = false;
        const char *last =
            ""; // rungs of one name differ in the subgroup that they require: the first that can is tried
        for (int l = 0; l < op->ladder_count && !c->force; l++)
            for (int r = 0; r < op->ladder[l].count; r++) {
                const char *name = kernel_name(rung_kernel(gpu, &op->ladder[l].rung[r]));
                if (strcmp(name, last) != 0) any |= visit(context, op, c, name);
                last = name;
            }
        if (!any) visit(context, op, c, c->force);
    }
}

// ---- Declaring ---------------------------------------------------------------------------------------------------

static TrialTensor *declare(Trial *trial, TrialTensor *list, int *n, const char *name, DType dtype, Shape shape)
{
    CHECK(*n < TRIAL_TENSORS, "%s: too many tensors in a case", name);
    TrialTensor *x = &list[(*n)++];
    *x = (TrialTensor){ .name = name, .shape = shape, .dtype = dtype, .count = shape_count(shape) };
    x->value = ARENA_ARRAY(&trial->arena, double, x->count);
    return x;
}

static double rounded(DType dtype, double value)
{
    if (dtype == F16) return (double)f16_to_f32(f32_to_f16((float)value));
    if (dtype == BF16) return (double)bf16_to_f32(f32_to_bf16((float)value));
    return (double)(float)value;
}

TrialTensor *trial_normal(Trial *trial, const char *name, DType dtype, Shape shape, bool needs_grad)
{
    TrialTensor *x = declare(trial, trial->in, &trial->in_count, name, dtype, shape);
    x->needs_grad = needs_grad;
    for (int64_t i = 0; i < x->count && !trial->plan; i++) x->value[i] = rounded(dtype, random_normal(&trial->random));
    return x;
}

TrialTensor *trial_uniform(Trial *trial, const char *name, Shape shape, double low, double high, bool needs_grad)
{
    TrialTensor *x = declare(trial, trial->in, &trial->in_count, name, F32, shape);
    x->needs_grad = needs_grad;
    for (int64_t i = 0; i < x->count && !trial->plan; i++)
        x->value[i] = rounded(F32, low + (high - low) * random_uniform(&trial->random));
    return x;
}

// A scale or minimum between `low` and `high`, of either sign.
static uint16_t random_half(Random *random, double low, double high)
{
    double value = low + (high - low) * random_uniform(random);
    return f32_to_f16((float)(random_below(random, 2) ? value : -value));
}

static QuantGroup random_group(Random *random, const PlaneFormat *f, const QuantGroup *super, double size)
{
    QuantGroup g = { 0 };
    int bits = f->low_bits + f->high_bits;
    double step = size / (double)(1 << (bits - 1));
    for (int i = 0; i < f->group; i++) g.q[i] = (uint8_t)random_below(random, 1u << bits);
    if (f->scale < SCALE_K) {
        g.scale = random_half(random, step / 2, step);
        if (f->scale == SCALE_MINIMUM) g.minimum = random_half(random, 0, 2 * size);
        return g;
    }
    g.super_scale = super ? super->super_scale : random_half(random, step / 64, step / 32);
    g.scale = (uint16_t)random_below(random, f->scale == SCALE_K ? 64 : 256);
    if (f->scale == SCALE_K16) return g;
    g.super_minimum = super ? super->super_minimum : random_half(random, 0, size / 32);
    g.minimum = (uint16_t)random_below(random, 64);
    return g;
}

TrialTensor *trial_quantized(Trial *trial, const char *name, DType dtype, int64_t N, int64_t K, double size)
{
    TrialTensor *x = declare(trial, trial->in, &trial->in_count, name, dtype, SHAPE(N, K));
    const PlaneFormat *f = plane_format(dtype);
    if (trial->plan) return x;
    x->planes = ARENA_ARRAY(&trial->arena, uint8_t, planes_bytes(dtype, N, K));
    memset(x->planes, 0, planes_bytes(dtype, N, K));
    for (int64_t row = 0; row < N; row++) {
        QuantGroup group, super;
        for (int64_t k = 0; k < K; k += f->group) {
            bool first = k % SUPER_BLOCK == 0;
            group = random_group(&trial->random, f, first ? NULL : &super, size);
            if (first) super = group;
            planes_put(x->planes, dtype, N, K, row, k / f->group, &group);
            for (int i = 0; i < f->group; i++) x->value[row * K + k + i] = quant_value(dtype, &group, i);
        }
    }
    return x;
}

TrialTensor *trial_ids(Trial *trial, const char *name, Shape shape, int64_t below)
{
    TrialTensor *x = declare(trial, trial->in, &trial->in_count, name, I32, shape);
    for (int64_t i = 0; i < x->count && !trial->plan; i++)
        x->value[i] = (double)random_below(&trial->random, (uint64_t)below);
    return x;
}

TrialTensor *trial_output(Trial *trial, const char *name, DType dtype, Shape shape)
{
    return declare(trial, trial->out, &trial->out_count, name, dtype, shape);
}

TrialTensor *trial_output_scaled(Trial *trial, const char *name, DType dtype, Shape shape)
{
    TrialTensor *y = trial_output(trial, name, dtype, shape);
    y->scale = ARENA_ARRAY(&trial->arena, double, y->count);
    return y;
}

// ---- Running -----------------------------------------------------------------------------------------------------

typedef struct Run {
    Stream *stream;
    const Op *op;
    Trial trial;
    Tensor device[TRIAL_TENSORS];  // inputs
    double *before[TRIAL_TENSORS]; // what an input's gradient held already; NULL: nothing
    double *weight[TRIAL_TENSORS]; // dL/dy of each output, where L = Σ weight · y
    TrialResult *result;
    Error *err;
} Run;

static float *as_floats(Trial *trial, const double *values, int64_t n)
{
    float *floats = ARENA_ARRAY(&trial->arena, float, n);
    for (int64_t i = 0; i < n; i++) floats[i] = (float)values[i];
    return floats;
}

bool trial_put(Stream *stream, Trial *trial, int input, Tensor *device, Error *err)
{
    TrialTensor *x = &trial->in[input];
    x->tensor = device;
    if (!tensor_alloc(stream_gpu(stream), device, x->dtype, x->shape, err)) return false;
    if (x->planes) {
        stream_write(stream, device->span, x->planes, (uint64_t)tensor_bytes(device));
    } else if (x->dtype == I32) {
        int32_t *ids = ARENA_ARRAY(&trial->arena, int32_t, x->count);
        for (int64_t i = 0; i < x->count; i++) ids[i] = (int32_t)x->value[i];
        tensor_write_ids(stream, device, ids);
    } else {
        tensor_write(stream, device, as_floats(trial, x->value, x->count));
    }
    return true;
}

static bool put_input(Run *run, int i, bool plan)
{
    TrialTensor *x = &run->trial.in[i];
    Tensor *d = &run->device[i];
    x->tensor = d;
    if (plan) {
        *d = (Tensor){ .shape = x->shape, .dtype = x->dtype, .needs_grad = x->needs_grad };
        d->span.bytes = (uint64_t)tensor_bytes(d);
        return true;
    }
    if (!trial_put(run->stream, &run->trial, i, d, run->err)) return false;
    if (!x->needs_grad) return true;
    if (!tensor_alloc_grad(stream_gpu(run->stream), d, run->err)) return false;
    // Every other gradient (in the next case the others) is not the first: the op must add to what is there.
    if ((i + (run->trial.c - run->op->cases)) % 2) {
        run->before[i] = ARENA_ARRAY(&run->trial.arena, double, x->count);
        for (int64_t j = 0; j < x->count; j++) run->before[i][j] = rounded(F32, random_normal(&run->trial.random));
        stream_write(run->stream, d->grad->span, as_floats(&run->trial, run->before[i], x->count),
                     4 * (uint64_t)x->count);
        d->grad->written = true;
    }
    return true;
}

// Records backward from all outputs that have gradients. The weights stay in the step's arena.
static void record_backward(Run *run, Tape *t)
{
    Tensor *ys[TRIAL_TENSORS];
    Span dys[TRIAL_TENSORS];
    int n = 0;
    for (int i = 0; i < run->trial.out_count; i++) {
        TrialTensor *y = &run->trial.out[i];
        if (!y->tensor->needs_grad) continue;
        if (!run->weight[i] && !run->trial.plan) {
            run->weight[i] = ARENA_ARRAY(&run->trial.arena, double, y->count);
            for (int64_t j = 0; j < y->count; j++) run->weight[i][j] = rounded(F32, random_normal(&run->trial.random));
        }
        Tensor *dy = tape_tensor(t, F32, y->shape);
        if (!stream_is_plan(t->stream))
            stream_write(t->stream, dy->span, as_floats(&run->trial, run->weight[i], y->count), 4 * (uint64_t)y->count);
        ys[n] = y->tensor;
        dys[n++] = dy->span;
    }
    if (n) tape_backward_from(t, ys, dys, n);
}

static void fail(Run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(Run *run, const char *format, ...)
{
    if (!run->result->pass) return;
    run->result->pass = false;
    va_list list;
    va_start(list, format);
    vsnprintf(run->result->why, sizeof run->result->why, format, list);
    va_end(list);
}

static bool read_output(Run *run, const TrialTensor *y, double *values)
{
    op_check(count(y->tensor) == y->count && y->tensor->dtype == y->dtype, "%s: %s should be %s %s, not %s",
             run->op->name, y->name, dtype_name(y->dtype), shape_text(y->shape), tensor_text(y->tensor));
    if (y->dtype == I32) {
        int32_t *ids = ARENA_ARRAY(&run->trial.arena, int32_t, y->count);
        if (!tensor_read_ids(run->stream, y->tensor, ids, run->err)) return false;
        for (int64_t i = 0; i < y->count; i++) values[i] = ids[i];
        return true;
    }
    float *floats = ARENA_ARRAY(&run->trial.arena, float, y->count);
    if (!tensor_read(run->stream, y->tensor, floats, run->err)) return false;
    for (int64_t i = 0; i < y->count; i++) values[i] = (double)floats[i];
    return true;
}

static void hold_forward(Run *run, const TrialTensor *y, const double *got)
{
    double error = 0, power = 0, largest = 0;
    for (int64_t i = 0; i < y->count; i++) largest = fmax(largest, isfinite(y->value[i]) ? fabs(y->value[i]) : 0);
    bool exact = run->op->exact || y->dtype == I32;
    double share = fmax(tolerance[run->trial.c->dtype].bound, tolerance[y->dtype].bound);
    for (int64_t i = 0; i < y->count; i++) {
        double want = y->value[i], off = got[i] == want ? 0 : fabs(got[i] - want); // equal infinities are equal
        double bound = exact ? 0 : share * (y->scale ? y->scale[i] : largest) + 1e-30;
        if (!(off <= bound)) fail(run, "%s[%lld] is %.9g, the twin says %.9g", y->name, (long long)i, got[i], want);
        if (!exact) run->result->worst = fmax(run->result->worst, off / bound);
        if (isfinite(want)) error += off * off, power += want * want;
    }
    double nmse = error / fmax(power, 1e-300);
    double limit = fmax(run->op->nmse, fmax(tolerance[run->trial.c->dtype].nmse, tolerance[y->dtype].nmse));
    run->result->nmse = fmax(run->result->nmse, nmse);
    if (!(nmse <= limit)) fail(run, "%s: normalised mean squared error %.3g is over %.3g", y->name, nmse, limit);
}

// L = Σ weight · y by the twin, for the inputs' present values.
static double twin_loss(Run *run)
{
    Trial *trial = &run->trial;
    run->op->cpu(trial);
    double sum = 0;
    for (int i = 0; i < trial->out_count; i++)
        for (int64_t j = 0; run->weight[i] && j < trial->out[i].count; j++)
            sum += run->weight[i][j] * trial->out[i].value[j];
    return sum;
}

// dL/dx along a direction by central differences; direction NULL: element j alone.
static double twin_slope(Run *run, TrialTensor *x, const double *direction, int64_t j)
{
    double *kept = mem_alloc((size_t)x->count * sizeof *kept), h = 1e-4, slope = 0;
    memcpy(kept, x->value, (size_t)x->count * sizeof *kept);
    for (int sign = 1; sign >= -1; sign -= 2) {
        for (int64_t i = 0; direction && i < x->count; i++) x->value[i] = kept[i] + sign * h * direction[i];
        if (!direction) x->value[j] = kept[j] + sign * h;
        slope += sign * twin_loss(run);
    }
    memcpy(x->value, kept, (size_t)x->count * sizeof *kept);
    free(kept);
    return slope / (2 * h);
}

static void hold_slope(Run *run, const TrialTensor *x, double got, double want, double scale, const char *what)
{
    double off = fabs(got - want) / fmax(fmax(fabs(want), scale), 1e-12);
    run->result->grad = fmax(run->result->grad, off);
    if (!(off <= tolerance[run->trial.c->dtype].grad))
        fail(run, "d%s %s is %.9g, central differences say %.9g", x->name, what, got, want);
}

static bool hold_gradient(Run *run, int index)
{
    enum { ELEMENTS = 12, DIRECTIONS = 2, SMALL = 20000 };
    TrialTensor *x = &run->trial.in[index];
    float *floats = ARENA_ARRAY(&run->trial.arena, float, x->count);
    double *got = ARENA_ARRAY(&run->trial.arena, double, x->count), square = 0;
    if (!stream_read(run->stream, x->tensor->grad->span, floats, 4 * (uint64_t)x->count, run->err)) return false;
    for (int64_t i = 0; i < x->count; i++) {
        got[i] = (double)floats[i] - (run->before[index] ? run->before[index][i] : 0);
        square += got[i] * got[i];
        if (!isfinite(got[i])) fail(run, "d%s[%lld] is %g", x->name, (long long)i, got[i]);
    }
    // Inputs and weights are of size 1, so that what cancels to less than this is rounding.
    // Added to a gradient of that size it has lost its last bits, a little in each element.
    double rms = sqrt(square / (double)x->count), lost = run->before[index] ? 3e-3 : 0;
    double floor = fmax(fmax(rms, 1e-3), lost);

    double *direction = ARENA_ARRAY(&run->trial.arena, double, x->count);
    for (int d = 0; d < DIRECTIONS; d++) {
        double along = 0, length = 0;
        for (int64_t i = 0; i < x->count; i++) {
            direction[i] = random_normal(&run->trial.random);
            along += direction[i] * got[i];
            length += fabs(direction[i] * got[i]);
        }
        hold_slope(run, x, along, twin_slope(run, x, direction, 0),
                   fmax(fmax(floor, lost * sqrt((double)x->count)), length / sqrt((double)x->count)),
                   "along a direction");
    }
    int64_t work = x->count;
    for (int i = 0; i < run->trial.out_count; i++) work += run->trial.out[i].count;
    for (int e = 0; work <= SMALL && e < ELEMENTS && e < x->count; e++) {
        int64_t j = x->count <= ELEMENTS ? e : (int64_t)random_below(&run->trial.random, (uint64_t)x->count);
        char what[32];
        snprintf(what, sizeof what, "[%lld]", (long long)j);
        hold_slope(run, x, got[j], twin_slope(run, x, NULL, j), floor, what);
    }
    return true;
}

static bool has_gradients(const Trial *trial)
{
    bool any = false;
    for (int i = 0; i < trial->in_count; i++) any |= trial->in[i].needs_grad;
    return any && !trial->c->no_grad;
}

// True if the case has gradients and they are wanted.
static bool declare_case(Run *run, bool gradients)
{
    run->op->declare(&run->trial);
    bool has = has_gradients(&run->trial);
    for (int i = 0; i < run->trial.in_count; i++) run->trial.in[i].needs_grad &= has;
    return gradients && has;
}

// Records the case on a plan. True if the forced rung takes part.
static bool record_plan(Run *run, Stream *plan, const char *force, bool gradients)
{
    Tape *t = tape_open(plan);
    t->train = gradients;
    t->force = force;
    for (int i = 0; i < run->trial.in_count; i++) put_input(run, i, true);
    run->op->run(&run->trial, t);
    if (gradients) record_backward(run, t);
    bool taken = t->force_taken;
    tape_close(t);
    return taken;
}

static bool takes_part(Run *run, const char *force, bool gradients)
{
    Stream *plan = stream_open_plan(stream_gpu(run->stream));
    bool taken = record_plan(run, plan, force, gradients);
    stream_close(plan);
    return taken;
}

bool trial_plan(Stream *plan, const Op *op, const Case *c, const char *force, bool gradients)
{
    Run run = { .stream = plan, .op = op, .trial = { .c = c, .plan = true } };
    gradients = declare_case(&run, gradients);
    bool taken = record_plan(&run, plan, force, gradients);
    arena_free(&run.trial.arena);
    return taken || !force;
}

static bool run_on_device(Run *run, Tape *t, bool gradients)
{
    Trial *trial = &run->trial;
    for (int i = 0; i < trial->in_count; i++)
        if (!put_input(run, i, false)) return false;
    run->op->run(trial, t);
    double *got[TRIAL_TENSORS];
    for (int i = 0; i < trial->out_count; i++) {
        got[i] = ARENA_ARRAY(&trial->arena, double, trial->out[i].count);
        if (!read_output(run, &trial->out[i], got[i])) return false;
    }
    if (gradients) record_backward(run, t);
    run->op->cpu(trial);
    for (int i = 0; i < trial->out_count; i++) hold_forward(run, &trial->out[i], got[i]);
    for (int i = 0; gradients && i < trial->in_count; i++)
        if (trial->in[i].needs_grad && !hold_gradient(run, i)) return false;
    tape_reset(t); // fails the stream where a kernel wrote behind a tensor
    if (!stream_wait(run->stream, run->err)) return false;
    for (int i = 0; i < trial->in_count; i++) {
        const Tensor *x = &run->device[i];
        if (!gpu_guard_holds(x->span) || (x->grad && !gpu_guard_holds(x->grad->span)))
            return error_set(run->err, "a kernel wrote behind %s, %s", trial->in[i].name, tensor_text(x));
    }
    return true;
}

bool trial_run(Stream *stream, const Op *op, const Case *c, const char *force, bool gradients, TrialResult *result,
               Error *err)
{
    *result = (TrialResult){ .pass = true, .grad = -1 };
    Run run = { .stream = stream, .op = op, .result = result, .err = err };
    run.trial = (Trial){ .c = c, .random = { .key = random_key(1, c->label) } };
    gradients = declare_case(&run, gradients);

    bool ok = true;
    result->skipped = force && !takes_part(&run, force, gradients);
    if (!result->skipped) {
        Tape *t = tape_open(stream);
        t->train = gradients;
        t->force = force;
        memset(run.device, 0, sizeof run.device);
        ok = run_on_device(&run, t, gradients);
        for (int i = 0; i < run.trial.in_count; i++) tensor_free(stream_gpu(stream), &run.device[i]);
        tape_close(t);
    }
    arena_free(&run.trial.arena);
    return ok;
}
