// Inside the room: what all tokenizers share, and what a kind of them brings. A new kind is one file with one
// TokenizerKind, and one line in tokenizer.c's table.
#pragma once
#include "base/memory.h"
#include "base/string_map.h"
#include "text/specials.h"
#include "text/tokenizer.h"

typedef struct TokenizerKind {
    const char *model; // tokenizer.ggml.model
    const char *pre;   // the pre-tokenizer of a vocabulary that names none; NULL: the kind knows none by name

    // Checks the rest of the vocabulary, after names, types and ids have been checked and copied: sets t->texts,
    // t->state, and where they differ from the texts t->pieces. `t` is freed by the caller when it fails.
    bool (*load)(Tokenizer *t, Error *err);
    // Appends the ids of text that holds no special tokens, after normalisation.
    void (*encode)(const Tokenizer *t, StringView text, TokenList *out);
    void (*free)(void *state);
} TokenizerKind;

extern const TokenizerKind tokenizer_byte_bpe, tokenizer_sentencepiece, tokenizer_wordpiece;

struct Tokenizer {
    const TokenizerKind *kind;
    void *state;
    Arena arena; // of all strings and arrays
    Vocabulary vocabulary;
    StringMap ids;       // spelling → id
    StringView *texts;   // what each id decodes to
    StringView *pieces;  // how a person reads it, or NULL: the texts
    bool leading_space;  // the first text begins with a space that isn't the user's
    Specials raw, later; // matched in the text as it is, and in what normalisation leaves
};

// "token 5 "abc"" in front of a message.
bool token_error(const Tokenizer *t, Error *err, int32_t id, const char *what);
bool token_is_special(int32_t type); // matched in the text before the kind's encoder

// tokenizer_encode with a choice of the special tokens.
void tokenizer_encode_chosen(const Tokenizer *t, StringView text, const SpecialChoice *choice, TokenList *out);

StringView view_copy(Arena *arena, StringView string);

static inline void token_push(TokenList *list, int32_t id)
{
    GROW(list->ids, list->count, list->capacity);
    list->ids[list->count++] = id;
}
