#include "stage/reader.h"
#include "base/assets.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Heard {
    char name[96];
    Tensor *tensor;
} Heard;

typedef struct Heards {
    Heard *list;
    int count, capacity;
} Heards;

bool reader_open(Reader *reader, Stage *stage, const char *model, Error *err)
{
    if (!(stage->stream = stream_open(stage->gpu, err))) return false;
    reader->tape = tape_open(stage->stream);
    char *path = asset_find(model, err);
    if (!path) return false;
    reader->model = model_load(stage->gpu, stage->stream, path, false, &reader->tokenizer, err);
    free(path);
    if (reader->model && reader->model->family->encoder)
        return error_set(err, "%s: %s writes no text; the lectures read what comes next", model,
                         reader->model->family->arch);
    return reader->model != NULL;
}

void reader_close(Reader *reader)
{
    if (reader->tape) {
        Stream *stream = reader->tape->stream;
        stream_wait(stream, NULL); // a step may have failed with work under way
        tape_close(reader->tape);
        model_free(reader->model);
        stream_close(stream);
    }
    if (reader->tokenizer) tokenizer_free(reader->tokenizer);
    arena_free(&reader->arena);
    *reader = (Reader){ 0 };
}

// The character at the first token that stands for bytes which the vocabulary cannot spell.
static bool no_unknown(const Tokenizer *tokenizer, const char *name, const char *text, const TokenList *ids, Error *err)
{
    size_t at = 0, i = 0;
    while (i < ids->count && ids->ids[i] != tokenizer_unknown(tokenizer))
        at += tokenizer_decode(tokenizer, ids->ids[i++]).size;
    if (i == ids->count) return true;
    if (at >= strlen(text)) at = 0;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80) at--; // a character's own first bytes may be tokens
    int length = utf8_length(text + at, strlen(text + at));
    return error_set(err,
                     "%s: the model's vocabulary has no \"%.*s\" (byte %zu); leave it out, or take another --model",
                     name, length > 0 ? length : 1, text + at, at + 1);
}

static bool split(Reader *reader, const char *name, const char *text, TokenList *ids, Error *err)
{
    if (!*text) return error_set(err, "%s: it is empty; give a sentence", name);
    tokenizer_encode(reader->tokenizer, text, strlen(text), false, ids);
    if (!no_unknown(reader->tokenizer, name, text, ids, err)) return false;
    int most = reader->model->config.seq_len;
    if (ids->count <= (size_t)most) return true;
    return error_set(err, "%s: it has %zu tokens, but the model's context is %d; give a shorter one", name, ids->count,
                     most);
}

static void hear(void *context, Tape *t, const char *name, Tensor *x)
{
    (void)t;
    Heards *heards = context;
    GROW(heards->list, heards->count, heards->capacity);
    Heard *heard = &heards->list[heards->count++];
    snprintf(heard->name, sizeof heard->name, "%s", name);
    heard->tensor = x;
}

static Tensor *ids_tensor(Tape *t, const int32_t *ids, int n)
{
    Tensor *x = tape_tensor(t, I32, SHAPE(1, n));
    tensor_write_ids(t->stream, x, ids);
    return x;
}

static bool run_model(Reader *reader, Reading *reading, Error *err)
{
    Tape *t = reader->tape;
    int32_t *positions = NEW_ARRAY(int32_t, reading->n);
    for (int i = 0; i < reading->n; i++) positions[i] = i;
    Heards heards = { 0 };
    Place place = { .pos = ids_tensor(t, positions, reading->n) };
    t->train = true; // keeps what each layer made, where inference would use its memory again
    tape_listen(t, "*", hear, &heards);
    probe(t, "logits", model_logits(t, reader->model, ids_tensor(t, reading->ids, reading->n), &place));
    tape_listen(t, NULL, NULL, NULL);
    t->train = false;
    free(positions);
    Heard *kept = ARENA_ARRAY(&reader->arena, Heard, heards.count);
    memcpy(kept, heards.list, (size_t)heards.count * sizeof *kept);
    reading->heard = kept;
    reading->n_heard = heards.count;
    free(heards.list);
    return stream_wait(t->stream, err);
}

bool reader_read(Reader *reader, const char *name, const char *text, Reading *reading, Error *err)
{
    TokenList list = { 0 };
    bool ok = split(reader, name, text, &list, err);
    if (ok) {
        int n = (int)list.count;
        int32_t *ids = ARENA_ARRAY(&reader->arena, int32_t, n);
        const char **words = ARENA_ARRAY(&reader->arena, const char *, n);
        for (int i = 0; i < n; i++) {
            StringView word = tokenizer_decode(reader->tokenizer, ids[i] = list.ids[i]);
            words[i] = arena_format(&reader->arena, "%.*s", (int)word.size, word.data);
        }
        *reading = (Reading){ .n = n, .ids = ids, .words = words };
        ok = run_model(reader, reading, err);
    }
    free(list.ids);
    return ok;
}

Tensor *reading_tensor(const Reading *reading, const char *format, ...)
{
    char name[96];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    for (int i = 0; i < reading->n_heard; i++)
        if (!strcmp(reading->heard[i].name, name)) return reading->heard[i].tensor;
    FATAL("reading_tensor: the model has no %s", name);
}
