// How good a model is, by the measure that is named.
#include "base/progress.h"
#include "cli/command.h"
#include "cli/named_model.h"
#include "data/corpus.h"
#include "eval/perplexity.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *model_path, *data_path;
static int64_t window;

static Option options[] = {
    PATH("model", model_path, "MODEL", "the model"),
    PATH("data", data_path, "FILE", "UTF-8 text"),
    INT("window", window, 0, 1 << 22,
        "tokens that are seen at once; those of the second half count (512, or the model's context)"),
};

static bool show(void *user, const Perplexity *p)
{
    progress_update(user, (uint64_t)p->windows, "perplexity %.3f", perplexity_of(p));
    return !interrupted();
}

static void print(const Invocation *in, const Perplexity *p, double seconds)
{
    double value = perplexity_of(p), uncertainty = perplexity_uncertainty(p);
    if (in->common.json) {
        json_t *root = json_pack("{s:f, s:f, s:I, s:I, s:f, s:b}", "perplexity", value, "uncertainty", uncertainty,
                                 "tokens", (json_int_t)p->tokens, "windows", (json_int_t)p->windows, "seconds", seconds,
                                 "interrupted", interrupted());
        json_dumpf(root, stdout, JSON_INDENT(2)), putchar('\n');
        json_decref(root);
    } else {
        printf("perplexity %.4f ± %.4f over %lld tokens in %lld windows of %lld\n", value, uncertainty,
               (long long)p->tokens, (long long)p->windows, (long long)window);
    }
}

static bool perplexity(const Invocation *in, Model *model, const Tokenizer *tokenizer, Stream *stream,
                       const Corpus *corpus, Error *err)
{
    int context = model->config.seq_len;
    if (window == 0) window = context < 512 ? context : 512;
    if (window < 4 || window > context)
        return error_set(err, "--window %lld: the model's context is %d tokens, and a window has at least 4",
                         (long long)window, context);
    TokenList ids = { 0 };
    tokenizer_encode(tokenizer, corpus->text, corpus->size, false, &ids);
    Progress progress;
    progress_begin(&progress, "eval", (uint64_t)ids.count / (uint64_t)window, "windows");
    Perplexity p = { .each = show, .user = &progress };
    int32_t first = tokenizer_adds_bos(tokenizer) ? tokenizer_bos(tokenizer) : -1;
    double start = clock_seconds();
    bool ok = perplexity_run(&p, model, stream, ids.ids, ids.count, window, first, err);
    progress_end(&progress);
    if (ok) print(in, &p, clock_seconds() - start);
    free(ids.ids);
    return ok && (!interrupted() || error_set(err, "stopped after %lld windows", (long long)p.windows));
}

static bool go(const Invocation *in, Gpu *gpu, Stream *stream, Error *err)
{
    Corpus corpus = { 0 };
    Tokenizer *tokenizer = NULL;
    if (!corpus_load(data_path, &corpus, err)) return false;
    Model *model = named_model_load(gpu, stream, model_path, &tokenizer, err);
    bool ok = model != NULL;
    if (ok && model->family->encoder)
        ok = error_set(err, "%s: a %s reads a text and does not go on from it: it has no perplexity", model_path,
                       model->family->arch);
    ok = ok && perplexity(in, model, tokenizer, stream, &corpus, err);
    model_free(model);
    tokenizer_free(tokenizer);
    corpus_free(&corpus);
    return ok;
}

static int run(Invocation *in)
{
    Error err = { "" };
    Gpu *gpu;
    Stream *stream;
    if (in->word_count == 0 || strcmp(in->words[0], "perplexity") != 0)
        return usage_error(in, "say what to measure: perplexity");
    if (!model_path) return usage_error(in, "--model is missing");
    if (!data_path) return usage_error(in, "--data is missing");
    if (!open_device(in, &gpu, &stream)) return EXIT_FAILED;
    interrupted();
    int code = go(in, gpu, stream, &err) ? EXIT_OK : fail(in, &err);
    return close_device(in, gpu, stream, code);
}

const Command command_eval = { .name = "eval",
                               .summary = "measure how well a model predicts a text",
                               .usage = "usage: lectern eval perplexity --model FILE --data FILE [--window N]\n"
                                        "example: lectern eval perplexity --model out/best.gguf --data book.txt",
                               .on_device = true,
                               .max_words = 1,
                               OPTIONS(options),
                               .run = run };
