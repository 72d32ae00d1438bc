// Byte-level BPE (Radford et al. 2019, section 2.2): a word's bytes are its first symbols; the pair of neighbours whose
// merge was learnt first is joined, the leftmost of equals, until no pair has a merge. A heap of candidate pairs makes
// that n log n in a word's length; words met before in the same text are copied.
#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/merge_queue.h"
#include "text/pair_map.h"
#include "text/tokenizer_kind.h"
#include "text/words.h"
#include <stdlib.h>

typedef struct ByteBpe {
    Splitter *splitter;
    int32_t byte_ids[256]; // the unknown token's where no token is this byte; −1: it is dropped
    PairMap ranks;         // pair → index of its merge
    int32_t *results;      // of each merge
    StringMap whole_words; // text → id, where words that are tokens aren't built by merges
} ByteBpe;

// --- Loading ---------------------------------------------------------------------------------------------------------

static bool load_tokens(Tokenizer *t, ByteBpe *bpe, Error *err)
{
    const Vocabulary *v = &t->vocabulary;
    bool has_unknown = v->unk >= 0 && v->types[v->unk] == TOKEN_UNKNOWN, any = has_unknown;
    for (int i = 0; i < 256; i++) bpe->byte_ids[i] = has_unknown ? v->unk : -1;
    t->texts = ARENA_ARRAY(&t->arena, StringView, v->n_tokens);
    for (int32_t id = 0; id < (int32_t)v->n_tokens; id++) {
        if (v->types[id] != TOKEN_NORMAL) {
            t->texts[id] = v->tokens[id];
            continue;
        }
        if (!alphabet_bytes(v->tokens[id], &t->arena, &t->texts[id]))
            return token_error(t, err, id, "a character of it is outside the byte alphabet");
        any |= t->texts[id].size == 1;
        if (t->texts[id].size == 1) bpe->byte_ids[(uint8_t)t->texts[id].data[0]] = id;
        if (v->whole_words) string_map_add(&bpe->whole_words, t->texts[id], id);
    }
    return any || error_set(err, "vocabulary: no token for any byte, and no unknown token");
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

static bool byte_bpe_load(Tokenizer *t, Error *err)
{
    const Vocabulary *vocabulary = &t->vocabulary;
    ByteBpe *bpe = t->state = NEW(ByteBpe);
    bpe->splitter = vocabulary->pre.size ? splitter_open(vocabulary->pre, err)
                                         : splitter_compile(vocabulary->patterns, vocabulary->n_patterns, err);
    if (!bpe->splitter || !load_tokens(t, bpe, err)) return false;
    t->leading_space = vocabulary->space_prefix;
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
    string_map_free(&bpe->whole_words);
    free(bpe->results);
    free(bpe);
}

// --- Encoding --------------------------------------------------------------------------------------------------------

static Join find_join(const void *state, const Symbol *left, const Symbol *right)
{
    const ByteBpe *bpe = state;
    int32_t rank = pair_map_find(&bpe->ranks, left->id, right->id);
    return (Join){ rank, rank < 0 ? -1 : bpe->results[rank] };
}

static void encode_word(MergeQueue *queue, StringView word, TokenList *out)
{
    const ByteBpe *bpe = queue->state;
    const int64_t *whole = string_map_find(&bpe->whole_words, word);
    if (whole) {
        token_push(out, (int32_t)*whole);
        return;
    }
    merge_queue_begin(queue);
    for (size_t i = 0; i < word.size; i++) {
        int32_t id = bpe->byte_ids[(uint8_t)word.data[i]];
        if (id >= 0) merge_queue_add(queue, (StringView){ word.data + i, 1 }, id);
    }
    merge_queue_run(queue);
    for (ptrdiff_t i = queue->n_symbols ? 0 : -1; i >= 0; i = queue->symbols[i].next)
        token_push(out, queue->symbols[i].id);
}

enum { CACHED_WORD_BYTES = 64, CACHED_WORDS = 1 << 16, COUNT_BITS = 7 };

// The text with the space in front that it asks for; the caller frees `*copy`.
static StringView prefixed(const Tokenizer *t, StringView text, char **copy)
{
    if (!t->vocabulary.space_prefix || text.data[0] == ' ') return text;
    *copy = mem_alloc(text.size + 1);
    (*copy)[0] = ' ';
    memcpy(*copy + 1, text.data, text.size);
    return (StringView){ *copy, text.size + 1 };
}

static void byte_bpe_encode(const Tokenizer *t, StringView text, TokenList *out)
{
    const ByteBpe *bpe = t->state;
    MergeQueue queue = { .find = find_join, .state = bpe };
    StringMap known = { 0 }; // word → where its ids lie in `out`, and how many
    char *copy = NULL;
    text = prefixed(t, text, &copy);
    Words words = words_begin(bpe->splitter, text.data, text.size);
    for (StringView word; words_next(&words, &word);) {
        const int64_t *place = word.size <= CACHED_WORD_BYTES ? string_map_find(&known, word) : NULL;
        if (place) {
            size_t start = (size_t)(*place >> COUNT_BITS), count = (size_t)(*place & ((1 << COUNT_BITS) - 1));
            for (size_t i = 0; i < count; i++) token_push(out, out->ids[start + i]);
            continue;
        }
        size_t start = out->count;
        encode_word(&queue, word, out);
        if (word.size <= CACHED_WORD_BYTES && known.count < CACHED_WORDS)
            string_map_add(&known, word, (int64_t)(start << COUNT_BITS | (out->count - start)));
    }
    words_end(&words);
    string_map_free(&known);
    merge_queue_free(&queue);
    free(copy);
}

const TokenizerKind tokenizer_byte_bpe = { "gpt2", "default", byte_bpe_load, byte_bpe_encode, byte_bpe_free };
