#include "cli/speed.h"
#include "base/progress.h"
#include "generate/generator.h"
#include "train/trainer.h"
#include <stdlib.h>

enum { MAX_STEPS = 256 };

typedef struct Job {
    const char *label, *arch;
    Config config;
    int batch, seq_len;
} Job;

static const Job jobs[] = {
    { "gpt2 4x128, 12x64",
      "gpt2",
      { .n_layers = 4, .n_heads = 4, .d_model = 128, .vocab_size = 67, .tied = true },
      12,
      64 },
    { "gpt2 6x384, 4x256",
      "gpt2",
      { .n_layers = 6, .n_heads = 6, .d_model = 384, .vocab_size = 8192, .tied = true },
      4,
      256 },
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(Speed *row, double *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, ascending);
    row->best = times[0];
    row->median = times[n / 2];
}

// Whether a row with `n` timed steps goes on. The step before the first is not timed: kernels are compiled at their
// first use.
static bool goes_on(const BenchLimit *limit, int n, double spent)
{
    return n < MAX_STEPS && !limit->stopped() && (n == 0 || spent < limit->seconds);
}

static Model *declare(Stream *stream, const Job *job)
{
    const Family *family = family_find(job->arch);
    Config config = job->config;
    config.seq_len = job->seq_len;
    family->defaults(&config);
    return model_new(stream_gpu(stream), family, &config);
}

static bool time_training(Stream *stream, const BenchLimit *limit, const Job *job, Speed *row, Error *err)
{
    TrainOptions o = { .batch = job->batch,
                       .seq_len = job->seq_len,
                       .grad_accum = 1,
                       .steps = MAX_STEPS,
                       .lr = 1e-4,
                       .beta1 = 0.9,
                       .beta2 = 0.99,
                       .eps = 1e-8,
                       .weight_decay = 0.1,
                       .clip = 1 };
    int n_ids = 4 * job->batch * (job->seq_len + 1), n = 0;
    int32_t *ids = NEW_ARRAY(int32_t, n_ids);
    Random random = { .key = 1 };
    for (int i = 0; i < n_ids; i++) ids[i] = (int32_t)random_below(&random, (uint64_t)job->config.vocab_size);
    Model *model = declare(stream, job);
    parameters_train(&model->parameters);
    TrainPlan plan = train_plan(model, &o, err);
    Trainer trainer = { 0 };
    bool ok = !error_is_set(err) && trainer_open(&trainer, model, stream, &o, &plan, ids, (size_t)n_ids,
                                                 (BatchesSource){ "bench", "", "" }, err);
    double times[MAX_STEPS], spent = 0;
    for (bool warm = false; ok && goes_on(limit, n, spent); warm = true) {
        StepReport report;
        double start = clock_seconds();
        ok = trainer_step(&trainer, &report, err) && stream_wait(stream, err);
        if (warm) spent += times[n++] = clock_seconds() - start;
    }
    double tokens = (double)job->batch * job->seq_len;
    *row = (Speed){ .label = job->label, .tokens = tokens, .flops = tokens * plan.flops_per_token };
    if (ok && n) summarise(row, times, n);
    trainer_close(&trainer);
    model_free(model);
    free(ids);
    return ok && n > 0;
}

int speed_train(Stream *stream, const BenchLimit *limit, Speed *rows, int max, Error *err)
{
    int n = 0;
    while (n < (int)COUNT_OF(jobs) && n < max && !limit->stopped() &&
           time_training(stream, limit, &jobs[n], &rows[n], err))
        n++;
    return n;
}

// Feeds `tokens` at a time to a fresh context, over and over.
static bool time_feeding(Generator *g, const BenchLimit *limit, int tokens, Speed *row, Error *err)
{
    int32_t ids[512] = { 0 };
    double times[MAX_STEPS], spent = 0, flops = 0;
    int n = 0;
    for (bool warm = false; goes_on(limit, n, spent); warm = true) {
        if (g->past + tokens > g->capacity) g->past = 0;
        flops = stream_count(g->stream).flops;
        double start = clock_seconds();
        if (!generator_feed(g, ids, tokens, err)) return false;
        flops = stream_count(g->stream).flops - flops;
        if (warm) spent += times[n++] = clock_seconds() - start;
    }
    if (n == 0) return false; // stopped
    row->tokens = tokens;
    row->flops = flops;
    row->bytes = (double)parameters_bytes(&g->model->parameters);
    summarise(row, times, n);
    return true;
}

int speed_generate(Stream *stream, const BenchLimit *limit, Speed *rows, int max, Error *err)
{
    Job job = jobs[1];
    job.seq_len = 512;
    Model *model = declare(stream, &job);
    Generator g = { 0 };
    bool ok = model_alloc(model, stream, err);
    if (ok) parameters_init(&model->parameters, stream, 1);
    ok = ok && generator_open(&g, model, stream, 512, err);
    int n = 0;
    if (ok && n < max && time_feeding(&g, limit, 256, &rows[n], err)) rows[n++].label = "prefill of 256, 6x384";
    if (ok && n < max && !error_is_set(err) && time_feeding(&g, limit, 1, &rows[n], err))
        rows[n++].label = "decode, 6x384";
    generator_close(&g);
    model_free(model);
    return n;
}
