// Inside the room: joins neighbours of a word in the order of their rank, the leftmost of equals first, until no pair
// of neighbours has one. Symbols are a linked list and pairs wait in a heap: n log n in the word's length.
#pragma once
#include "base/string_view.h"
#include <stdint.h>

typedef struct Symbol {
    StringView text; // empty once it is part of its left neighbour
    int32_t id;
    ptrdiff_t before, next; // −1 at the ends
} Symbol;

// What joining two neighbours would give: its rank (the smallest goes first), −1 when they don't join, and the id.
typedef struct Join {
    int32_t rank, id;
} Join;
typedef Join (*JoinFinder)(const void *state, const Symbol *left, const Symbol *right);

typedef struct Candidate Candidate;
typedef struct MergeQueue {
    JoinFinder find;
    const void *state;
    Symbol *symbols; // of the word at work; the first is never joined to the left
    size_t n_symbols, symbols_capacity;
    Candidate *heap; // the first is the next to merge
    size_t n_heap, heap_capacity;
} MergeQueue; // {.find = f, .state = s}; the caller frees it with merge_queue_free

void merge_queue_begin(MergeQueue *queue);
void merge_queue_add(MergeQueue *queue, StringView text, int32_t id); // to the word's end; text isn't empty
void merge_queue_run(MergeQueue *queue);                              // then `symbols` is the result, along `next`
void merge_queue_free(MergeQueue *queue);
