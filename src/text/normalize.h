// What a tokenizer does to a text before it cuts it, and Unicode's classes of characters that the rules speak of.
#pragma once
#include "base/string_view.h"
#include <stdint.h>

// Done in this order, which is BERT's (Devlin et al. 2018, the released BasicTokenizer).
typedef enum Normalize {
    NORMALIZE_CLEAN = 1,   // no control characters, no U+FFFD; every white space is a space
    NORMALIZE_CJK = 2,     // a space before and after each ideograph
    NORMALIZE_ACCENTS = 4, // decomposed (NFD), then without marks: é is e
    NORMALIZE_LOWER = 8,   // lower case, character by character
    NORMALIZE_NFC = 16,    // composed (Unicode Standard Annex 15)
} Normalize;

typedef struct TextBuffer {
    char *data;
    size_t size, capacity;
} TextBuffer; // {0} is empty; the caller frees `data`

void text_append(TextBuffer *buffer, const char *data, size_t size);

// The text after a set of Normalize: the text itself where nothing changes, else what `buffer` then holds. Bytes that
// are no UTF-8 stay as they are with NORMALIZE_NFC alone; BERT's rules read them as U+FFFD. Time is proportional to the
// text (n log n in a run of marks).
StringView text_normalize(uint32_t set, StringView text, TextBuffer *buffer);

bool code_is_space(uint32_t code); // White_Space
bool code_is_word(uint32_t code);  // letters, marks, decimal digits, connectors: \w of regular expressions
