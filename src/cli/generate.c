#include "cli/answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *model_path, *prompt;
static AnswerOptions answering = { .max_tokens = 200, ANSWER_DEFAULTS };
static bool echo;

static Option options[] = {
    PATH("model", model_path, "FILE", "GGUF file of the model"),
    TEXT("prompt", prompt, "text to go on from; without it the model starts a text of its own"),
    ANSWER_OPTIONS(answering),
    FLAG("echo", echo, "print the prompt too"),
};

typedef struct Writing {
    Model *model;
    Tokenizer *tokenizer;
    Generator generator;
    Sampler sampler;
    Decoder decoder;
    Answer answer;
    TokenList prompt;
} Writing;

static bool prompt_ids(const Tokenizer *tokenizer, TokenList *ids, Error *err)
{
    bool given = prompt && *prompt;
    int32_t first = tokenizer_bos(tokenizer) >= 0 ? tokenizer_bos(tokenizer) : tokenizer_eos(tokenizer);
    if (!given && first < 0) return error_set(err, "the model has no token to start with: give a --prompt");
    if (!given || tokenizer_adds_bos(tokenizer)) {
        GROW(ids->ids, ids->count, ids->capacity);
        ids->ids[ids->count++] = first;
    }
    if (given) tokenizer_encode(tokenizer, prompt, strlen(prompt), false, ids);
    return true;
}

static void print_json(const Writing *w)
{
    json_t *ids = json_array(), *root = json_object();
    for (size_t i = 0; i < w->prompt.count; i++) json_array_append_new(ids, json_integer(w->prompt.ids[i]));
    json_object_set_new(root, "prompt_ids", ids);
    json_t *answer = answer_json(&w->answer);
    json_object_update(root, answer);
    json_dumpf(root, stdout, JSON_INDENT(2)), putchar('\n');
    json_decref(answer);
    json_decref(root);
}

static bool write_answer(const Invocation *in, Writing *w, Error *err)
{
    Answer *a = &w->answer;
    decoder_push(&w->decoder, w->prompt.ids, w->prompt.count);
    if (decoder_room(&w->decoder) < 0) // before anything is printed
        return error_set(err, "%zu tokens do not fit: the model's context is %lld", w->prompt.count,
                         (long long)w->generator.capacity);
    if (echo && prompt) answer_put(a, prompt, strlen(prompt));
    if (!answer_write(a, &w->decoder, err)) return false;
    if (in->common.json) {
        print_json(w);
    } else if (!strcmp(a->reason, "context")) {
        fflush(stdout);
        fprintf(stderr, "lectern generate: the model's context of %lld tokens is full\n",
                (long long)w->generator.capacity);
    }
    return true;
}

static bool go(const Invocation *in, Gpu *gpu, Stream *stream, Error *err)
{
    Writing w = { 0 };
    w.model = model_load(gpu, stream, model_path, false, &w.tokenizer, err);
    if (!w.model) return false;
    answer_begin(&w.answer, w.tokenizer, &answering, -1, in->common.json);
    sampler_open(&w.sampler, answer_sampler(&answering), tokenizer_vocab_size(w.tokenizer), (uint64_t)in->common.seed);
    bool ok = prompt_ids(w.tokenizer, &w.prompt, err) &&
              generator_open(&w.generator, w.model, stream, (int64_t)w.prompt.count + answering.max_tokens, err);
    if (ok) decoder_open(&w.decoder, &w.generator, &w.sampler);
    ok = ok && write_answer(in, &w, err);
    answer_free(&w.answer);
    decoder_close(&w.decoder);
    free(w.prompt.ids);
    sampler_close(&w.sampler);
    generator_close(&w.generator);
    model_free(w.model);
    tokenizer_free(w.tokenizer);
    return ok;
}

static int run(Invocation *in)
{
    Error err = { "" };
    Gpu *gpu;
    Stream *stream;
    if (!model_path) return usage_error(in, "--model is missing");
    if (!open_device(in, &gpu, &stream)) return EXIT_FAILED;
    interrupted();
    int code = go(in, gpu, stream, &err) ? EXIT_OK : fail(in, &err);
    return close_device(in, gpu, stream, code);
}

const Command command_generate = { .name = "generate",
                                   .summary = "write text with a model",
                                   .usage = "usage: lectern generate --model FILE [--prompt TEXT] [OPTION …]\n"
                                            "example: lectern generate --model out/model.gguf --prompt \"Once\"",
                                   .on_device = true,
                                   .seeded = true,
                                   OPTIONS(options),
                                   .run = run };
