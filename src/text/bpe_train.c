// Learning BPE merges (Sennrich et al. 2016, algorithm 1). Equal words are counted, not repeated. Their symbols lie in
// one array, linked; every pair of neighbours knows how often it occurs and where, and a heap knows the most frequent:
// a merge costs what it changes.
#include "text/pair_map.h"
#include "text/vocabulary_builder.h"
#include "text/words.h"
#include <stdlib.h>

typedef struct Node {
    int32_t id;           // −1 once it is part of its left neighbour
    int32_t before, next; // −1 at a word's ends
    int32_t word;
} Node;

typedef struct Pair {
    int32_t left, right;
    int64_t count;
    int32_t *places; // nodes where it started once; some may be out of date
    size_t n_places, capacity;
    bool grown; // in `touched`
} Pair;

typedef struct Entry { // of the heap: the pair's count when it was pushed, which was at least what it is now
    int64_t count;
    int32_t left, right, pair;
} Entry;

typedef struct Trainer {
    StringMap words;
    int64_t *word_counts;
    Node *nodes;
    PairMap pair_index;
    Pair *pairs;
    Entry *heap;
    int32_t *touched; // pairs that a merge made more frequent
    StringView *tokens;
    size_t n_words, words_capacity, n_nodes, n_pairs, pairs_capacity, n_heap, heap_capacity, n_touched,
        touched_capacity, n_tokens;
    Arena arena;
} Trainer;

static bool goes_first(const Entry *a, const Entry *b)
{
    if (a->count != b->count) return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

static void heap_push(Trainer *t, int32_t pair)
{
    const Pair *p = &t->pairs[pair];
    Entry entry = { p->count, p->left, p->right, pair };
    GROW(t->heap, t->n_heap, t->heap_capacity);
    size_t i = t->n_heap++;
    for (size_t parent; i > 0 && goes_first(&entry, &t->heap[parent = (i - 1) / 2]); i = parent)
        t->heap[i] = t->heap[parent];
    t->heap[i] = entry;
}

static Entry heap_pop(Trainer *t)
{
    Entry top = t->heap[0], last = t->heap[--t->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < t->n_heap; i = child) {
        if (child + 1 < t->n_heap && goes_first(&t->heap[child + 1], &t->heap[child])) child++;
        if (!goes_first(&t->heap[child], &last)) break;
        t->heap[i] = t->heap[child];
    }
    t->heap[i] = last;
    return top;
}

// --- Words and their first pairs -------------------------------------------------------------------------------------

static void count_words(Trainer *t, const Splitter *splitter, StringView text)
{
    Words words = words_begin(splitter, text.data, text.size);
    for (StringView word; words_next(&words, &word);) {
        int64_t *index = string_map_find(&t->words, word);
        if (index) {
            t->word_counts[*index]++;
            continue;
        }
        GROW(t->word_counts, t->n_words, t->words_capacity);
        string_map_add(&t->words, word, (int64_t)t->n_words);
        t->word_counts[t->n_words++] = 1;
    }
    words_end(&words);
}

static void count_text(Trainer *t, const char *text, size_t bytes)
{
    Splitter *splitter = splitter_open(string_view("gpt-2"), NULL);
    const char *end = text + bytes;
    while (text < end) {
        const char *mark = memmem(text, (size_t)(end - text), END_OF_TEXT, strlen(END_OF_TEXT));
        count_words(t, splitter, (StringView){ text, (size_t)((mark ? mark : end) - text) });
        text = mark ? mark + strlen(END_OF_TEXT) : end;
    }
    splitter_free(splitter);
}

// Adds the pair that starts at a node, or takes it away.
static void count_pair(Trainer *t, int32_t left, int32_t right, int32_t place, bool there)
{
    int32_t next = (int32_t)t->n_pairs, index = pair_map_add(&t->pair_index, left, right, next);
    if (index < 0) {
        GROW(t->pairs, t->n_pairs, t->pairs_capacity);
        t->pairs[t->n_pairs++] = (Pair){ .left = left, .right = right };
        index = next;
    }
    Pair *pair = &t->pairs[index];
    int64_t count = t->word_counts[t->nodes[place].word];
    pair->count += there ? count : -count;
    if (!there) return;
    GROW(pair->places, pair->n_places, pair->capacity);
    pair->places[pair->n_places++] = place;
    if (pair->grown) return;
    pair->grown = true;
    GROW(t->touched, t->n_touched, t->touched_capacity);
    t->touched[t->n_touched++] = index;
}

static void push_touched(Trainer *t)
{
    for (size_t i = 0; i < t->n_touched; i++) {
        t->pairs[t->touched[i]].grown = false;
        heap_push(t, t->touched[i]);
    }
    t->n_touched = 0;
}

static bool link_words(Trainer *t, Error *err)
{
    size_t total = 0;
    StringView *words = NEW_ARRAY(StringView, t->n_words);
    for (size_t i = 0; i < t->words.capacity; i++)
        if (t->words.slots[i].key.data) {
            words[t->words.slots[i].value] = t->words.slots[i].key;
            total += t->words.slots[i].key.size;
        }
    bool ok = total <= INT32_MAX || error_set(err, "BPE training: %zu bytes of different words are too many", total);
    t->nodes = ok ? NEW_ARRAY(Node, total) : NULL;
    for (size_t w = 0; ok && w < t->n_words; w++) {
        int32_t first = (int32_t)t->n_nodes, n = (int32_t)words[w].size;
        for (int32_t i = 0; i < n; i++)
            t->nodes[t->n_nodes++] =
                (Node){ (uint8_t)words[w].data[i], i ? first + i - 1 : -1, i + 1 < n ? first + i + 1 : -1, (int32_t)w };
        for (int32_t i = first; i + 1 < first + n; i++) count_pair(t, t->nodes[i].id, t->nodes[i + 1].id, i, true);
    }
    free(words);
    push_touched(t);
    return ok;
}

// --- Merging ---------------------------------------------------------------------------------------------------------

static void merge_at(Trainer *t, int32_t place, int32_t left, int32_t right, int32_t joined)
{
    Node *node = &t->nodes[place];
    if (node->id != left || node->next < 0 || t->nodes[node->next].id != right) return;
    Node *other = &t->nodes[node->next];
    count_pair(t, left, right, place, false);
    if (node->before >= 0) {
        count_pair(t, t->nodes[node->before].id, left, node->before, false);
        count_pair(t, t->nodes[node->before].id, joined, node->before, true);
    }
    if (other->next >= 0) {
        count_pair(t, right, t->nodes[other->next].id, node->next, false);
        count_pair(t, joined, t->nodes[other->next].id, place, true);
        t->nodes[other->next].before = place;
    }
    node->id = joined;
    node->next = other->next;
    other->id = -1;
}

// Left and right joined. No two merges make the same token: two stretches of equal bytes whose ends nothing crosses go
// through the same merges, so where one became a token the other did too.
static int32_t joined_token(Trainer *t, int32_t left, int32_t right)
{
    StringView l = t->tokens[left], r = t->tokens[right];
    char *bytes = arena_alloc(&t->arena, l.size + r.size);
    memcpy(bytes, l.data, l.size);
    memcpy(bytes + l.size, r.data, r.size);
    t->tokens[t->n_tokens] = (StringView){ bytes, l.size + r.size };
    return (int32_t)t->n_tokens++;
}

// The most frequent pair, whose count in the heap is up to date; false when none occurs twice.
static bool next_pair(Trainer *t, int32_t *pair)
{
    while (t->n_heap) {
        Entry top = heap_pop(t);
        int64_t count = t->pairs[top.pair].count;
        if (count < 2 || count > top.count) continue; // gone; or there is a newer entry
        *pair = top.pair;
        if (count == top.count) return true;
        heap_push(t, top.pair);
    }
    return false;
}

// From left to right in every word, which matters where occurrences overlap (aaa): a pair's places were added in that
// order, because all of them come from the one merge that made the younger of its tokens.
static void merge_everywhere(Trainer *t, int32_t index, int32_t joined)
{
    // Taken out of the pair, because merging can add pairs and so move them.
    Pair pair = t->pairs[index];
    t->pairs[index].places = NULL;
    t->pairs[index].n_places = t->pairs[index].capacity = 0;
    for (size_t i = 0; i < pair.n_places; i++) merge_at(t, pair.places[i], pair.left, pair.right, joined);
    free(pair.places);
    push_touched(t);
}

static bool learn(Trainer *t, VocabularyBuilder *b, int32_t vocab_size, TokenizerProgress progress, void *user,
                  Error *err)
{
    // <|endoftext|> is the last token; and a merge makes two symbols one, so there are fewer merges than symbols.
    const size_t limit = (size_t)vocab_size - 1 < 256 + t->n_nodes ? (size_t)vocab_size - 1 : 256 + t->n_nodes;
    t->tokens = ARENA_ARRAY(&t->arena, StringView, limit);
    for (int i = 0; i < 256; i++) {
        char *byte = arena_alloc(&t->arena, 1);
        byte[0] = (char)i;
        t->tokens[t->n_tokens++] = (StringView){ byte, 1 };
    }
    for (int32_t pair; t->n_tokens < limit && next_pair(t, &pair);) {
        if (progress && b->n_merges % 64 == 0 && !progress(user, (int32_t)t->n_tokens, vocab_size))
            return error_set(err, "BPE training was stopped at %zu of %d tokens", t->n_tokens, vocab_size);
        int32_t left = t->pairs[pair].left, right = t->pairs[pair].right;
        builder_merge(b, t->tokens[left], t->tokens[right]);
        merge_everywhere(t, pair, joined_token(t, left, right));
    }
    for (size_t i = 0; i < t->n_tokens; i++) builder_token(b, t->tokens[i]);
    return true;
}

static void trainer_free(Trainer *t)
{
    for (size_t i = 0; i < t->n_pairs; i++) free(t->pairs[i].places);
    free(t->pairs);
    free(t->word_counts);
    free(t->nodes);
    free(t->heap);
    free(t->touched);
    pair_map_free(&t->pair_index);
    string_map_free(&t->words);
    arena_free(&t->arena);
}

Tokenizer *tokenizer_bpe_train(const char *text, size_t bytes, int32_t vocab_size, TokenizerProgress progress,
                               void *user, Error *err)
{
    if (vocab_size < 256 + 1) {
        error_set(err, "BPE training: a vocabulary of %d is too small: 256 bytes and " END_OF_TEXT " make 257",
                  vocab_size);
        return NULL;
    }
    Trainer trainer = { 0 };
    VocabularyBuilder builder = { 0 };
    count_text(&trainer, text, bytes);
    bool ok = link_words(&trainer, err) && learn(&trainer, &builder, vocab_size, progress, user, err);
    trainer_free(&trainer);
    if (ok) return builder_finish(&builder, false);
    builder_free(&builder);
    return NULL;
}
