#include "train/trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double learning_rate(const TrainOptions *o, int64_t step)
{
    if (step < o->warmup) return o->lr * (double)(step + 1) / (double)(o->warmup + 1);
    if (step >= o->steps) return o->min_lr;
    double done = (double)(step - o->warmup) / fmax(1, (double)(o->steps - o->warmup));
    return o->min_lr + 0.5 * (1 + cos(3.14159265358979323846 * done)) * (o->lr - o->min_lr);
}

// ---- The step ------------------------------------------------------------------------------------------------------

static Tensor *put_ids(Tape *t, const int32_t *ids, int B, int T)
{
    Tensor *x = tape_tensor(t, I32, SHAPE(B, T));
    tensor_write_ids(t->stream, x, ids);
    return x;
}

// The loss of one batch, recorded: ids [B, T] → [1].
static Tensor *record_loss(Tape *t, const Model *model, const int32_t *inputs, const int32_t *targets, int B, int T)
{
    bool plan = stream_is_plan(t->stream); // it writes nothing
    int32_t *positions = plan ? NULL : NEW_ARRAY(int32_t, (size_t)B * (size_t)T);
    for (int i = 0; i < B * T && !plan; i++) positions[i] = i % T;
    Tensor *ids = put_ids(t, inputs, B, T), *wanted = put_ids(t, targets, B, T);
    Place place = { .pos = put_ids(t, positions, B, T) };
    free(positions);
    return cross_entropy(t, model_logits(t, model, ids, &place), wanted, 0, NULL);
}

static void record_batch(Tape *t, const Model *model, const TrainOptions *o, const int32_t *inputs,
                         const int32_t *targets, uint64_t draw, Span report)
{
    tape_reset(t);
    t->train = true;
    t->dropout_key = o->dropout > 0 ? random_key(o->seed, "dropout") + draw : 0;
    Tensor *loss = record_loss(t, model, inputs, targets, o->batch, o->seq_len);
    stream_copy(t->stream, report, loss->span);
    tape_backward(t, loss, 1.0f / (float)o->grad_accum);
}

static AdamW adamw_options(const TrainOptions *o, int64_t step, bool decays)
{
    return (AdamW){ .lr = (float)learning_rate(o, step),
                    .beta1 = (float)o->beta1,
                    .beta2 = (float)o->beta2,
                    .eps = (float)o->eps,
                    .weight_decay = decays ? (float)o->weight_decay : 0,
                    .clip = (float)o->clip,
                    .step = (uint32_t)(step + 1) };
}

static Tensor **all_tensors(const Parameters *ps)
{
    Tensor **all = NEW_ARRAY(Tensor *, ps->count);
    for (int i = 0; i < ps->count; i++) all[i] = &ps->list[i]->tensor;
    return all;
}

static int64_t norm_partials(const Parameters *ps)
{
    Tensor **all = all_tensors(ps);
    int64_t partials = global_norm_partials(all, ps->count);
    free(all);
    return partials;
}

static void record_norm(Stream *stream, const Parameters *ps, Tensor *partials, Tensor *norm)
{
    Tensor **all = all_tensors(ps);
    global_norm(stream, all, ps->count, partials, norm);
    free(all);
}

// Matrices decay, gains and biases don't (Radford et al. 2019's codes and nanoGPT's).
static void record_update(Stream *stream, const Parameters *ps, Tensor *m, Tensor *v, Tensor *norm,
                          const TrainOptions *o, int64_t step)
{
    for (int i = 0; i < ps->count; i++) {
        Tensor *x = &ps->list[i]->tensor;
        adamw(stream, x, &m[i], &v[i], norm, adamw_options(o, step, x->shape.rank > 1));
    }
}

bool trainer_step(Trainer *tr, StepReport *report, Error *err)
{
    const TrainOptions *o = &tr->options;
    Parameters *ps = &tr->model->parameters;
    parameters_begin_step(ps);
    for (int i = 0; i < o->grad_accum; i++) {
        batches_next(&tr->batches, tr->inputs, tr->targets);
        record_batch(tr->tape, tr->model, o, tr->inputs, tr->targets, (uint64_t)(tr->step * o->grad_accum + i),
                     span_part(tr->report.span, 4 * (uint64_t)i, 4));
    }
    parameters_end_backward(ps, tr->stream);
    record_norm(tr->stream, ps, &tr->partials, &tr->norm);
    float norm, losses[1024];
    if (!stream_read(tr->stream, tr->norm.span, &norm, 4, err)) return false;
    if (!stream_read(tr->stream, tr->report.span, losses, 4 * (uint64_t)o->grad_accum, err)) return false;
    *report = (StepReport){ .lr = learning_rate(o, tr->step), .grad_norm = (double)norm };
    for (int i = 0; i < o->grad_accum; i++) report->loss += (double)losses[i] / o->grad_accum;
    if (!isfinite(report->loss) || !isfinite(report->grad_norm))
        return error_set(err, "step %lld: the %s is %s; a lower learning rate or gradient clipping may help",
                         (long long)(tr->step + 1), isfinite(report->loss) ? "gradient's norm" : "loss",
                         isnan(report->loss) || isnan(report->grad_norm) ? "not a number" : "infinite");
    record_update(tr->stream, ps, tr->m, tr->v, &tr->norm, o, tr->step);
    stream_submit(tr->stream); // the device updates while the host draws the next batch
    tr->step++;
    return !stream_failed(tr->stream) || stream_wait(tr->stream, err);
}

bool trainer_evaluate(Trainer *tr, const Batches *val, int n, double *loss, Error *err)
{
    const TrainOptions *o = &tr->options;
    Tape *t = tr->tape;
    *loss = 0;
    for (int i = 0; i < n; i++) {
        batches_eval(val, i, n, tr->inputs, tr->targets);
        tape_reset(t);
        t->train = false;
        t->dropout_key = 0;
        float one;
        Tensor *y = record_loss(t, tr->model, tr->inputs, tr->targets, o->batch, o->seq_len);
        if (!stream_read(t->stream, y->span, &one, 4, err)) return false;
        *loss += (double)one / n;
    }
    return true;
}

// ---- Plans ---------------------------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b)
{
    return strcmp(kernel_name(*(const Kernel *const *)a), kernel_name(*(const Kernel *const *)b));
}

static void list_kernels(Stream *plan, TrainKernels *kernels)
{
    const KernelTime *times = stream_profile(plan, &kernels->count);
    CHECK(kernels->count <= TRAIN_KERNELS, "train_plan: a step takes %d kernels", kernels->count);
    for (int i = 0; i < kernels->count; i++) kernels->list[i] = times[i].kernel;
    qsort(kernels->list, (size_t)kernels->count, sizeof *kernels->list, by_name);
}

TrainPlan train_plan(Model *model, const TrainOptions *o, Error *err)
{
    Parameters *ps = &model->parameters;
    Stream *plan = stream_open_plan(model->gpu);
    Tape *t = tape_open(plan);
    parameters_begin_step(ps);
    record_batch(t, model, o, NULL, NULL, 0, (Span){ NULL, 0, 4 });
    parameters_end_backward(ps, plan);
    double batch_flops = stream_count(plan).flops;
    Tensor partials = { .shape = SHAPE(norm_partials(ps)), .dtype = F32 }, one = { .shape = SHAPE(1), .dtype = F32 };
    record_norm(plan, ps, &partials, &one);
    for (int i = 0; i < ps->count; i++) {
        Tensor like = { .shape = ps->list[i]->tensor.shape, .dtype = F32 };
        adamw(plan, &ps->list[i]->tensor, &like, &like, &one, adamw_options(o, 0, true));
    }
    uint64_t weights = parameters_bytes(ps);
    double step_flops = batch_flops * o->grad_accum + stream_count(plan).flops - batch_flops;
    TrainPlan result = { .memory = { weights, weights, 2 * weights, t->memory.peak },
                         .flops_per_token = step_flops / ((double)o->batch * o->seq_len * o->grad_accum),
                         .dispatches = stream_count(plan).dispatches };
    list_kernels(plan, &result.kernels);
    stream_wait(plan, err); // of a plan: only says what failed
    tape_close(t);
    stream_close(plan);
    return result;
}

// What would take far too much is not planned: its weights and one activation tell.
bool train_fits(Model *model, const TrainOptions *o, uint64_t bytes, TrainPlan *plan, Error *err)
{
    uint64_t weights = parameters_bytes(&model->parameters), tokens = (uint64_t)o->batch * (uint64_t)o->seq_len;
    plan->memory = (TrainMemory){ weights, weights, 2 * weights, 4 * tokens * (uint64_t)model->config.d_model };
    if (train_bytes(&plan->memory) > bytes || tokens > INT32_MAX) return false;
    *plan = train_plan(model, o, err);
    return !error_is_set(err) && train_bytes(&plan->memory) <= bytes;
}

int train_largest_batch(Model *model, const TrainOptions *options, uint64_t bytes)
{
    TrainOptions o = *options;
    int low = 0, high = o.batch; // low fits, high doesn't
    while (high - low > 1) {
        TrainPlan plan;
        Error err = { "" };
        o.batch = (low + high) / 2;
        if (train_fits(model, &o, bytes, &plan, &err))
            low = o.batch;
        else
            high = o.batch;
    }
    return low;
}

// ---- Life ----------------------------------------------------------------------------------------------------------

static bool open_moments(Trainer *tr, Error *err)
{
    const Parameters *ps = &tr->model->parameters;
    Gpu *gpu = tr->model->gpu;
    tr->m = NEW_ARRAY(Tensor, ps->count);
    tr->v = NEW_ARRAY(Tensor, ps->count);
    for (int i = 0; i < ps->count; i++) {
        Shape shape = ps->list[i]->tensor.shape;
        if (!tensor_alloc(gpu, &tr->m[i], F32, shape, err) || !tensor_alloc(gpu, &tr->v[i], F32, shape, err))
            return false;
        stream_fill(tr->stream, tr->m[i].span, 0);
        stream_fill(tr->stream, tr->v[i].span, 0);
    }
    return tensor_alloc(gpu, &tr->norm, F32, SHAPE(1), err) &&
           tensor_alloc(gpu, &tr->partials, F32, SHAPE(norm_partials(ps)), err) &&
           tensor_alloc(gpu, &tr->report, F32, SHAPE(tr->options.grad_accum), err);
}

bool trainer_open(Trainer *tr, Model *model, Stream *stream, const TrainOptions *options, const TrainPlan *plan,
                  const int32_t *ids, size_t n_ids, BatchesSource source, Error *err)
{
    *tr = (Trainer){ .options = *options, .model = model, .stream = stream, .kernels = plan->kernels };
    if (!batches_open(&tr->batches, ids, n_ids, options->batch, options->seq_len, random_key(options->seed, "batches"),
                      source, err))
        return false;
    size_t tokens = (size_t)options->batch * (size_t)options->seq_len;
    tr->inputs = NEW_ARRAY(int32_t, tokens);
    tr->targets = NEW_ARRAY(int32_t, tokens);
    tr->tape = tape_open(stream);
    bool ok = model_alloc(model, stream, err) && open_moments(tr, err) &&
              tape_reserve(tr->tape, plan->memory.activations, err);
    if (ok) parameters_init(&model->parameters, stream, options->seed);
    ok = ok && stream_wait(stream, err);
    if (!ok) trainer_close(tr);
    return ok;
}

void trainer_close(Trainer *tr)
{
    if (!tr->model) return;
    Gpu *gpu = tr->model->gpu;
    for (int i = 0; i < tr->model->parameters.count && tr->m; i++) {
        tensor_free(gpu, &tr->m[i]);
        tensor_free(gpu, &tr->v[i]);
    }
    tensor_free(gpu, &tr->norm);
    tensor_free(gpu, &tr->partials);
    tensor_free(gpu, &tr->report);
    tape_close(tr->tape);
    free(tr->m);
    free(tr->v);
    free(tr->inputs);
    free(tr->targets);
    *tr = (Trainer){ 0 };
}
