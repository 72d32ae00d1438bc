#include "cli/command.h"
#include "generate/generator.h"
#include "generate/sampler.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *model_path, *prompt, *stop;
static int64_t max_tokens = 200, top_k;
static double temperature = 0.8, top_p = 1, min_p, repeat_penalty = 1;
static bool echo;

static Option options[] = {
    TEXT("model", model_path, "GGUF file of the model"),
    TEXT("prompt", prompt, "text to go on from; without it the model starts a text of its own"),
    INT("max-tokens", max_tokens, 1, 1 << 24, "tokens to write at most"),
    FLOAT("temperature", temperature, 0, 100, "0 takes the most probable token each time"),
    INT("top-k", top_k, 0, 1 << 24, "draw from the k most probable; 0: all"),
    FLOAT("top-p", top_p, 0, 1, "draw from the most probable whose sum reaches p"),
    FLOAT("min-p", min_p, 0, 1, "draw from those of at least min-p times the largest"),
    FLOAT("repeat-penalty", repeat_penalty, 0.01, 100, "divides the logits of tokens that were there"),
    TEXT("stop", stop, "end before this text appears"),
    FLAG("echo", echo, "print the prompt too"),
};

typedef struct Writer {
    const Tokenizer *tokenizer;
    TokenStream tokens;
    char *held; // what may be the beginning of the stop text
    size_t held_size;
    bool stopped;
    const char *reason; // why it ended: "stop", "end", "context", "length" or "interrupt"
    json_t *list;       // with --json: [{id, text, logprob}]
    char *text;
    size_t text_size;
} Writer;

static void put(Writer *w, const char *data, size_t size)
{
    if (!w->list) {
        fwrite(data, 1, size, stdout);
        fflush(stdout);
        return;
    }
    w->text = mem_resize(w->text, w->text_size + size + 1, 1);
    memcpy(w->text + w->text_size, data, size);
    w->text_size += size;
}

// Holds back the longest end that could begin the stop text.
static void write_text(Writer *w, StringView piece)
{
    w->held = mem_resize(w->held, w->held_size + piece.size + 1, 1);
    memcpy(w->held + w->held_size, piece.data, piece.size);
    w->held_size += piece.size;
    size_t length = stop ? strlen(stop) : 0, out = w->held_size;
    if (length) {
        char *found = memmem(w->held, w->held_size, stop, length);
        w->stopped = found != NULL;
        if (found)
            out = w->held_size = (size_t)(found - w->held);
        else
            for (size_t keep = length - 1 < w->held_size ? length - 1 : w->held_size; keep > 0; keep--)
                if (!memcmp(w->held + w->held_size - keep, stop, keep)) {
                    out = w->held_size - keep;
                    break;
                }
    }
    put(w, w->held, out);
    memmove(w->held, w->held + out, w->held_size - out);
    w->held_size -= out;
}

static void write_token(Writer *w, int32_t id, double log_probability)
{
    if (w->list) {
        StringView text = tokenizer_decode(w->tokenizer, id);
        json_t *entry = json_pack("{s:i, s:f}", "id", id, "logprob", log_probability);
        json_t *string = json_stringn(text.data, text.size); // NULL where the token is a part of a character
        json_object_set_new(entry, "text", string ? string : json_null());
        json_array_append_new(w->list, entry);
    }
    write_text(w, token_stream_push(&w->tokens, id));
}

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

static bool write_answer(Generator *g, Writer *w, Sampler *sampler, const TokenList *ids, Error *err)
{
    for (size_t i = 0; i < ids->count; i++) sampler_see(sampler, ids->ids[i]);
    if (!generator_feed(g, ids->ids, (int64_t)ids->count, err)) return false;
    for (int64_t i = 0; i < max_tokens && !w->stopped && !interrupted(); i++) {
        double log_probability;
        int32_t id = sampler_draw(sampler, g->logits, &log_probability);
        if (id == tokenizer_eos(w->tokenizer)) {
            w->reason = "end";
            break;
        }
        write_token(w, id, log_probability);
        if (i + 1 == max_tokens) break;
        if (g->past == g->capacity) {
            w->reason = "context";
            break;
        }
        if (!generator_feed(g, &id, 1, err)) return false;
    }
    if (interrupted()) w->reason = "interrupt";
    if (w->stopped) {
        w->reason = "stop";
    } else {
        write_text(w, token_stream_end(&w->tokens));
        put(w, w->held, w->held_size);
    }
    if (!w->list) putchar('\n');
    if (!w->list && !strcmp(w->reason, "context")) {
        fflush(stdout);
        fprintf(stderr, "lectern generate: the model's context of %lld tokens is full\n", (long long)g->capacity);
    }
    return true;
}

static void print_json(const Writer *w, const TokenList *ids)
{
    json_t *prompt_list = json_array(), *text = json_stringn(w->text ? w->text : "", w->text_size);
    for (size_t i = 0; i < ids->count; i++) json_array_append_new(prompt_list, json_integer(ids->ids[i]));
    json_t *root = json_pack("{s:o, s:o, s:O, s:s}", "prompt_ids", prompt_list, "text", text ? text : json_null(),
                             "tokens", w->list, "ended_by", w->reason);
    json_dumpf(root, stdout, JSON_INDENT(2)), putchar('\n');
    json_decref(root);
}

static bool go(const Invocation *in, Gpu *gpu, Stream *stream, Error *err)
{
    Tokenizer *tokenizer = NULL;
    TokenList ids = { 0 };
    Generator g = { 0 };
    Sampler sampler = { 0 };
    Model *model = model_load(gpu, stream, model_path, false, &tokenizer, err);
    if (!model) return false;
    Writer w = { .tokenizer = tokenizer,
                 .reason = "length",
                 .tokens = { .tokenizer = tokenizer },
                 .list = in->common.json ? json_array() : NULL };
    SamplerOptions o = { temperature, (int)top_k, top_p, min_p, repeat_penalty };
    sampler_open(&sampler, o, tokenizer_vocab_size(tokenizer), (uint64_t)in->common.seed);
    bool ok =
        prompt_ids(tokenizer, &ids, err) && generator_open(&g, model, stream, (int64_t)ids.count + max_tokens, err);
    if (ok && echo && prompt) put(&w, prompt, strlen(prompt));
    ok = ok && write_answer(&g, &w, &sampler, &ids, err);
    if (ok && w.list) print_json(&w, &ids);
    json_decref(w.list);
    token_stream_free(&w.tokens);
    free(w.held);
    free(w.text);
    free(ids.ids);
    sampler_close(&sampler);
    generator_close(&g);
    model_free(model);
    tokenizer_free(tokenizer);
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
