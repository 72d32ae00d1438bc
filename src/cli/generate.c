#include "base/utf8.h"
#include "cli/answer.h"
#include "cli/named_model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *model_path, *prompt, *draft_path;
static int64_t draft_tokens = 4;
static AnswerOptions answering = { .max_tokens = 200, ANSWER_DEFAULTS };
static bool echo;

static Option options[] = {
    PATH("model", model_path, "MODEL", "GGUF file, a run's folder (its best.gguf, else model.gguf), or one of assets/"),
    TEXT("prompt", prompt,
         "text to go on from; without it the model starts at its token for the beginning of a text,\n"
         "                             or, where it has none, behind a line break"),
    ANSWER_OPTIONS(answering),
    PATH("draft", draft_path, "MODEL",
         "a smaller model of the same vocabulary that drafts tokens: the text's distribution stays"),
    INT("draft-tokens", draft_tokens, 1, GENERATOR_ROWS - 1, "drafted for each pass of the model at most"),
    FLAG("echo", echo, "print the prompt too"),
};

typedef struct Writing {
    Model *model, *draft;
    Tokenizer *tokenizer;
    Generator generator, draft_generator;
    Sampler sampler;
    Decoder decoder;
    Answer answer;
    TokenList prompt;
} Writing;

static bool spells(const Tokenizer *tokenizer, const char *text, size_t size)
{
    TokenList ids = { 0 };
    tokenizer_encode(tokenizer, text, size, false, &ids);
    bool all = ids.count > 0;
    for (size_t i = 0; i < ids.count; i++) all &= ids.ids[i] != tokenizer_unknown(tokenizer);
    free(ids.ids);
    return all;
}

// Says which characters of the prompt the vocabulary lacks, once.
static void note_unknown(const Tokenizer *tokenizer)
{
    Error note = { "" };
    char list[160] = "";
    int count = 0;
    for (size_t at = 0, n, used = 0, size = strlen(prompt); at < size; at += n) {
        int length = utf8_length(prompt + at, size - at);
        n = length > 0 ? (size_t)length : 1;
        if (spells(tokenizer, prompt + at, n)) continue;
        count++;
        char quoted[8];
        snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)n, prompt + at);
        if (used < 100 && !strstr(list, quoted))
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", quoted);
    }
    if (count == 0) return;
    StringView unknown = tokenizer_piece(tokenizer, tokenizer_unknown(tokenizer));
    error_set(&note, "the model's vocabulary lacks %d character%s of the prompt (%s): it reads %.*s instead", count,
              count == 1 ? "" : "s", list, unknown.size ? (int)unknown.size : 7,
              unknown.size ? unknown.data : "nothing");
    fprintf(stderr, "lectern generate: note: %s\n", note.message);
}

// Without a prompt a text begins where texts began in training: behind its token for that, if the model has one.
static bool prompt_ids(const Tokenizer *tokenizer, TokenList *ids, Error *err)
{
    bool given = prompt && *prompt;
    int32_t bos = tokenizer_bos(tokenizer);
    const char *text = given ? prompt : "\n";
    if (!given && bos < 0 && !spells(tokenizer, text, 1))
        return error_set(err, "the model has neither a token for the beginning nor a line break: give a --prompt");
    if (given) note_unknown(tokenizer);
    if (bos >= 0 && (!given || tokenizer_adds_bos(tokenizer))) {
        GROW(ids->ids, ids->count, ids->capacity);
        ids->ids[ids->count++] = bos;
    }
    if (given || bos < 0) tokenizer_encode(tokenizer, text, strlen(text), false, ids);
    return true;
}

static void print_json(const Writing *w)
{
    json_t *ids = json_array(), *root = json_object();
    for (size_t i = 0; i < w->prompt.count; i++) json_array_append_new(ids, json_integer(w->prompt.ids[i]));
    json_object_set_new(root, "prompt_ids", ids);
    json_t *answer = answer_json(&w->answer);
    json_object_update(root, answer);
    if (w->draft)
        json_object_set_new(root, "draft",
                            json_pack("{s:I, s:I, s:I}", "tokens", (json_int_t)w->decoder.drafted, "accepted",
                                      (json_int_t)w->decoder.accepted, "passes", (json_int_t)w->decoder.passes));
    json_dumpf(root, stdout, JSON_INDENT(2)), putchar('\n');
    json_decref(answer);
    json_decref(root);
}

static void report(const Writing *w)
{
    const Decoder *d = &w->decoder;
    fflush(stdout);
    if (!strcmp(w->answer.reason, "context"))
        fprintf(stderr, "lectern generate: the model's context of %lld tokens is full\n",
                (long long)w->generator.capacity);
    if (w->draft)
        fprintf(stderr, "lectern generate: %lld of %lld drafted tokens accepted (%.0f %%), %lld passes of the model\n",
                (long long)d->accepted, (long long)d->drafted,
                d->drafted ? 100.0 * (double)d->accepted / (double)d->drafted : 0, (long long)d->passes);
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
    if (in->common.json)
        print_json(w);
    else
        report(w);
    return true;
}

static bool open_draft(Writing *w, Stream *stream, Error *err)
{
    Tokenizer *tokenizer = NULL;
    Error differ = { "" };
    w->draft = named_model_load(w->model->gpu, stream, draft_path, &tokenizer, err);
    if (!w->draft) return false;
    bool ok = tokenizer_same_tokens(tokenizer, w->tokenizer, &differ) ||
              error_set(err, "%s: a draft needs the vocabulary of %s: %s", draft_path, model_path, differ.message);
    tokenizer_free(tokenizer);
    ok = ok && generator_open(&w->draft_generator, w->draft, stream, w->generator.capacity, err);
    if (ok) decoder_set_draft(&w->decoder, &w->draft_generator, (int)draft_tokens);
    return ok;
}

static bool go(const Invocation *in, Gpu *gpu, Stream *stream, Error *err)
{
    Writing w = { 0 };
    w.model = named_model_load(gpu, stream, model_path, &w.tokenizer, err);
    if (!w.model) return false;
    answer_begin(&w.answer, w.tokenizer, &answering, -1, in->common.json);
    sampler_open(&w.sampler, answer_sampler(&answering), tokenizer_vocab_size(w.tokenizer), (uint64_t)in->common.seed);
    bool ok = prompt_ids(w.tokenizer, &w.prompt, err) &&
              generator_open(&w.generator, w.model, stream, (int64_t)w.prompt.count + answering.max_tokens, err);
    if (ok) decoder_open(&w.decoder, &w.generator, &w.sampler);
    ok = ok && (!draft_path || open_draft(&w, stream, err)) && write_answer(in, &w, err);
    answer_free(&w.answer);
    decoder_close(&w.decoder);
    free(w.prompt.ids);
    sampler_close(&w.sampler);
    generator_close(&w.generator);
    generator_close(&w.draft_generator);
    model_free(w.draft);
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
                                   .usage = "usage: lectern generate --model MODEL [--prompt TEXT] [OPTION …]\n"
                                            "example: lectern generate --model tales.gguf --prompt \"Once\"",
                                   .on_device = true,
                                   .seeded = true,
                                   OPTIONS(options),
                                   .run = run };
