#include "base/assets.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "models/embedder.h"
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Lines are read, embedded and printed a window at a time: enough of them that texts of like length find each other.
enum { WINDOW_LINES = 256, WINDOW_TOKENS = 1 << 15 };

static const char *model_path;

static Option options[] = {
    PATH("model", model_path, "MODEL", "folder of the model, its safetensors file, or a GGUF file"),
};

typedef struct Run {
    const Invocation *in;
    Embedder embedder;
    char *text; // of the line, and its memory
    size_t capacity;
    size_t number, printed; // lines read and printed
    TokenList *ids;         // of the window's lines
    size_t *tokens;         // of each, before it was cut
    float *vectors;
    Progress progress;
} Run;

// ---- Reading ---------------------------------------------------------------------------------------------------------

static void warn(Run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(Run *run, const char *format, ...)
{
    va_list list;
    progress_clear(&run->progress);
    fprintf(stderr, "lectern embed: line %zu: ", run->number);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

static bool is_utf8(StringView text)
{
    for (size_t at = 0; at < text.size;) {
        int length = utf8_length(text.data + at, text.size - at);
        if (length <= 0) return false;
        at += (size_t)length;
    }
    return true;
}

static void encode(Run *run, StringView text, size_t slot)
{
    TokenList *ids = &run->ids[slot];
    ids->count = 0;
    if (!is_utf8(text)) warn(run, "bytes that are no UTF-8 are left out");
    run->tokens[slot] = embedder_encode(&run->embedder, text.data, text.size, ids);
    if (run->tokens[slot] > ids->count)
        warn(run, "%zu tokens are cut to the model's %zu", run->tokens[slot], ids->count);
}

static bool encode_line(Run *run, StringView line, size_t slot, Error *err)
{
    if (!run->in->common.json) return encode(run, line, slot), true;
    json_t *string = json_loadb(line.data, line.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool ok = json_is_string(string) || error_set(err, "line %zu: it is no JSON string", run->number);
    if (ok) encode(run, (StringView){ json_string_value(string), json_string_length(string) }, slot);
    json_decref(string);
    return ok;
}

// The next lines: a window full, what is left, or at a terminal one.
static bool read_window(Run *run, size_t *n, Error *err)
{
    size_t most = isatty(STDIN_FILENO) ? 1 : WINDOW_LINES, tokens = 0;
    bool ok = true;
    *n = 0;
    while (ok && *n < most && tokens < WINDOW_TOKENS && !interrupted()) {
        errno = 0;
        ssize_t size = getline(&run->text, &run->capacity, stdin);
        if (size < 0) break;
        run->number++;
        if (size && run->text[size - 1] == '\n') size--;
        ok = encode_line(run, (StringView){ run->text, (size_t)size }, *n, err);
        if (ok) tokens += run->ids[(*n)++].count;
    }
    if (ok && ferror(stdin) && !interrupted()) ok = error_set(err, "standard input: %s", strerror(errno));
    return ok;
}

// ---- Printing --------------------------------------------------------------------------------------------------------

static void print_vector(const float *x, int n)
{
    for (int i = 0; i < n; i++) printf("%s%.9g", i ? ", " : "[", (double)x[i]); // 9 digits give the same float back
    putchar(']');
}

static bool print_window(Run *run, size_t n, Error *err)
{
    int C = run->embedder.model->config.d_model;
    progress_clear(&run->progress);
    for (size_t i = 0; i < n; i++) {
        const float *x = run->vectors + i * (size_t)C;
        if (run->in->common.json)
            printf("{\"tokens\": %zu, \"cut\": %s, \"embedding\": ", run->tokens[i],
                   run->tokens[i] > run->ids[i].count ? "true" : "false");
        print_vector(x, C);
        puts(run->in->common.json ? "}" : "");
    }
    run->printed += n;
    return (fflush(stdout) == 0 && !ferror(stdout)) || error_set(err, "standard output: %s", strerror(errno));
}

// ---- All of it -------------------------------------------------------------------------------------------------------

// Lines before one that can't be read are printed still.
static bool embed_lines(Run *run, Error *err)
{
    size_t n;
    bool ok = true;
    do {
        bool read = read_window(run, &n, err);
        ok = n == 0 ||
             (embedder_run(&run->embedder, run->ids, (int64_t)n, run->vectors, err) && print_window(run, n, err));
        ok = ok && read;
        progress_update(&run->progress, run->printed, NULL);
    } while (ok && n > 0);
    if (!interrupted()) return ok;
    *err = (Error){ "" };
    return error_set(err, "stopped after line %zu", run->printed);
}

static bool go(const Invocation *in, Gpu *gpu, Stream *stream, Error *err)
{
    Tokenizer *tokenizer = NULL;
    EmbedderSettings settings;
    Run run = { .in = in };
    char *path = asset_find(model_path, err); // the settings are those of the model that is loaded
    Model *model = path ? model_load(gpu, stream, path, false, &tokenizer, err) : NULL;
    bool ok = model && embedder_settings(path, model->family, &model->config, &settings, err) &&
              (embedder_open(&run.embedder, model, tokenizer, stream, settings, err) || error_prefix(err, "%s", path));
    if (ok) {
        run.embedder.stopped = interrupted;
        run.ids = NEW_ARRAY(TokenList, WINDOW_LINES);
        run.tokens = NEW_ARRAY(size_t, WINDOW_LINES);
        run.vectors = NEW_ARRAY(float, (size_t)WINDOW_LINES *(size_t)model->config.d_model);
        progress_begin(&run.progress, "embed", 0, "lines");
        ok = embed_lines(&run, err);
        progress_end(&run.progress);
        for (size_t i = 0; i < WINDOW_LINES; i++) free(run.ids[i].ids);
        embedder_close(&run.embedder);
    }
    free(run.ids);
    free(run.tokens);
    free(run.vectors);
    free(run.text);
    free(path);
    model_free(model);
    tokenizer_free(tokenizer);
    return ok;
}

static void more_help(const Invocation *in, FILE *out)
{
    (void)in;
    fprintf(out,
            "\nEach line of standard input becomes one line of standard output, in the same order: a JSON list of\n"
            "floats, as sentence-transformers gives it for that folder: pooled as its files say, of length 1 where\n"
            "they have a Normalize. From a GGUF file all have length 1. An empty line is a text without words. A\n"
            "text of more tokens than the model takes (max_seq_length) is cut, bytes that are no UTF-8 are left\n"
            "out, and standard error says of which line. Up to %d lines are read before the first is printed; at\n"
            "a terminal each by itself.\n"
            "With --json each line is a JSON string, which may hold line breaks, and becomes an object with its\n"
            "tokens and whether it was cut beside the embedding.\n",
            WINDOW_LINES);
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

const Command command_embed = {
    .name = "embed",
    .summary = "texts to vectors, line by line",
    .usage = "usage: lectern embed --model MODEL [--json] < LINES\n"
             "example: echo \"a cute teddy\" | lectern embed --model \"$(lectern fetch minilm)\"",
    .on_device = true,
    OPTIONS(options),
    .more_help = more_help,
    .run = run
};
