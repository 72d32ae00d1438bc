// Inside the room: the tokens that are matched in a text before anything else is done to it.
#pragma once
#include "base/memory.h"
#include "text/tokenizer.h"

typedef struct Special {
    StringView text;
    int32_t id;
    bool control; // matched only when special tokens are parsed
    uint32_t flags;
} Special;

// Sorted by text, so that all that begin with the same bytes lie together.
typedef struct Specials {
    Special *list;
    size_t count, capacity;
    bool starts[256]; // the first bytes
} Specials;           // {0} is empty

void specials_add(Specials *specials, Special special); // an empty text is never matched
void specials_sort(Specials *specials);                 // after the last

// Which of them are matched.
typedef struct SpecialChoice {
    bool control;                                  // control tokens too
    bool (*is_text)(const void *user, int32_t id); // those that are none here; NULL: none
    const void *user;
} SpecialChoice;

// The next one in text[at …): of those that begin first, the longest. Where it lies (with the white space that it
// swallows, but nothing before `at`) goes to `*place`. NULL when there is none.
const Special *specials_next(const Specials *specials, StringView text, size_t at, const SpecialChoice *choice,
                             StringView *place);
void specials_free(Specials *specials);
