// SentencePiece's BPE (Kudo & Richardson 2018, as Llama 1 and 2, Mistral and Gemma use it): the text with ▁ for each
// space; its characters are the first symbols; of the neighbours that together are a token those with the highest score
// are joined, the leftmost of equals; characters that stay without a token become byte tokens, or else the unknown one.
// There are no words: a merge may cross any space.
#include "base/utf8.h"
#include "text/merge_queue.h"
#include "text/tokenizer_kind.h"
#include <math.h>
#include <stdlib.h>

typedef struct SentencePiece {
    StringMap tokens;      // the text of a normal token → its id
    size_t longest;        // of these texts
    int32_t *ranks;        // by id: 0 for the highest score, the same for equal ones
    int32_t byte_ids[256]; // the unknown token's where there is none; −1: the byte is dropped
    bool has_bytes;
} SentencePiece;

// --- Loading ---------------------------------------------------------------------------------------------------------

// "▁the" → " the"
static StringView with_spaces(Arena *arena, StringView token)
{
    char *out = arena_alloc(arena, token.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < token.size; i++) {
        bool space = i + 3 <= token.size && !memcmp(token.data + i, "\u2581", 3);
        out[size++] = space ? ' ' : token.data[i];
        if (space) i += 2;
    }
    return (StringView){ out, size };
}

// "<0x0A>" → 10; −1 for anything else.
static int byte_of(StringView token)
{
    static const char digits[] = "0123456789ABCDEF";
    if (token.size != 6 || memcmp(token.data, "<0x", 3) != 0 || token.data[5] != '>') return -1;
    const char *high = memchr(digits, token.data[3], 16), *low = memchr(digits, token.data[4], 16);
    return high && low ? (int)(16 * (high - digits) + (low - digits)) : -1;
}

static bool load_token(Tokenizer *t, SentencePiece *sp, int32_t id, Error *err)
{
    const Vocabulary *v = &t->vocabulary;
    if (isnan(v->scores[id])) return token_error(t, err, id, "its score is not a number");
    if (v->types[id] == TOKEN_BYTE) {
        int byte = byte_of(v->tokens[id]);
        if (byte < 0) return token_error(t, err, id, "it is of type byte but not spelt as \"<0x0A>\"");
        sp->byte_ids[byte] = id;
        sp->has_bytes = true;
        t->texts[id] = view_copy(&t->arena, (StringView){ &(char){ (char)byte }, 1 });
        return true;
    }
    t->texts[id] = with_spaces(&t->arena, v->tokens[id]);
    if (v->types[id] != TOKEN_NORMAL) return true;
    if (t->texts[id].size > sp->longest) sp->longest = t->texts[id].size;
    return string_map_add(&sp->tokens, t->texts[id], id) || token_error(t, err, id, "another token has the same text");
}

static int compare_scores(const void *a, const void *b, void *scores)
{
    float x = ((const float *)scores)[*(const int32_t *)a], y = ((const float *)scores)[*(const int32_t *)b];
    return (x < y) - (x > y);
}

static void rank_tokens(SentencePiece *sp, const Vocabulary *v)
{
    int32_t *order = NEW_ARRAY(int32_t, v->n_tokens), n = (int32_t)v->n_tokens;
    sp->ranks = NEW_ARRAY(int32_t, v->n_tokens);
    for (int32_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, v->n_tokens, sizeof *order, compare_scores, (void *)v->scores);
    for (int32_t i = 0, rank = 0; i < n; i++) {
        if (i && v->scores[order[i]] != v->scores[order[i - 1]]) rank = i;
        sp->ranks[order[i]] = rank;
    }
    free(order);
}

static bool sentencepiece_load(Tokenizer *t, Error *err)
{
    const Vocabulary *v = &t->vocabulary;
    SentencePiece *sp = t->state = NEW(SentencePiece);
    if (!v->scores) return error_set(err, "vocabulary: its tokens have no scores");
    for (int i = 0; i < 256; i++) sp->byte_ids[i] = v->unk;
    t->texts = ARENA_ARRAY(&t->arena, StringView, v->n_tokens);
    for (int32_t id = 0; id < (int32_t)v->n_tokens; id++)
        if (!load_token(t, sp, id, err)) return false;
    rank_tokens(sp, v);
    t->leading_space = v->space_prefix;
    return true;
}

static void sentencepiece_free(void *state)
{
    SentencePiece *sp = state;
    if (!sp) return;
    string_map_free(&sp->tokens);
    free(sp->ranks);
    free(sp);
}

// --- Encoding --------------------------------------------------------------------------------------------------------

static int32_t find_token(const SentencePiece *sp, StringView text)
{
    const int64_t *id = text.size <= sp->longest ? string_map_find(&sp->tokens, text) : NULL;
    return id ? (int32_t)*id : -1;
}

static Join find_join(const void *state, const Symbol *left, const Symbol *right)
{
    const SentencePiece *sp = state;
    StringView both = { left->text.data, left->text.size + right->text.size }; // neighbours in the text
    int32_t id = find_token(sp, both);
    return (Join){ id < 0 ? -1 : sp->ranks[id], id };
}

// A character without a token: its bytes, or one unknown token.
static void push_symbol(const SentencePiece *sp, const Symbol *symbol, int32_t unknown, TokenList *out)
{
    if (symbol->id >= 0) {
        token_push(out, symbol->id);
        return;
    }
    for (size_t i = 0; sp->has_bytes && i < symbol->text.size; i++) {
        int32_t id = sp->byte_ids[(uint8_t)symbol->text.data[i]];
        if (id >= 0) token_push(out, id);
    }
    if (!sp->has_bytes && unknown >= 0) token_push(out, unknown);
}

static void sentencepiece_encode(const Tokenizer *t, StringView text, TokenList *out)
{
    const SentencePiece *sp = t->state;
    MergeQueue queue = { .find = find_join, .state = sp };
    Arena arena = { 0 };
    if (t->vocabulary.space_prefix) {
        char *copy = arena_alloc(&arena, text.size + 2);
        copy[0] = ' ';
        memcpy(copy + 1, text.data, text.size);
        text = (StringView){ copy, text.size + 1 };
    }
    text = with_spaces(&arena, text); // a ▁ of the user's is a space too
    for (size_t at = 0, size; at < text.size; at += size) {
        int length = utf8_length(text.data + at, text.size - at);
        size = length > 0 ? (size_t)length : 1;
        StringView character = { text.data + at, size };
        merge_queue_add(&queue, character, find_token(sp, character));
    }
    merge_queue_run(&queue);
    for (ptrdiff_t i = 0; i >= 0; i = queue.symbols[i].next) push_symbol(sp, &queue.symbols[i], t->vocabulary.unk, out);
    merge_queue_free(&queue);
    arena_free(&arena);
}

const TokenizerKind tokenizer_sentencepiece = { "llama", NULL, sentencepiece_load, sentencepiece_encode,
                                                sentencepiece_free };
