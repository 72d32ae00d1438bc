// Pre-tokenizers: they cut a text into words that no merge crosses. A model's vocabulary names its own, or brings its
// patterns.
#pragma once
#include "base/error.h"
#include "base/string_view.h"
#include <stdint.h>

enum { MAX_PATTERNS = 4 };

// Each pattern in turn cuts the pieces that the ones before it left: what it matches is a piece of its own, and so is
// what lies between two matches. They are written as tokenizer.json writes them.
typedef struct PreTokenizer {
    const char *name; // in tokenizer.ggml.pre
    const char *patterns[MAX_PATTERNS];
    uint32_t normalize; // a set of Normalize, before the cutting
    bool whole_words;   // a word that is a token is not built by merges
} PreTokenizer;

const PreTokenizer *pre_tokenizer_find(StringView name); // NULL for one that isn't known

// The first with these patterns and rules, NULL for none: so that what a tokenizer.json spells out gets its name.
const PreTokenizer *pre_tokenizer_match(const StringView *patterns, size_t count, uint32_t normalize, bool whole_words);

extern const char GPT2_PATTERN[]; // what ByteLevel of tokenizer.json stands for

// Compiled patterns. Errors: more than MAX_PATTERNS; a pattern that PCRE2 refuses, or with an escape that it reads
// otherwise than Oniguruma, for which tokenizer.json is written.
typedef struct Splitter Splitter;
Splitter *splitter_compile(const StringView *patterns, size_t count, Error *err);
Splitter *splitter_open(StringView name, Error *err); // of a named pre-tokenizer; an error for one that isn't known
void splitter_free(Splitter *splitter);

// The words of a text, which put together are the text. A byte that is no UTF-8 is a word of its own. Where matching
// gives up (PCRE2's limit on backtracking, which only a pattern from outside can reach), the rest of the piece is one.
typedef struct Words {
    const Splitter *splitter;
    const char *text;
    struct WordSpan { // of each pattern: the piece that it cuts, and how far it is
        size_t start, at, end;
    } spans[MAX_PATTERNS + 1]; // the first: the text
    void *match, *context;     // PCRE2's
} Words;

Words words_begin(const Splitter *splitter, const char *text, size_t bytes);
bool words_next(Words *words, StringView *word); // false at the end
void words_end(Words *words);
