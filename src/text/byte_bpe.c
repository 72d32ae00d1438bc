// Byte-level BPE (Radford et al. 2019, section 2.2): a word's bytes are its first symbols; the pair of neighbours whose
// merge was learnt first is joined, the leftmost of equals, until no pair has a merge. A heap of candidate pairs makes
// that n log n in a word's length; words met before in the same text are copied.
#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/pair_map.h"
#include "text/tokenizer_kind.h"
#include "text/words.h"
#include <stdlib.h>

typedef struct ByteBpe {
    Splitter *splitter;
    int32_t byte_ids[256]; // the unknown token's where no token is this byte
    PairMap ranks;         // pair → index of its merge
    int32_t *results;      // of each merge
} ByteBpe;

// --- Loading ---------------------------------------------------------------------------------------------------------

static bool load_tokens(Tokenizer *t, ByteBpe *bpe, Error *err)
{
    const Vocabulary *v = &t->vocabulary;
    for (int i = 0; i < 256; i++) bpe->byte_ids[i] = v->unk;
    t->texts = ARENA_ARRAY(&t->arena, StringView, v->n_tokens);
    for (int32_t id = 0; id < (int32_t)v->n_tokens; id++) {
        if (v->types[id] != TOKEN_NORMAL) {
            t->texts[id] = v->tokens[id];
            continue;
        }
        if (!alphabet_bytes(v->tokens[id], &t->arena, &t->texts[id]))
            return token_error(t, err, id, "a character of it is outside the byte alphabet");
        if (t->texts[id].size == 1) bpe->byte_ids[(uint8_t)t->texts[id].data[0]] = id;
    }
    for (int i = 0; i < 256; i++)
        if (bpe->byte_ids[i] < 0)
            return error_set(err, "vocabulary: no token for byte 0x%02x, and no unknown token", (unsigned)i);
    return true;
}

// The id of a normal token, −1 for anything else.
static int32_t find_part(const Tokenizer *t, StringView spelling)
{
    const int64_t *id = string_map_find(&t->ids, spelling);
    return id && t->vocabulary.types[*id] == TOKEN_NORMAL ? (int32_t)*id : -1;
}

// Joining makes strings longer and both parts are tokens, which are never empty: merges can't form a cycle. `joined`
// has room for the longest merge.
static bool load_merge(Tokenizer *t, ByteBpe *bpe, int32_t rank, char *joined, Error *err)
{
    StringView merge = t->vocabulary.merges[rank];
    const char *space = memchr(merge.data, ' ', merge.size), *why = NULL;
    if (!space) return error_set(err, "vocabulary: merge %d \"%.*s\": there is no space in it", rank, VIEW_ARGS(merge));
    StringView left = { merge.data, (size_t)(space - merge.data) };
    StringView right = { space + 1, merge.size - left.size - 1 };
    memcpy(joined, left.data, left.size);
    memcpy(joined + left.size, right.data, right.size);
    int32_t left_id = find_part(t, left), right_id = find_part(t, right);
    bpe->results[rank] = find_part(t, (StringView){ joined, merge.size - 1 });
    if (left_id < 0 || right_id < 0)
        why = left_id < 0 ? "its left part is no normal token" : "its right part is no normal token";
    else if (bpe->results[rank] < 0)
        why = "its result is no normal token";
    else if (pair_map_add(&bpe->ranks, left_id, right_id, rank) >= 0)
        why = "it is there twice";
    return !why || error_set(err, "vocabulary: merge %d \"%.*s\": %s", rank, VIEW_ARGS(merge), why);
}

static bool byte_bpe_load(Tokenizer *t, const Vocabulary *vocabulary, Error *err)
{
    ByteBpe *bpe = t->state = NEW(ByteBpe);
    bpe->splitter = splitter_open(vocabulary->pre, err);
    if (!bpe->splitter || !load_tokens(t, bpe, err)) return false;
    size_t longest = 0;
    for (size_t i = 0; i < vocabulary->n_merges; i++)
        if (vocabulary->merges[i].size > longest) longest = vocabulary->merges[i].size;
    bpe->results = NEW_ARRAY(int32_t, vocabulary->n_merges);
    char *joined = mem_alloc(longest + 1);
    bool ok = true;
    for (int32_t i = 0; ok && i < (int32_t)vocabulary->n_merges; i++) ok = load_merge(t, bpe, i, joined, err);
    free(joined);
    return ok;
}

static void byte_bpe_free(void *state)
{
    ByteBpe *bpe = state;
    if (!bpe) return;
    splitter_free(bpe->splitter);
    pair_map_free(&bpe->ranks);
    free(bpe->results);
    free(bpe);
}

// --- Encoding --------------------------------------------------------------------------------------------------------

typedef struct Symbol {
    int32_t id;             // −2 once it is part of its left neighbour
    ptrdiff_t before, next; // −1 at the ends
} Symbol;

// A pair that could be merged; out of date when the ids aren't there any more.
typedef struct Candidate {
    int32_t rank, left, right;
    ptrdiff_t at;
} Candidate;

typedef struct Encoder {
    const ByteBpe *bpe;
    Symbol *symbols;
    Candidate *heap; // the first is the next to merge
    size_t symbols_capacity, n_heap, heap_capacity;
} Encoder;

static bool goes_first(const Candidate *a, const Candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(Encoder *e, Candidate candidate)
{
    GROW(e->heap, e->n_heap, e->heap_capacity);
    size_t i = e->n_heap++;
    for (size_t parent; i > 0 && goes_first(&candidate, &e->heap[parent = (i - 1) / 2]); i = parent)
        e->heap[i] = e->heap[parent];
    e->heap[i] = candidate;
}

static Candidate heap_pop(Encoder *e)
{
    Candidate top = e->heap[0], last = e->heap[--e->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < e->n_heap; i = child) {
        if (child + 1 < e->n_heap && goes_first(&e->heap[child + 1], &e->heap[child])) child++;
        if (!goes_first(&e->heap[child], &last)) break;
        e->heap[i] = e->heap[child];
    }
    e->heap[i] = last;
    return top;
}

static void add_candidate(Encoder *e, ptrdiff_t at)
{
    if (at < 0 || e->symbols[at].next < 0) return;
    int32_t left = e->symbols[at].id, right = e->symbols[e->symbols[at].next].id;
    int32_t rank = pair_map_find(&e->bpe->ranks, left, right);
    if (rank >= 0) heap_push(e, (Candidate){ rank, left, right, at });
}

static void merge(Encoder *e, const Candidate *c)
{
    Symbol *left = &e->symbols[c->at];
    if (left->id != c->left || left->next < 0 || e->symbols[left->next].id != c->right) return;
    Symbol *right = &e->symbols[left->next];
    left->id = e->bpe->results[c->rank];
    left->next = right->next;
    right->id = -2;
    if (left->next >= 0) e->symbols[left->next].before = c->at;
    add_candidate(e, left->before);
    add_candidate(e, c->at);
}

static void encode_word(Encoder *e, StringView word, TokenList *out)
{
    ptrdiff_t n = (ptrdiff_t)word.size;
    if (word.size > e->symbols_capacity)
        e->symbols = mem_resize(e->symbols, e->symbols_capacity = 2 * word.size, sizeof *e->symbols);
    for (ptrdiff_t i = 0; i < n; i++)
        e->symbols[i] = (Symbol){ e->bpe->byte_ids[(uint8_t)word.data[i]], i - 1, i + 1 < n ? i + 1 : -1 };
    for (ptrdiff_t i = 0; i < n; i++) add_candidate(e, i);
    while (e->n_heap) {
        Candidate candidate = heap_pop(e);
        merge(e, &candidate);
    }
    for (ptrdiff_t i = 0; i >= 0; i = e->symbols[i].next) token_push(out, e->symbols[i].id);
}

enum { CACHED_WORD_BYTES = 64, CACHED_WORDS = 1 << 16, COUNT_BITS = 7 };

static void byte_bpe_encode(const Tokenizer *t, StringView text, TokenList *out)
{
    Encoder encoder = { .bpe = t->state };
    StringMap known = { 0 }; // word → where its ids lie in `out`, and how many
    Words words = words_begin(encoder.bpe->splitter, text.data, text.size);
    for (StringView word; words_next(&words, &word);) {
        const int64_t *place = word.size <= CACHED_WORD_BYTES ? string_map_find(&known, word) : NULL;
        if (place) {
            size_t start = (size_t)(*place >> COUNT_BITS), count = (size_t)(*place & ((1 << COUNT_BITS) - 1));
            for (size_t i = 0; i < count; i++) token_push(out, out->ids[start + i]);
            continue;
        }
        size_t start = out->count;
        encode_word(&encoder, word, out);
        if (word.size <= CACHED_WORD_BYTES && known.count < CACHED_WORDS)
            string_map_add(&known, word, (int64_t)(start << COUNT_BITS | (out->count - start)));
    }
    words_end(&words);
    string_map_free(&known);
    free(encoder.symbols);
    free(encoder.heap);
}

const TokenizerKind tokenizer_byte_bpe = { "gpt2", byte_bpe_load, byte_bpe_encode, byte_bpe_free };
