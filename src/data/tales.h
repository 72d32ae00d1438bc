// Tales: an endless stream of short stories from a grammar with a memory. Who the story is about, what they carry,
// where they are and what they promised is drawn when it is first told, and from then on every sentence agrees with it: the
// last sentences can only be told by somebody who remembers the first.
//
// The grammar (tales_words.c, tales_plots.c) draws uniformly wherever it has a choice, so the probability of a
// derivation is a product of 1/n, and `bits` is its −log2. Two derivations of one text would make the text more
// probable than either; tales_check counts them all, which gives a text's exact probability.
//
// Splits: a tale tells of two combinations, hero × plot and a plot's pair (say, what was lost × where it lay). A hash
// keeps about one combination in ten out of training; a tale with a kept-out combination belongs to validation. So
// every validation tale holds a combination of which no training tale tells. Both splits of one seed are parts of one
// sequence, and `bits` are the whole grammar's: what a model pays that knows the grammar and not which combinations
// were kept out. Given the split s, a tale's −log2 p is bits + log2 P(s), a constant (P(validation) ≈ 0.19).
#pragma once
#include "base/random.h"
#include <stdbool.h>
#include <stddef.h>

typedef enum TalesSplit { TALES_TRAIN, TALES_VALIDATION } TalesSplit;

typedef enum TaleSlotKind {
    TALE_SLOT_NAME,   // somebody's name
    TALE_SLOT_THING,  // an object, food, animal …
    TALE_SLOT_PLACE,  // a place or a spot in it
    TALE_SLOT_NUMBER, // a count, often after adding or taking away
    TALE_SLOT_WORD,   // a colour, a trait, a fear …
    TALE_SLOT_KINDS,
} TaleSlotKind;

// Words of a tale that an attentive reader knows before reading them: text[start .. start + length).
typedef struct TaleSlot {
    TaleSlotKind kind;
    int start, length;
} TaleSlot;

enum { TALE_MAX = 2048, TALE_MAX_SLOTS = 48 };

typedef struct Tale {
    char text[TALE_MAX]; // one line of plain ASCII, ends in a 0
    int length;          // bytes
    double bits;         // −log2 of the derivation's probability under the whole grammar
    TalesSplit split;
    char combos[2][64]; // "Lily, lost" and "ball, under the bridge"
    TaleSlot slots[TALE_MAX_SLOTS];
    int n_slots;
} Tale;

// A stream's whole state: save and restore `random` and the same tales follow.
typedef struct Tales {
    Random random;
    TalesSplit split;
} Tales;

Tales tales_open(uint64_t seed, TalesSplit split);
void tales_next(Tales *tales, Tale *tale);

// Tales separated by a blank line until there are at least `min_bytes`; the caller frees it. `size` and `bits` (the sum
// over the tales) may be NULL.
char *tales_text(Tales *tales, size_t min_bytes, size_t *size, double *bits);

// How far a text is a tale that this grammar could tell, found by trying every derivation.
typedef struct TaleCheck {
    int valid;       // bytes of the longest prefix that begins some tale: the story breaks here
    bool complete;   // the whole text is a tale
    int derivations; // how many derivations give exactly this text
    double bits;     // −log2 of the text's probability, summed over its derivations; INFINITY if there is none
} TaleCheck;

TaleCheck tales_check(const char *text, size_t length);
