// Inside the room: puts a byte-level BPE vocabulary together from bytes, and loads it as if it came from a file.
#pragma once
#include "text/tokenizer_kind.h"

#define END_OF_TEXT "<|endoftext|>" // GPT-2's only special token

typedef struct VocabularyBuilder {
    Arena arena;
    StringView *tokens, *merges;
    size_t n_tokens, n_merges, tokens_capacity, merges_capacity;
} VocabularyBuilder; // {0} is empty

void builder_token(VocabularyBuilder *b, StringView bytes);
void builder_merge(VocabularyBuilder *b, StringView left, StringView right);
// Adds <unk> where it is wanted, and <|endoftext|> as bos and eos; frees the builder.
Tokenizer *builder_finish(VocabularyBuilder *b, bool with_unknown);
void builder_free(VocabularyBuilder *b);
