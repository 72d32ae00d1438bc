// Pre-tokenizers: they cut a text into words that no merge crosses. A model's vocabulary names its own.
#pragma once
#include "base/error.h"
#include "base/string_view.h"

typedef struct Splitter Splitter;

// By its name in tokenizer.ggml.pre ("gpt-2"); an error for one that isn't known.
Splitter *splitter_open(StringView name, Error *err);
void splitter_free(Splitter *splitter);

// The words of a text, which put together are the text. A byte that is no UTF-8 is a word of its own.
typedef struct Words {
    const Splitter *splitter;
    const char *text;
    size_t bytes, at, valid_end; // text[at … valid_end) is UTF-8
    void *match;
} Words;

Words words_begin(const Splitter *splitter, const char *text, size_t bytes);
bool words_next(Words *words, StringView *word); // false at the end
void words_end(Words *words);
