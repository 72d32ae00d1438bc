#include "text/merge_queue.h"
#include "base/memory.h"
#include <stdlib.h>

// A pair that could be merged. Texts only grow: it is out of date when the two together aren't `bytes` long any more.
struct Candidate {
    Join join;
    ptrdiff_t at;
    size_t bytes;
};

static bool goes_first(const Candidate *a, const Candidate *b)
{
    return a->join.rank != b->join.rank ? a->join.rank < b->join.rank : a->at < b->at;
}

static void heap_push(MergeQueue *q, Candidate candidate)
{
    GROW(q->heap, q->n_heap, q->heap_capacity);
    size_t i = q->n_heap++;
    for (size_t parent; i > 0 && goes_first(&candidate, &q->heap[parent = (i - 1) / 2]); i = parent)
        q->heap[i] = q->heap[parent];
    q->heap[i] = candidate;
}

static Candidate heap_pop(MergeQueue *q)
{
    Candidate top = q->heap[0], last = q->heap[--q->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < q->n_heap; i = child) {
        if (child + 1 < q->n_heap && goes_first(&q->heap[child + 1], &q->heap[child])) child++;
        if (!goes_first(&q->heap[child], &last)) break;
        q->heap[i] = q->heap[child];
    }
    q->heap[i] = last;
    return top;
}

static void add_candidate(MergeQueue *q, ptrdiff_t at)
{
    if (at < 0 || q->symbols[at].next < 0) return;
    const Symbol *left = &q->symbols[at], *right = &q->symbols[left->next];
    Join join = q->find(q->state, left, right);
    if (join.rank >= 0) heap_push(q, (Candidate){ join, at, left->text.size + right->text.size });
}

static void merge(MergeQueue *q, const Candidate *c)
{
    Symbol *left = &q->symbols[c->at];
    if (!left->text.size || left->next < 0) return;
    Symbol *right = &q->symbols[left->next];
    if (left->text.size + right->text.size != c->bytes) return;
    left->id = c->join.id;
    left->text.size = c->bytes;
    left->next = right->next;
    right->text.size = 0;
    if (left->next >= 0) q->symbols[left->next].before = c->at;
    add_candidate(q, left->before);
    add_candidate(q, c->at);
}

void merge_queue_begin(MergeQueue *q) { q->n_symbols = 0; }

void merge_queue_add(MergeQueue *q, StringView text, int32_t id)
{
    GROW(q->symbols, q->n_symbols, q->symbols_capacity);
    ptrdiff_t at = (ptrdiff_t)q->n_symbols++;
    q->symbols[at] = (Symbol){ text, id, at - 1, -1 };
    if (at > 0) q->symbols[at - 1].next = at;
}

void merge_queue_run(MergeQueue *q)
{
    for (size_t i = 0; i < q->n_symbols; i++) add_candidate(q, (ptrdiff_t)i);
    while (q->n_heap) {
        Candidate candidate = heap_pop(q);
        merge(q, &candidate);
    }
}

void merge_queue_free(MergeQueue *q)
{
    free(q->symbols);
    free(q->heap);
    q->symbols = NULL, q->heap = NULL;
}
