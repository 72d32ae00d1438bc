#include "text/vocabulary_builder.h"
#include "text/byte_alphabet.h"
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
