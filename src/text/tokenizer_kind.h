// Inside the room: what all tokenizers share, and what a kind of them brings. A new kind is one file with one
// TokenizerKind, and one line in tokenizer.c's table.
#pragma once
#include "base/memory.h"
#include "base/string_map.h"
#include "text/tokenizer.h"

typedef struct TokenizerKind {
    const char *model; // tokenizer.ggml.model

    // Checks the rest of the vocabulary, after names, types and ids have been checked and copied: sets t->texts and
    // t->state.
    bool (*load)(Tokenizer *t, const Vocabulary *vocabulary, Error *err);
    // Appends the ids of text that holds no special tokens.
    void (*encode)(const Tokenizer *t, StringView text, TokenList *out);
    void (*free)(void *state);
} TokenizerKind;

extern const TokenizerKind tokenizer_byte_bpe;

struct Tokenizer {
    const TokenizerKind *kind;
    void *state;
    Arena arena; // of all strings and arrays
    Vocabulary vocabulary;
    StringMap ids;     // spelling → id
    StringView *texts; // what each id decodes to
    int32_t *specials; // the ids of tokens matched in the text before the kind's encoder, sorted by spelling
    size_t n_specials;
};

// "token 5 "abc"" in front of a message.
bool token_error(const Tokenizer *t, Error *err, int32_t id, const char *what);

static inline void token_push(TokenList *list, int32_t id)
{
    GROW(list->ids, list->count, list->capacity);
    list->ids[list->count++] = id;
}
