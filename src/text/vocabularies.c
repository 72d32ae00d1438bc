// The vocabularies that need no training: bytes, and the characters of a text.
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer_kind.h"
#include "text/vocabulary_builder.h"
#include <stdlib.h>

void builder_token(VocabularyBuilder *b, StringView bytes)
{
    GROW(b->tokens, b->n_tokens, b->tokens_capacity);
    b->tokens[b->n_tokens++] = alphabet_spell(bytes, &b->arena);
}

void builder_merge(VocabularyBuilder *b, StringView left, StringView right)
{
    StringView l = alphabet_spell(left, &b->arena), r = alphabet_spell(right, &b->arena);
    GROW(b->merges, b->n_merges, b->merges_capacity);
    char *merge = arena_format(&b->arena, "%.*s %.*s", (int)l.size, l.data, (int)r.size, r.data);
    b->merges[b->n_merges++] = (StringView){ merge, l.size + 1 + r.size };
}

Tokenizer *builder_finish(VocabularyBuilder *b, bool with_unknown)
{
    size_t n = b->n_tokens;
    if (with_unknown) builder_token(b, string_view("<unk>"));
    builder_token(b, string_view(END_OF_TEXT));
    int32_t *types = NEW_ARRAY(int32_t, b->n_tokens);
    for (size_t i = 0; i < b->n_tokens; i++) types[i] = i < n ? TOKEN_NORMAL : TOKEN_CONTROL;
    if (with_unknown) types[n] = TOKEN_UNKNOWN;
    int32_t end = (int32_t)b->n_tokens - 1;
    Vocabulary vocabulary = {
        .model = string_view("gpt2"),
        .pre = string_view("gpt-2"),
        .n_tokens = b->n_tokens,
        .tokens = b->tokens,
        .types = types,
        .n_merges = b->n_merges,
        .merges = b->merges,
        .bos = end,
        .eos = end,
        .unk = with_unknown ? (int32_t)n : -1,
    };
    Error err = { "" };
    Tokenizer *t = tokenizer_load(&vocabulary, &err);
    CHECK(t, "a vocabulary made here doesn't load: %s", err.message);
    free(types);
    builder_free(b);
    return t;
}

void builder_free(VocabularyBuilder *b)
{
    free(b->tokens);
    free(b->merges);
    arena_free(&b->arena);
    *b = (VocabularyBuilder){ 0 };
}

Tokenizer *tokenizer_byte(void)
{
    VocabularyBuilder b = { 0 };
    for (int i = 0; i < 256; i++) builder_token(&b, (StringView){ &(char){ (char)i }, 1 });
    return builder_finish(&b, false);
}

// --- Characters ------------------------------------------------------------------------------------------------------

enum { CODE_POINTS = 0x110000 };

static int compare_pieces(const void *a, const void *b)
{
    return string_view_compare(*(const StringView *)a, *(const StringView *)b);
}

// Marks the code points that occur, and behind them the bytes that are no UTF-8.
static uint8_t *find_characters(const char *text, size_t bytes)
{
    uint8_t *seen = NEW_ARRAY(uint8_t, CODE_POINTS + 256);
    for (size_t at = 0; at < bytes;) {
        int length = utf8_length(text + at, bytes - at);
        seen[length > 0 ? utf8_code_point(text + at, length) : CODE_POINTS + (uint32_t)(uint8_t)text[at]] = 1;
        at += length > 0 ? (size_t)length : 1;
    }
    return seen;
}

typedef struct Pieces {
    StringMap known;
    StringView *list; // what multi-byte characters are built from, and those themselves
    size_t count, capacity;
} Pieces;

static void add_piece(Pieces *pieces, StringView piece)
{
    if (!string_map_add(&pieces->known, piece, 0)) return;
    GROW(pieces->list, pieces->count, pieces->capacity);
    pieces->list[pieces->count++] = piece;
}

Tokenizer *tokenizer_char(const char *text, size_t bytes)
{
    VocabularyBuilder b = { 0 };
    Pieces pieces = { 0 };
    StringMap characters = { 0 };
    uint8_t *seen = find_characters(text, bytes);
    for (uint32_t code = 0; code < CODE_POINTS + 256; code++) {
        if (!seen[code]) continue;
        char *spelling = arena_alloc(&b.arena, 4);
        size_t length = 1;
        if (code < CODE_POINTS)
            length = (size_t)utf8_write(code, spelling);
        else
            spelling[0] = (char)(code - CODE_POINTS);
        StringView character = { spelling, length };
        string_map_add(&characters, character, 0);
        builder_token(&b, character);
        for (size_t i = 1; length > 1 && i <= length; i++) { // é: C3, C3 A9 and A9
            add_piece(&pieces, (StringView){ spelling, i });
            add_piece(&pieces, (StringView){ spelling + i - 1, 1 });
        }
    }
    // In memcmp's order a piece comes after its own beginning: a merge's left part is made before it.
    if (pieces.count) qsort(pieces.list, pieces.count, sizeof *pieces.list, compare_pieces);
    for (size_t i = 0; i < pieces.count; i++) {
        StringView piece = pieces.list[i], head = { piece.data, piece.size - 1 };
        if (!string_map_find(&characters, piece)) builder_token(&b, piece);
        if (piece.size > 1) builder_merge(&b, head, (StringView){ piece.data + head.size, 1 });
    }
    free(seen);
    free(pieces.list);
    string_map_free(&pieces.known);
    string_map_free(&characters);
    return builder_finish(&b, true);
}
