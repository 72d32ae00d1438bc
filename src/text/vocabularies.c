// The vocabularies that need no training: bytes, and the characters of a text.
#include "base/utf8.h"
#include "text/vocabulary_builder.h"
#include <stdlib.h>

Tokenizer *tokenizer_byte(void)
{
    VocabularyBuilder b = { 0 };
    for (int i = 0; i < 256; i++) builder_token(&b, (StringView){ &(char){ (char)i }, 1 });
    return builder_finish(&b, false);
}

// --- Characters ------------------------------------------------------------------------------------------------------

typedef struct Pieces { // different strings
    StringMap known;
    StringView *list;
    size_t count, capacity;
} Pieces;

static void add_piece(Pieces *pieces, StringView piece)
{
    if (!string_map_add(&pieces->known, piece, 0)) return;
    GROW(pieces->list, pieces->count, pieces->capacity);
    pieces->list[pieces->count++] = piece;
}

static void free_pieces(Pieces *pieces)
{
    string_map_free(&pieces->known);
    free(pieces->list);
}

static bool is_stray_byte(StringView character) { return utf8_length(character.data, character.size) < 1; }

// In code point order, which for UTF-8 is memcmp's, and stray bytes last.
static int compare_characters(const void *a, const void *b)
{
    const StringView *x = a, *y = b;
    int stray = is_stray_byte(*x) - is_stray_byte(*y);
    return stray ? stray : string_view_compare(*x, *y);
}

static int compare_bytes(const void *a, const void *b)
{
    return string_view_compare(*(const StringView *)a, *(const StringView *)b);
}

static void sort_pieces(Pieces *pieces, int (*compare)(const void *a, const void *b))
{
    if (pieces->count) qsort(pieces->list, pieces->count, sizeof *pieces->list, compare);
}

Tokenizer *tokenizer_char(const char *text, size_t bytes)
{
    VocabularyBuilder b = { 0 };
    Pieces characters = { 0 }, pieces = { 0 };
    for (size_t at = 0, size; at < bytes; at += size) {
        int length = utf8_length(text + at, bytes - at);
        size = length > 0 ? (size_t)length : 1;
        add_piece(&characters, (StringView){ text + at, size });
    }
    sort_pieces(&characters, compare_characters);
    for (size_t i = 0; i < characters.count; i++) {
        StringView character = characters.list[i];
        builder_token(&b, character);
        for (size_t j = 1; character.size > 1 && j <= character.size; j++) { // é: C3, C3 A9 and A9
            add_piece(&pieces, (StringView){ character.data, j });
            add_piece(&pieces, (StringView){ character.data + j - 1, 1 });
        }
    }
    sort_pieces(&pieces, compare_bytes); // a piece comes after its own beginning: a merge's left part is made before it
    for (size_t i = 0; i < pieces.count; i++) {
        StringView piece = pieces.list[i], head = { piece.data, piece.size - 1 };
        if (!string_map_find(&characters.known, piece)) builder_token(&b, piece);
        if (piece.size > 1) builder_merge(&b, head, (StringView){ piece.data + head.size, 1 });
    }
    free_pieces(&characters);
    free_pieces(&pieces);
    return builder_finish(&b, true);
}
