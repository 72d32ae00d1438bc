#include "text/tokenizer.h"
#include "base/utf8.h"
#include "text/tokenizer_kind.h"
#include <stdlib.h>

static const TokenizerKind *const KINDS[] = { &tokenizer_byte_bpe };

// --- Loading ---------------------------------------------------------------------------------------------------------

bool token_error(const Tokenizer *t, Error *err, int32_t id, const char *what)
{
    return error_set(err, "vocabulary: token %d \"%.*s\": %s", id, VIEW_ARGS(t->vocabulary.tokens[id]), what);
}

static StringView copy_string(Arena *arena, StringView string)
{
    char *copy = arena_alloc(arena, string.size + 1);
    if (string.size) memcpy(copy, string.data, string.size);
    return (StringView){ copy, string.size };
}

static StringView *copy_strings(Arena *arena, const StringView *strings, size_t count)
{
    StringView *copies = ARENA_ARRAY(arena, StringView, count);
    for (size_t i = 0; i < count; i++) copies[i] = copy_string(arena, strings[i]);
    return copies;
}

static void copy_vocabulary(Tokenizer *t, const Vocabulary *from)
{
    Vocabulary *v = &t->vocabulary;
    int32_t *types = ARENA_ARRAY(&t->arena, int32_t, from->n_tokens);
    for (size_t i = 0; i < from->n_tokens; i++) types[i] = from->types ? from->types[i] : TOKEN_NORMAL;
    *v = *from;
    v->model = copy_string(&t->arena, from->model);
    v->pre = copy_string(&t->arena, from->pre);
    v->tokens = copy_strings(&t->arena, from->tokens, from->n_tokens);
    v->merges = copy_strings(&t->arena, from->merges, from->n_merges);
    v->types = types;
}

static bool is_special(int32_t type)
{
    return type == TOKEN_UNKNOWN || type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED;
}

static bool check_tokens(Tokenizer *t, Error *err)
{
    const Vocabulary *v = &t->vocabulary;
    for (int32_t id = 0; id < (int32_t)v->n_tokens; id++) {
        if (v->tokens[id].size == 0) return token_error(t, err, id, "it is empty");
        if (v->types[id] < TOKEN_NORMAL || v->types[id] > TOKEN_BYTE)
            return token_error(t, err, id, "its type is none of 1 to 6");
        if (!string_map_add(&t->ids, v->tokens[id], id))
            return token_error(t, err, id, "another token is spelt the same");
        t->n_specials += is_special(v->types[id]);
    }
    const struct {
        const char *name;
        int32_t id;
    } ids[] = { { "bos", v->bos }, { "eos", v->eos }, { "unknown", v->unk } };
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if (ids[i].id < -1 || ids[i].id >= (int32_t)v->n_tokens)
            return error_set(err, "vocabulary: the %s token's id is %d, but there are %zu tokens", ids[i].name,
                             ids[i].id, v->n_tokens);
    return true;
}

static int compare_specials(const void *a, const void *b, void *tokens)
{
    return string_view_compare(((const StringView *)tokens)[*(const int32_t *)a],
                               ((const StringView *)tokens)[*(const int32_t *)b]);
}

static void list_specials(Tokenizer *t)
{
    size_t count = 0;
    t->specials = ARENA_ARRAY(&t->arena, int32_t, t->n_specials);
    for (int32_t id = 0; id < (int32_t)t->vocabulary.n_tokens; id++)
        if (is_special(t->vocabulary.types[id])) t->specials[count++] = id;
    if (count) qsort_r(t->specials, count, sizeof *t->specials, compare_specials, (void *)t->vocabulary.tokens);
}

Tokenizer *tokenizer_load(const Vocabulary *vocabulary, Error *err)
{
    const TokenizerKind *kind = NULL;
    for (size_t i = 0; i < COUNT_OF(KINDS); i++)
        if (string_view_equal(vocabulary->model, string_view(KINDS[i]->model))) kind = KINDS[i];
    if (!kind) {
        error_set(err, "vocabulary: tokenizer model \"%.*s\" is not known here", VIEW_ARGS(vocabulary->model));
        return NULL;
    }
    if (vocabulary->n_tokens == 0 || vocabulary->n_tokens > INT32_MAX || vocabulary->n_merges > INT32_MAX) {
        error_set(err, "vocabulary: %zu tokens and %zu merges", vocabulary->n_tokens, vocabulary->n_merges);
        return NULL;
    }
    Tokenizer *t = NEW(Tokenizer);
    t->kind = kind;
    copy_vocabulary(t, vocabulary);
    if (check_tokens(t, err)) {
        list_specials(t);
        if (kind->load(t, vocabulary, err)) return t;
    }
    tokenizer_free(t);
    return NULL;
}

void tokenizer_free(Tokenizer *t)
{
    if (!t) return;
    t->kind->free(t->state);
    string_map_free(&t->ids);
    arena_free(&t->arena);
    free(t);
}

Vocabulary tokenizer_vocabulary(const Tokenizer *t) { return t->vocabulary; }

// --- Text to ids and back --------------------------------------------------------------------------------------------

// How many of the sorted specials [low, high), which share their first `depth` bytes, have a byte there below `limit`.
static size_t split_specials(const Tokenizer *t, size_t low, size_t high, size_t depth, int limit)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint8_t)t->vocabulary.tokens[t->specials[middle]].data[depth] < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The longest special token that the text begins with; −1 when there is none.
static int32_t match_special(const Tokenizer *t, StringView text, bool parse_special)
{
    int32_t best = -1;
    size_t low = 0, high = t->n_specials;
    for (size_t depth = 0; low < high; depth++) {
        int32_t first = t->specials[low]; // the only one that can end here sorts before those that go on
        if (t->vocabulary.tokens[first].size == depth) {
            if (parse_special || t->vocabulary.types[first] == TOKEN_USER_DEFINED) best = first;
            low++;
        }
        if (depth == text.size) break;
        int byte = (uint8_t)text.data[depth];
        low = split_specials(t, low, high, depth, byte);
        high = split_specials(t, low, high, depth, byte + 1);
    }
    return best;
}

void tokenizer_encode(const Tokenizer *t, const char *text, size_t bytes, bool parse_special, TokenList *out)
{
    bool starts[256] = { false };
    for (size_t i = 0; i < t->n_specials; i++) starts[(uint8_t)t->vocabulary.tokens[t->specials[i]].data[0]] = true;
    size_t plain = 0; // where the text since the last special token starts
    for (size_t at = 0; at < bytes;) {
        int32_t id =
            starts[(uint8_t)text[at]] ? match_special(t, (StringView){ text + at, bytes - at }, parse_special) : -1;
        if (id < 0) {
            at++;
            continue;
        }
        t->kind->encode(t, (StringView){ text + plain, at - plain }, out);
        token_push(out, id);
        plain = at += t->vocabulary.tokens[id].size;
    }
    if (bytes > plain) t->kind->encode(t, (StringView){ text + plain, bytes - plain }, out);
}

StringView tokenizer_decode(const Tokenizer *t, int32_t id)
{
    return id >= 0 && id < tokenizer_vocab_size(t) ? t->texts[id] : (StringView){ "", 0 };
}

int32_t tokenizer_vocab_size(const Tokenizer *t) { return (int32_t)t->vocabulary.n_tokens; }
int32_t tokenizer_bos(const Tokenizer *t) { return t->vocabulary.bos; }
int32_t tokenizer_eos(const Tokenizer *t) { return t->vocabulary.eos; }
int32_t tokenizer_unknown(const Tokenizer *t) { return t->vocabulary.unk; }

TokenType tokenizer_type(const Tokenizer *t, int32_t id)
{
    CHECK(id >= 0 && id < tokenizer_vocab_size(t), "tokenizer_type: id %d of %d", id, tokenizer_vocab_size(t));
    return (TokenType)t->vocabulary.types[id];
}

int32_t tokenizer_find(const Tokenizer *t, const char *token)
{
    const int64_t *id = string_map_find(&t->ids, string_view(token));
    return id ? (int32_t)*id : -1;
}

// --- Streaming -------------------------------------------------------------------------------------------------------

static StringView give(TokenStream *stream, size_t bytes)
{
    stream->given = bytes;
    return (StringView){ stream->buffer ? stream->buffer : "", bytes };
}

static void drop_given(TokenStream *stream)
{
    stream->size -= stream->given;
    if (stream->size) memmove(stream->buffer, stream->buffer + stream->given, stream->size);
    stream->given = 0;
}

StringView token_stream_push(TokenStream *stream, int32_t id)
{
    StringView text = tokenizer_decode(stream->tokenizer, id);
    drop_given(stream);
    if (stream->size + text.size > stream->capacity) {
        stream->capacity = 2 * (stream->size + text.size);
        stream->buffer = mem_resize(stream->buffer, stream->capacity, 1);
    }
    if (text.size) memcpy(stream->buffer + stream->size, text.data, text.size);
    stream->size += text.size;
    size_t at = 0;
    for (int length; at < stream->size; at += length ? (size_t)length : 1)
        if ((length = utf8_length(stream->buffer + at, stream->size - at)) < 0) break;
    return give(stream, at);
}

StringView token_stream_end(TokenStream *stream)
{
    drop_given(stream);
    return give(stream, stream->size);
}

void token_stream_free(TokenStream *stream)
{
    free(stream->buffer);
    *stream = (TokenStream){ 0 };
}
