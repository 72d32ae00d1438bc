#include "text/tokenizer.h"
#include "text/normalize.h"
#include "text/tokenizer_kind.h"
#include "text/words.h"
#include <stdlib.h>

static const TokenizerKind *const KINDS[] = { &tokenizer_byte_bpe, &tokenizer_sentencepiece, &tokenizer_wordpiece };

// --- Loading ---------------------------------------------------------------------------------------------------------

bool token_error(const Tokenizer *t, Error *err, int32_t id, const char *what)
{
    return error_set(err, "vocabulary: token %d \"%.*s\": %s", id, VIEW_ARGS(t->vocabulary.tokens[id]), what);
}

bool token_is_special(int32_t type)
{
    return type == TOKEN_UNKNOWN || type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED;
}

StringView view_copy(Arena *arena, StringView string)
{
    char *copy = arena_alloc(arena, string.size + 1);
    if (string.size) memcpy(copy, string.data, string.size);
    return (StringView){ copy, string.size };
}

static StringView *copy_views(Arena *arena, const StringView *strings, size_t count)
{
    StringView *copies = ARENA_ARRAY(arena, StringView, count);
    for (size_t i = 0; i < count; i++) copies[i] = view_copy(arena, strings[i]);
    return copies;
}

static void *copy_array(Arena *arena, const void *from, size_t bytes)
{
    return from ? memcpy(arena_alloc(arena, bytes), from, bytes) : NULL;
}

static void copy_vocabulary(Tokenizer *t, const Vocabulary *from)
{
    Vocabulary *v = &t->vocabulary;
    Arena *a = &t->arena;
    *v = *from;
    v->model = view_copy(a, from->model);
    v->pre = view_copy(a, from->pre.size || from->n_patterns || !t->kind->pre ? from->pre : string_view(t->kind->pre));
    v->tokens = copy_views(a, from->tokens, from->n_tokens);
    v->merges = copy_views(a, from->merges, from->n_merges);
    v->patterns = copy_views(a, from->patterns, from->n_patterns);
    v->scores = copy_array(a, from->scores, from->n_tokens * sizeof *from->scores);
    v->flags = copy_array(a, from->flags, from->n_tokens * sizeof *from->flags);
    int32_t *types = ARENA_ARRAY(a, int32_t, from->n_tokens);
    for (size_t i = 0; i < from->n_tokens; i++) types[i] = from->types ? from->types[i] : TOKEN_NORMAL;
    v->types = types;
    const PreTokenizer *named = pre_tokenizer_find(v->pre);
    if (named && t->kind->pre) {
        v->normalize |= named->normalize;
        v->whole_words |= named->whole_words;
    }
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

// Those matched after normalisation are normalised themselves.
static void list_specials(Tokenizer *t)
{
    const Vocabulary *v = &t->vocabulary;
    TextBuffer buffer = { 0 };
    for (int32_t id = 0; id < (int32_t)v->n_tokens; id++) {
        if (!token_is_special(v->types[id])) continue;
        uint32_t flags = v->flags ? v->flags[id] : 0;
        bool later = flags & ADDED_NORMALIZED;
        StringView text = t->texts[id];
        if (later) text = view_copy(&t->arena, text_normalize(v->normalize, text, &buffer));
        specials_add(later ? &t->later : &t->raw, (Special){ text, id, v->types[id] != TOKEN_USER_DEFINED, flags });
    }
    specials_sort(&t->raw);
    specials_sort(&t->later);
    free(buffer.data);
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
    if (check_tokens(t, err) && kind->load(t, err)) {
        list_specials(t);
        return t;
    }
    tokenizer_free(t);
    return NULL;
}

void tokenizer_free(Tokenizer *t)
{
    if (!t) return;
    t->kind->free(t->state);
    string_map_free(&t->ids);
    specials_free(&t->raw);
    specials_free(&t->later);
    arena_free(&t->arena);
    free(t);
}

Vocabulary tokenizer_vocabulary(const Tokenizer *t) { return t->vocabulary; }

// --- Text to ids and back --------------------------------------------------------------------------------------------

typedef struct Encoding {
    const Tokenizer *tokenizer;
    const SpecialChoice *choice;
    TextBuffer *buffer; // of normalised text
    TokenList *out;
} Encoding;

// Gives what lies between the special tokens to `plain`.
static void encode_between(const Encoding *e, const Specials *specials, StringView text,
                           void (*plain)(const Encoding *e, StringView text))
{
    size_t at = 0;
    StringView place;
    for (const Special *s; (s = specials_next(specials, text, at, e->choice, &place));) {
        size_t start = (size_t)(place.data - text.data);
        if (start > at) plain(e, (StringView){ text.data + at, start - at });
        token_push(e->out, s->id);
        at = start + place.size;
    }
    if (text.size > at) plain(e, (StringView){ text.data + at, text.size - at });
}

static void encode_plain(const Encoding *e, StringView text) { e->tokenizer->kind->encode(e->tokenizer, text, e->out); }

static void encode_normalized(const Encoding *e, StringView text)
{
    text = text_normalize(e->tokenizer->vocabulary.normalize, text, e->buffer);
    encode_between(e, &e->tokenizer->later, text, encode_plain);
}

void tokenizer_encode_chosen(const Tokenizer *t, StringView text, const SpecialChoice *choice, TokenList *out)
{
    TextBuffer buffer = { 0 };
    encode_between(&(Encoding){ t, choice, &buffer, out }, &t->raw, text, encode_normalized);
    free(buffer.data);
}

void tokenizer_encode(const Tokenizer *t, const char *text, size_t bytes, bool parse_special, TokenList *out)
{
    tokenizer_encode_chosen(t, (StringView){ text, bytes }, &(SpecialChoice){ .control = parse_special }, out);
}

void tokenizer_encode_whole(const Tokenizer *t, const char *text, size_t bytes, bool parse_special, TokenList *out)
{
    if (tokenizer_adds_bos(t)) token_push(out, t->vocabulary.bos);
    tokenizer_encode(t, text, bytes, parse_special, out);
    if (tokenizer_adds_eos(t)) token_push(out, t->vocabulary.eos);
}

static StringView by_id(const Tokenizer *t, const StringView *texts, int32_t id)
{
    return id >= 0 && id < tokenizer_vocab_size(t) ? texts[id] : (StringView){ "", 0 };
}

StringView tokenizer_decode(const Tokenizer *t, int32_t id) { return by_id(t, t->texts, id); }
StringView tokenizer_piece(const Tokenizer *t, int32_t id) { return by_id(t, t->pieces ? t->pieces : t->texts, id); }

int32_t tokenizer_vocab_size(const Tokenizer *t) { return (int32_t)t->vocabulary.n_tokens; }
int32_t tokenizer_bos(const Tokenizer *t) { return t->vocabulary.bos; }
int32_t tokenizer_eos(const Tokenizer *t) { return t->vocabulary.eos; }
int32_t tokenizer_unknown(const Tokenizer *t) { return t->vocabulary.unk; }
bool tokenizer_adds_bos(const Tokenizer *t) { return t->vocabulary.add_bos && t->vocabulary.bos >= 0; }
bool tokenizer_adds_eos(const Tokenizer *t) { return t->vocabulary.add_eos && t->vocabulary.eos >= 0; }

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

bool tokenizer_same_tokens(const Tokenizer *a, const Tokenizer *b, Error *err)
{
    const Vocabulary *v = &a->vocabulary, *w = &b->vocabulary;
    if (v->n_tokens != w->n_tokens) return error_set(err, "%zu tokens and %zu", v->n_tokens, w->n_tokens);
    for (size_t i = 0; i < v->n_tokens; i++)
        if (!string_view_equal(v->tokens[i], w->tokens[i]))
            return error_set(err, "token %zu is \"%.*s\" and \"%.*s\"", i, VIEW_ARGS(v->tokens[i]),
                             VIEW_ARGS(w->tokens[i]));
    return true;
}
