// WordPiece (Devlin et al. 2018, section 4.1 and the released FullTokenizer): a text is cut at white space and around
// each punctuation mark; each word is read from its beginning, the longest token first; a word that can't be read to
// its end is one unknown token.
#include "base/utf8.h"
#include "text/bert_classes.h"
#include "text/normalize.h"
#include "text/tokenizer_kind.h"
#include <stdlib.h>

enum { MAX_WORD = 100, MARK = 3 }; // ▁ has three bytes

typedef struct WordPiece {
    StringMap starts, rest; // the texts of tokens that begin words, and of those that go on → id
    size_t longest;         // of these texts
    int32_t max_word;
} WordPiece;

// --- Loading ---------------------------------------------------------------------------------------------------------

static StringView join(Arena *arena, StringView a, StringView b)
{
    char *both = arena_alloc(arena, a.size + b.size + 1);
    memcpy(both, a.data, a.size);
    memcpy(both + a.size, b.data, b.size);
    return (StringView){ both, a.size + b.size };
}

// "▁ted" decodes to " ted" and is read "ted"; "dy" decodes to itself and is read "##dy".
static bool load_token(Tokenizer *t, WordPiece *wp, int32_t id, Error *err)
{
    StringView token = t->vocabulary.tokens[id], word = token;
    if (t->vocabulary.types[id] != TOKEN_NORMAL) {
        t->texts[id] = t->pieces[id] = token;
        return true;
    }
    bool starts = token.size > MARK && !memcmp(token.data, "\u2581", MARK);
    if (starts) word = (StringView){ token.data + MARK, token.size - MARK };
    StringView longer = join(&t->arena, string_view(starts ? " " : "##"), word);
    t->texts[id] = starts ? longer : word;
    t->pieces[id] = starts ? word : longer;
    if (word.size > wp->longest) wp->longest = word.size;
    return string_map_add(starts ? &wp->starts : &wp->rest, word, id) ||
           token_error(t, err, id, "another token has the same text");
}

static bool wordpiece_load(Tokenizer *t, Error *err)
{
    const Vocabulary *v = &t->vocabulary;
    WordPiece *wp = t->state = NEW(WordPiece);
    if (v->unk < 0) return error_set(err, "vocabulary: there is no unknown token");
    if (v->max_word < 0) return error_set(err, "vocabulary: words of up to %d characters", v->max_word);
    wp->max_word = v->max_word ? v->max_word : MAX_WORD;
    t->leading_space = true;
    t->texts = ARENA_ARRAY(&t->arena, StringView, v->n_tokens);
    t->pieces = ARENA_ARRAY(&t->arena, StringView, v->n_tokens);
    for (int32_t id = 0; id < (int32_t)v->n_tokens; id++)
        if (!load_token(t, wp, id, err)) return false;
    return true;
}

static void wordpiece_free(void *state)
{
    WordPiece *wp = state;
    if (!wp) return;
    string_map_free(&wp->starts);
    string_map_free(&wp->rest);
    free(wp);
}

// --- Encoding --------------------------------------------------------------------------------------------------------

// The longest token that the word goes on with at `at`; its bytes go to `*size`.
static int32_t longest_token(const WordPiece *wp, StringView word, size_t at, size_t *size)
{
    const StringMap *map = at ? &wp->rest : &wp->starts;
    *size = word.size - at < wp->longest ? word.size - at : wp->longest;
    for (; *size > 0; --*size) {
        if (at + *size < word.size && (word.data[at + *size] & 0xc0) == 0x80) continue; // within a character
        const int64_t *id = string_map_find(map, (StringView){ word.data + at, *size });
        if (id) return (int32_t)*id;
    }
    return -1;
}

static void encode_word(const Tokenizer *t, StringView word, int32_t characters, TokenList *out)
{
    const WordPiece *wp = t->state;
    size_t start = out->count;
    int32_t id = characters <= wp->max_word ? 0 : -1;
    for (size_t at = 0, size; id >= 0 && at < word.size; at += size)
        if ((id = longest_token(wp, word, at, &size)) >= 0) token_push(out, id);
    if (id >= 0) return;
    out->count = start;
    token_push(out, t->vocabulary.unk);
}

static void wordpiece_encode(const Tokenizer *t, StringView text, TokenList *out)
{
    StringView word = { text.data, 0 };
    int32_t characters = 0;
    for (size_t at = 0, size; at < text.size; at += size) {
        int length = utf8_length(text.data + at, text.size - at);
        size = length > 0 ? (size_t)length : 1;
        uint32_t code = length > 0 ? utf8_code_point(text.data + at, length) : 0xfffd;
        bool space = code_is_space(code), alone = !space && bert_class(code) == BERT_PUNCTUATION;
        if (!space && !alone) {
            word.size += size;
            if (characters <= INT32_MAX - 1) characters++;
            continue;
        }
        if (word.size) encode_word(t, word, characters, out);
        if (alone) encode_word(t, (StringView){ text.data + at, size }, 1, out);
        word = (StringView){ text.data + at + size, 0 };
        characters = 0;
    }
    if (word.size) encode_word(t, word, characters, out);
}

const TokenizerKind tokenizer_wordpiece = { "bert", NULL, wordpiece_load, wordpiece_encode, wordpiece_free };
