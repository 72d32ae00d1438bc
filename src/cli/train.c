#include "base/file.h"
#include "base/progress.h"
#include "cli/command.h"
#include "cli/pace.h"
#include "cli/run_folder.h"
#include "cli/train_usage.h"
#include "generate/generator.h"
#include "generate/sampler.h"
#include "ops/bench.h"
#include "train/checkpoint.h"
#include "train/dataset.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *data = "tales", *tokenizer = "bpe:2048", *arch = "gpt2", *out = "out";
static int64_t data_bytes = 8 << 20, n_layer = 4, n_head = 4, n_kv_head = 0, d_model = 128, seq_len = 128, batch = 16,
               grad_accum = 1, steps = 2000, warmup = 100, eval_interval = 250, eval_batches = 20,
               checkpoint_interval = 500;
static double lr = 1e-3, min_lr = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1, clip = 1, dropout_p = 0,
              val_fraction = 0.1;
static bool resume, force;

static Option options[] = {
    PATH("data", data, "FILE", "\"tales\", or a file of UTF-8 text"),
    INT("data-bytes", data_bytes, 1 << 10, 1ll << 32, "of training text that the tales tell"),
    TEXT("tokenizer", tokenizer, "char, byte, bpe:N, or a GGUF file whose vocabulary is taken"),
    TEXT("arch", arch, "gpt2 or llama"),
    INT("n-layer", n_layer, 1, 1024, "layers"),
    INT("n-head", n_head, 1, 1024, "attention heads"),
    INT("n-kv-head", n_kv_head, 0, 1024, "heads of keys and values; 0: as many"),
    INT("d-model", d_model, 1, 65536, "channels of the residual stream"),
    INT("seq-len", seq_len, 1, 1 << 20, "tokens in a row of a batch, and the model's context"),
    INT("batch", batch, 1, 1 << 16, "rows of a batch"),
    INT("grad-accum", grad_accum, 1, 1024, "batches that one step gathers"),
    INT("steps", steps, 1, 1ll << 40, "updates in all"),
    FLOAT("lr", lr, 0, 100, "largest learning rate"),
    FLOAT("min-lr", min_lr, 0, 100, "learning rate at the end of the cosine"),
    INT("warmup", warmup, 0, 1ll << 40, "steps of linear rise"),
    FLOAT("beta1", beta1, 0, 0.999999, "AdamW's mean of gradients"),
    FLOAT("beta2", beta2, 0, 0.999999, "AdamW's mean of squares"),
    FLOAT("weight-decay", weight_decay, 0, 100, "AdamW's, on matrices"),
    FLOAT("clip", clip, 0, 1e9, "largest global norm of the gradient; 0: any"),
    FLOAT("dropout", dropout_p, 0, 0.99, "share of activations that are dropped"),
    FLOAT("val-fraction", val_fraction, 0, 0.9, "end of the file that is kept for validation"),
    INT("eval-interval", eval_interval, 1, 1ll << 40, "steps between validations"),
    INT("eval-batches", eval_batches, 1, 1 << 20, "batches of a validation"),
    INT("checkpoint-interval", checkpoint_interval, 1, 1ll << 40, "steps between checkpoints"),
    PATH("out", out, "FOLDER", "folder of the run"),
    FLAG("resume", resume, "go on from the last checkpoint in --out, with its settings"),
    FLAG("force", force, "start anew in a folder that holds a run: it is emptied of that run"),
};

// Options that may change when a run is resumed, and those that are not the run's.
// Data may lie elsewhere by then: its hash tells whether it is the same.
static const char *const free_options[] = { "data", "steps", "eval-interval", "eval-batches", "checkpoint-interval",
                                            NULL };
static const char *const own_options[] = { "out", "resume", "force", NULL };

typedef struct Run {
    Invocation *in;
    Gpu *gpu;
    Stream *stream;
    Dataset dataset;
    Model *model;
    Trainer trainer;
    TrainPlan plan;
    Batches val;
    RunState state;
    RunLog log;
    double gflops_roof;
    Progress progress;
    Pace pace;
    double began; // seconds of the monotonic clock
    int64_t first_step;
} Run;

static TrainOptions train_options(const Invocation *in)
{
    return (TrainOptions){ .batch = (int)batch,
                           .seq_len = (int)seq_len,
                           .grad_accum = (int)grad_accum,
                           .steps = steps,
                           .warmup = warmup < steps ? warmup : steps - 1,
                           .lr = lr,
                           .min_lr = min_lr,
                           .beta1 = beta1,
                           .beta2 = beta2,
                           .eps = 1e-8,
                           .weight_decay = weight_decay,
                           .clip = clip,
                           .dropout = dropout_p,
                           .seed = (uint64_t)in->common.seed };
}

// ---- Before the first step -------------------------------------------------------------------------------------------

static bool tokenizer_progress(void *user, int32_t done, int32_t vocab_size)
{
    Progress *progress = user;
    if (!progress->started) progress_begin(progress, "tokenizer", (uint64_t)vocab_size, "tokens");
    progress_update(progress, (uint64_t)done, NULL);
    return !interrupted();
}

static bool open_data(Run *run, Error *err)
{
    DatasetOptions o = { .data = data,
                         .tokenizer = tokenizer,
                         .val_fraction = val_fraction,
                         .seed = (uint64_t)run->in->common.seed,
                         .bytes = (uint64_t)data_bytes };
    Progress progress = { 0 };
    if (resume && strcmp(data, "tales") != 0 && !file_exists(data))
        return error_set(err,
                         "%s: there is no such file: the run was started with it, perhaps in another folder; say where "
                         "it is now with --data FILE",
                         data);
    bool ok = dataset_open(&o, &run->dataset, tokenizer_progress, &progress, err);
    if (progress.started) progress_end(&progress);
    run->state.data_hash = run->dataset.hash;
    return ok;
}

static BatchesSource source(const char *what, size_t bytes, char size[32], char name[160], const char *remedy)
{
    snprintf(size, 32, "%zu byte%s", bytes, bytes == 1 ? "" : "s");
    snprintf(name, 160, "%.120s (%s)", data, what);
    return (BatchesSource){ name, size, remedy };
}

// The largest --d-model with which a batch of one row fits; 0 if none does.
static int largest_d_model(const Run *run, uint64_t bytes)
{
    const Family *family = run->model->family;
    TrainOptions o = train_options(run->in);
    TrainPlan plan;
    o.batch = 1;
    int unit = (int)n_head * (family->rotary ? 2 : 1), low = 0, high = (int)d_model / unit; // low fits, high doesn't
    while (high - low > 1) {
        Config config = run->model->config;
        int middle = (low + high) / 2;
        config.d_model = middle * unit;
        config.d_ff = 0;
        family->defaults(&config);
        Model *model = model_new(run->gpu, family, &config);
        parameters_train(&model->parameters);
        Error err = { "" };
        if (train_fits(model, &o, bytes, &plan, &err))
            low = middle;
        else
            high = middle;
        model_free(model);
    }
    return low * unit;
}

static bool too_large(Run *run, uint64_t has, Error *err)
{
    TrainOptions o = train_options(run->in);
    const char *name = gpu_traits(run->gpu)->name;
    double needed = (double)train_bytes(&run->plan.memory) / 1e9, gb = (double)has / 1e9;
    int largest = train_largest_batch(run->model, &o, has);
    if (largest)
        return error_set(
            err,
            "the run needs %.2f GB or more and %s has %.2f GB: the largest --batch that fits is %d (with a "
            "larger --grad-accum the step stays the same)",
            needed, name, gb, largest);
    largest = largest_d_model(run, has);
    if (largest)
        return error_set(err,
                         "the run needs %.2f GB or more and %s has %.2f GB: the largest --d-model that fits, with "
                         "--batch 1, is %d",
                         needed, name, gb, largest);
    return error_set(err, "the run needs %.2f GB or more and %s has %.2f GB: make --seq-len or --n-layer smaller",
                     needed, name, gb);
}

static bool open_model(Run *run, Error *err)
{
    const Family *family = train_family(arch, err);
    if (!family) return false;
    Config config = { .n_layers = (int)n_layer,
                      .n_heads = (int)n_head,
                      .n_kv_heads = (int)n_kv_head,
                      .d_model = (int)d_model,
                      .seq_len = (int)seq_len,
                      .vocab_size = tokenizer_vocab_size(run->dataset.tokenizer),
                      .tied = true,
                      .dropout = (float)dropout_p };
    family->defaults(&config);
    if (!config_check(family, &config, err)) return false;
    run->model = model_new(run->gpu, family, &config);
    parameters_train(&run->model->parameters);
    TrainOptions o = train_options(run->in);
    uint64_t has = gpu_traits(run->gpu)->memory_bytes;
    if (train_fits(run->model, &o, has, &run->plan, err)) return true;
    return !error_is_set(err) && too_large(run, has, err);
}

static bool open_trainer(Run *run, Error *err)
{
    TrainOptions o = train_options(run->in);
    char size[32], name[160];
    BatchesSource train = source("training", run->dataset.train_bytes, size, name,
                                 "give a longer file or a smaller --batch or --seq-len");
    if (!trainer_open(&run->trainer, run->model, run->stream, &o, &run->plan, run->dataset.train, run->dataset.n_train,
                      train, err))
        return false;
    if (run->dataset.n_val == 0 && val_fraction == 0) return true; // no validation was asked for
    BatchesSource val =
        source("validation", run->dataset.val_bytes, size, name,
               "give a larger --val-fraction (0: no validation), a longer file, or a smaller --batch or --seq-len");
    return batches_open(&run->val, run->dataset.val, run->dataset.n_val, 1, o.seq_len, 0, val, err) &&
           batches_open(&run->val, run->dataset.val, run->dataset.n_val, o.batch, o.seq_len, 0, val, err);
}

static void print_header(const Run *run)
{
    const TrainMemory *m = &run->plan.memory;
    const Config *c = &run->model->config;
    double mb = 1e6;
    printf("device      %s, roof %.1f GFLOP/s\n", gpu_traits(run->gpu)->name, run->gflops_roof);
    printf("data        %s: %zu training and %zu validation tokens, %.2f bytes each\n", data, run->dataset.n_train,
           run->dataset.n_val, (double)run->dataset.train_bytes / (double)run->dataset.n_train);
    if (run->dataset.val_bits_per_byte > 0)
        printf("            the grammar's own entropy: %.4f nats a token\n",
               run->dataset.val_bits_per_byte * log(2) * (double)run->dataset.val_bytes / (double)run->dataset.n_val);
    printf("model       %s, %d layers, %d heads, %d channels, vocabulary %d: %lld parameters\n", arch, c->n_layers,
           c->n_heads, c->d_model, c->vocab_size, (long long)parameters_count(&run->model->parameters));
    printf("memory      weights %.1f, gradients %.1f, moments %.1f, activations %.1f: %.1f MB\n",
           (double)m->weights / mb, (double)m->gradients / mb, (double)m->moments / mb, (double)m->activations / mb,
           (double)(m->weights + m->gradients + m->moments + m->activations) / mb);
    printf("step        %lld × %lld tokens, %.1f MFLOP a token, %llu dispatches\n", (long long)(batch * grad_accum),
           (long long)seq_len, run->plan.flops_per_token / 1e6, (unsigned long long)run->plan.dispatches);
    int64_t rise = run->trainer.options.warmup;
    if (rise < warmup)
        printf("warm-up     cut to %lld step%s from %lld: the run has %lld\n", (long long)rise, rise == 1 ? "" : "s",
               (long long)warmup, (long long)steps);
}

// ---- The loop --------------------------------------------------------------------------------------------------------

static bool write_sample(Run *run, Error *err)
{
    enum { TOKENS = 120 };
    Generator g;
    Sampler sampler;
    const Tokenizer *tk = run->dataset.tokenizer;
    int32_t id = tokenizer_bos(tk);
    if (id < 0) id = run->dataset.val ? run->dataset.val[0] : run->dataset.train[0];
    if (!generator_open(&g, run->model, run->stream, seq_len, err)) return false;
    sampler_open(&sampler, (SamplerOptions){ .temperature = 0.8, .top_p = 1, .repeat_penalty = 1 },
                 run->model->config.vocab_size, (uint64_t)run->in->common.seed);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    bool ok = true;
    for (int i = 0; ok && i < TOKENS && g.past < g.capacity; i++) {
        double log_p;
        ok = generator_feed(&g, &id, 1, err);
        if (!ok) break;
        id = sampler_draw(&sampler, g.logits, &log_p);
        if (id == tokenizer_eos(tk)) break;
        StringView piece = tokenizer_decode(tk, id);
        fwrite(piece.data, 1, piece.size, stream);
    }
    fclose(stream);
    if (ok) ok = run_log_sample(&run->log, run->trainer.step, text, err);
    free(text);
    sampler_close(&sampler);
    generator_close(&g);
    return ok;
}

static bool save(Run *run, Error *err)
{
    return checkpoint_save(&run->trainer, run->dataset.tokenizer, out, &run->state, err);
}

// Validates, and keeps the model if it is the best so far. *val is NAN without a validation split.
static bool evaluate(Run *run, double *val, Error *err)
{
    *val = NAN;
    if (!run->val.ids) return true;
    if (!trainer_evaluate(&run->trainer, &run->val, (int)eval_batches, val, err)) return false;
    if (!(*val < run->state.best_loss)) return true;
    run->state.best_loss = *val;
    char *best = path_join(out, "best.gguf");
    bool ok = model_save(run->model, run->dataset.tokenizer, run->stream, best, err);
    free(best);
    return ok;
}

static double tokens_a_second(const Run *run)
{
    return (double)(batch * seq_len * grad_accum) * pace_steps_a_second(&run->pace);
}

// "120/2000  loss 2.3456  12.3 k tokens/s  123 GFLOP/s (45%)  12:34 left"; the share is that of the roof
static void draw_progress(Run *run, double loss)
{
    char tokens[16], flops[16];
    double rate = tokens_a_second(run), speed = rate * run->plan.flops_per_token;
    double share = 100 * speed / fmax(1e9 * run->gflops_roof, 1e-9);
    format_si(rate, tokens);
    format_si(speed, flops);
    progress_update(&run->progress, (uint64_t)run->trainer.step, "loss %.4f|%s%stokens/s|%sFLOP/s (%.*f%%)", loss,
                    tokens, rate < 999.5 ? "" : " ", flops, share < 9.95 ? 1 : 0, share);
}

static bool report(Run *run, const StepReport *step, double seconds, bool last, Error *err)
{
    int64_t n = run->trainer.step;
    double tokens_per_second = (double)(batch * seq_len * grad_accum) / seconds, val = NAN;
    double gflops = tokens_per_second * run->plan.flops_per_token / 1e9;
    pace_add(&run->pace, seconds);
    draw_progress(run, step->loss);
    bool evaluated = n % eval_interval == 0 || last;
    if (evaluated && !evaluate(run, &val, err)) return false;
    if (!run_log_step(&run->log, n, step->loss, val, step->lr, step->grad_norm, tokens_per_second, gflops, err))
        return false;
    if (!evaluated) return true;
    progress_clear(&run->progress);
    if (!run->in->common.json) {
        printf("step %-6lld  loss %.4f", (long long)n, step->loss);
        if (!isnan(val)) printf("  val %.4f", val);
        printf("  %.0f tokens/s\n", tokens_a_second(run));
        fflush(stdout);
    }
    pace_begin_line(&run->pace);
    return run_log_curve(&run->log, err) && write_sample(run, err);
}

static bool take_steps(Run *run, Error *err)
{
    int64_t saved = run->trainer.step > 0 ? run->trainer.step : -1;
    while (run->trainer.step < steps && !interrupted()) {
        StepReport step;
        double start = clock_seconds();
        if (!trainer_step(&run->trainer, &step, err)) return false;
        bool last = run->trainer.step == steps;
        if (!report(run, &step, clock_seconds() - start, last, err)) return false;
        if (run->trainer.step % checkpoint_interval && !last) continue;
        if (!save(run, err)) return false;
        saved = run->trainer.step;
    }
    if (saved == run->trainer.step || run->trainer.step == 0) return true;
    return save(run, err); // interrupted
}

static bool loop(Run *run, Error *err)
{
    if (take_steps(run, err)) return true;
    Error cause = *err;
    *err = (Error){ "" };
    int64_t last = checkpoint_last(out);
    if (last < 0) return error_set(err, "%s; no checkpoint was written yet", cause.message);
    return error_set(err, "%s; the last good checkpoint is %s/step-%lld", cause.message, out, (long long)last);
}

// ---- The command -----------------------------------------------------------------------------------------------------

static bool start(Run *run, Error *err)
{
    if (!dir_create(out, err)) return false;
    int64_t last = resume ? checkpoint_last(out) : -1;
    if (last >= 0 && !checkpoint_load(&run->trainer, out, last, &run->state, err)) return false;
    if (error_is_set(&run->state.other_origin))
        fprintf(stderr, "lectern train: note: %s\n", run->state.other_origin.message);
    if (!run_folder_begin(out, run->state.settings, force, err)) return false;
    if (!run_log_open(&run->log, out, last >= 0 ? last : 0, err)) return false;
    if (resume && !run->in->common.json)
        printf(last >= 0 ? "resumed     at step %lld\n" : "resumed     at step %lld: no checkpoint was written yet\n",
               (long long)(last >= 0 ? last : 0));
    return true;
}

static void print_end(const Run *run)
{
    bool finished = run->trainer.step == steps, best = isfinite(run->state.best_loss);
    double seconds = clock_seconds() - run->began;
    long long done = (long long)(run->trainer.step - run->first_step);
    if (run->in->common.json) {
        json_t *end = json_pack("{s:I, s:o, s:s, s:b, s:f}", "step", (json_int_t)run->trainer.step, "best_val_loss",
                                best ? json_real(run->state.best_loss) : json_null(), "out", out, "finished", finished,
                                "seconds", seconds);
        json_dumpf(end, stdout, 0), putchar('\n');
        json_decref(end);
        return;
    }
    char time[16], *model = path_join(out, best ? "best.gguf" : "model.gguf"), *word = shell_word(model);
    format_seconds(seconds, time);
    printf("%s: %lld step%s in %s", finished ? "done" : "stopped", done, done == 1 ? "" : "s", time);
    if (best) printf(", best validation loss %.4f", run->state.best_loss);
    if (run->trainer.step > 0) printf("\ntry it: %s generate --model %s", program_word(), word);
    free(word);
    word = shell_word(out);
    if (!finished) printf("\ngo on with: %s train --out %s --resume", program_word(), word);
    putchar('\n');
    free(word);
    free(model);
}

static bool go(Run *run, Error *err)
{
    run->state.best_loss = INFINITY;
    if (!open_data(run, err) || !open_model(run, err)) return false;
    Roof roof = { 0 };
    if (!bench_roof(run->stream, &roof, err)) return false;
    run->gflops_roof = roof.gflops;
    if (!open_trainer(run, err)) return false;
    if (!run->in->common.json) print_header(run);
    if (!start(run, err)) return false;
    run->began = clock_seconds();
    run->first_step = run->trainer.step;
    progress_begin(&run->progress, "", (uint64_t)steps, "");
    bool ok = loop(run, err);
    progress_end(&run->progress);
    if (ok) print_end(run);
    return ok;
}

static int run_train(Invocation *in)
{
    Error err = { "" };
    Run run = { .in = in };
    interrupted(); // from here on Ctrl-C asks, and a checkpoint answers
    if (resume && force) return usage_error(in, "--resume and --force exclude each other");
    int wrong = resume ? EXIT_OK : train_usage(in, &(TrainShape){ arch, tokenizer, d_model, n_head, n_kv_head });
    if (wrong) return wrong;
    if (resume && !run_folder_settings(out, in, own_options, free_options, &err)) return fail(in, &err);
    if (!resume && !force && run_folder_holds_run(out)) {
        error_set(&err, "%s holds a run already: give --resume to go on, --force to start anew, or another --out", out);
        return fail(in, &err);
    }
    if (!resume && min_lr > lr)
        return usage_error(in, "--min-lr %g is above --lr %g, from which the rate falls: give a smaller one", min_lr,
                           lr);
    if (resume && checkpoint_last(out) > steps) {
        error_set(&err, "%s has %lld steps already, more than --steps %lld: give a larger number", out,
                  (long long)checkpoint_last(out), (long long)steps);
        return fail(in, &err);
    }
    run.state.settings = run_settings_json(in, own_options, &err);
    if (!run.state.settings) return fail(in, &err);
    setvbuf(stdout, NULL, _IOLBF, 0); // a log is read while it grows
    if (!open_device(in, &run.gpu, &run.stream)) {
        json_decref(run.state.settings);
        return EXIT_FAILED;
    }
    int code = go(&run, &err) ? EXIT_OK : fail(in, &err);
    run_log_close(&run.log);
    trainer_close(&run.trainer);
    model_free(run.model);
    dataset_close(&run.dataset);
    json_decref(run.state.settings);
    return close_device(in, run.gpu, run.stream, code);
}

const Command command_train = { .name = "train",
                                .summary = "train a model on text",
                                .usage = "usage: lectern train [--data FILE] [--out FOLDER] [OPTION …]\n"
                                         "example: lectern train --data book.txt --tokenizer char --out out/book",
                                .on_device = true,
                                .seeded = true,
                                OPTIONS(options),
                                .run = run_train };
