#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "formats/gguf.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer.h"
#include "text/words.h"
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char TEXT[] =
    "The fox saw the hen. \"Come out,\" said the fox, \"the night is warm.\" The hen didn't come out; she'd seen the\n"
    "fox before, and he'd seen 12 hens that week. na\xc3\xafve \xe2\x82\xac 5 \xf0\x9f\xa6\x8a \xf0\x9f\xa6\x8a\n\n"
    "aaaa aaaaa aaaaaa abababab babababa the then them there these\n";

// Random bytes of several flavours: noise, text, Unicode, cut characters, spaces, long runs.
static size_t random_text(Random *random, char *out, size_t room)
{
    size_t size = 0, wanted = random_below(random, 4) ? random_below(random, 60) : random_below(random, room - 64);
    while (size < wanted) {
        size_t run = 1 + random_below(random, 12);
        uint64_t flavour = random_below(random, 6);
        char byte = (char)random_u32(random);
        for (size_t i = 0; i < run; i++) {
            if (flavour == 0)
                out[size++] = (char)random_u32(random);
            else if (flavour == 1)
                out[size++] = TEXT[random_below(random, sizeof TEXT - 1)];
            else if (flavour == 2)
                size += (size_t)utf8_write((uint32_t)random_below(random, 0x110000), out + size);
            else if (flavour == 3)
                out[size++] = " \n\t\r"[random_below(random, 4)];
            else if (flavour == 4)
                out[size++] = byte;
            else
                size += (size_t)utf8_write((uint32_t)random_below(random, 0x800), out + size);
        }
        if (flavour == 2 && size && random_below(random, 2)) size--;
    }
    return size;
}

static void assert_round_trip(const Tokenizer *t, const char *text, size_t size, bool parse_special)
{
    TokenList ids = { 0 };
    tokenizer_encode(t, text, size, parse_special, &ids);
    size_t at = 0;
    bool same = true; // one assertion at the end: Check's are slow
    for (size_t i = 0; same && i < ids.count; i++) {
        StringView part = tokenizer_decode(t, ids.ids[i]);
        same = part.size && part.size <= size - at && !memcmp(text + at, part.data, part.size);
        at += part.size;
    }
    ck_assert(same && at == size);
    free(ids.ids);
}

static Tokenizer *train(const char *text, size_t bytes, int32_t vocab_size)
{
    Error err = { "" };
    Tokenizer *t = tokenizer_bpe_train(text, bytes, vocab_size, NULL, NULL, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    return t;
}

// --- The alphabet ----------------------------------------------------------------------------------------------------

START_TEST(alphabet_is_gpt2s)
{
    Arena arena = { 0 };
    const char *known[][2] = { { " ", "\u0120" },    { "\n", "\u010a" },   { "\x01", "\u0101" }, { "\x7f", "\u0121" },
                               { "\xa0", "\u0142" }, { "\xad", "\u0143" }, { "\xc3", "\u00c3" }, { "~", "~" } };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        ck_assert_str_eq(alphabet_spell(string_view(known[i][0]), &arena).data, known[i][1]);
    StringView back;
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        ck_assert(alphabet_bytes(alphabet_spell((StringView){ &byte, 1 }, &arena), &arena, &back));
        ck_assert(back.size == 1 && back.data[0] == byte);
    }
    const char *bad[] = { " ", "\n", "\x7f", "\u00a0", "\u00ad", "\u0144", "a\u3042", "\xff", "a\xc4" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) ck_assert(!alphabet_bytes(string_view(bad[i]), &arena, &back));
    arena_free(&arena);
}
END_TEST

// --- Round trips -----------------------------------------------------------------------------------------------------

START_TEST(any_bytes_come_back)
{
    Tokenizer *tokenizers[] = { tokenizer_byte(), train(TEXT, sizeof TEXT - 1, 330), train("", 0, 257) };
    Random random = { .key = 11 };
    char text[2048];
    for (int i = 0; i < 3000; i++) {
        size_t size = random_text(&random, text, sizeof text);
        for (size_t t = 0; t < COUNT_OF(tokenizers); t++) assert_round_trip(tokenizers[t], text, size, i % 2);
        if (i % 10) continue; // a vocabulary is made anew each time
        Tokenizer *characters = tokenizer_char(text, size);
        assert_round_trip(characters, text, size, false);
        tokenizer_free(characters);
    }
    for (size_t t = 0; t < COUNT_OF(tokenizers); t++) tokenizer_free(tokenizers[t]);
}
END_TEST

// Words of 256 KiB: a quadratic encoder or trainer would not come back within the test's time.
START_TEST(long_words)
{
    size_t size = 1 << 18;
    char *text = mem_alloc(size);
    Random random = { .key = 3 };
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < size; i++)
            text[i] = kind == 0 ? 'a' : kind == 1 ? ' ' : "ACGT"[random_below(&random, 4)];
        Tokenizer *t = train(text, size, 300);
        assert_round_trip(t, text, size, false);
        tokenizer_free(t);
    }
    free(text);
}
END_TEST

// --- Kinds -----------------------------------------------------------------------------------------------------------

START_TEST(characters)
{
    const char text[] = "hello w\xc3\xb6rld \xe2\x82\xac\xe2\x82\xad\xff\n";
    Tokenizer *t = tokenizer_char(text, sizeof text - 1);
    // \n space d e h l o r w ö € ₭ and the stray byte; then the pieces 82 AC AD B6 C3 E2 and E2 82.
    const char *order[] = {
        "\n",           " ",    "d",    "e",    "h",    "l",    "o",    "r",    "w",        "\xc3\xb6", "\xe2\x82\xac",
        "\xe2\x82\xad", "\xff", "\x82", "\xac", "\xad", "\xb6", "\xc3", "\xe2", "\xe2\x82", "<unk>",    "<|endoftext|>"
    };
    ck_assert_int_eq(tokenizer_vocab_size(t), COUNT_OF(order));
    for (int32_t i = 0; i < (int32_t)COUNT_OF(order); i++)
        ck_assert(string_view_equal(tokenizer_decode(t, i), string_view(order[i])));
    ck_assert_int_eq(tokenizer_unknown(t), 20);
    ck_assert_int_eq(tokenizer_eos(t), 21);
    TokenList ids = { 0 };
    tokenizer_encode(t, "how\xe2\x82\xac z\xc3\xa9\xff", 11, false, &ids);
    const int32_t expected[] = { 4, 6, 8, 10, 1, 20, 17, 20, 12 };
    ck_assert_uint_eq(ids.count, COUNT_OF(expected));
    ck_assert_mem_eq(ids.ids, expected, sizeof expected);
    free(ids.ids);
    tokenizer_free(t);
}
END_TEST

START_TEST(bytes_are_their_ids)
{
    Tokenizer *t = tokenizer_byte();
    ck_assert_int_eq(tokenizer_vocab_size(t), 257);
    ck_assert_int_eq(tokenizer_eos(t), 256);
    ck_assert_int_eq(tokenizer_unknown(t), -1);
    ck_assert_int_eq(tokenizer_type(t, 256), TOKEN_CONTROL);
    TokenList ids = { 0 };
    tokenizer_encode(t, "a \xc3\xa9", 4, false, &ids);
    ck_assert(ids.count == 4 && ids.ids[0] == 'a' && ids.ids[1] == ' ' && ids.ids[2] == 0xc3 && ids.ids[3] == 0xa9);
    free(ids.ids);
    tokenizer_free(t);
}
END_TEST

START_TEST(special_tokens)
{
    Tokenizer *byte = tokenizer_byte();
    Vocabulary v = tokenizer_vocabulary(byte);
    StringView tokens[260];
    int32_t types[260];
    memcpy(tokens, v.tokens, 257 * sizeof *tokens);
    memcpy(types, v.types, 257 * sizeof *types);
    tokens[257] = string_view("<|end");
    tokens[258] = string_view("two words");
    tokens[259] = string_view("two word");
    types[257] = types[259] = TOKEN_CONTROL;
    types[258] = TOKEN_USER_DEFINED;
    v.n_tokens = 260, v.tokens = tokens, v.types = types;
    Error err = { "" };
    Tokenizer *t = tokenizer_load(&v, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    const struct {
        const char *text;
        bool parse;
        int32_t first;
        size_t count;
    } cases[] = {
        { "<|endoftext|>", true, 256, 1 },      { "<|endoftext|>", false, '<', 13 },
        { "<|endoftex", true, 257, 6 },         { "two words", false, 258, 1 },
        { "two words", true, 258, 1 },          { "two word", true, 259, 1 },
        { "two word", false, 't', 8 },          { "<|en", true, '<', 4 },
        { "<|end<|endoftext|>", true, 257, 2 }, { "<<|endoftext|>", true, '<', 2 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TokenList ids = { 0 };
        tokenizer_encode(t, cases[i].text, strlen(cases[i].text), cases[i].parse, &ids);
        ck_assert_msg(ids.count == cases[i].count && ids.ids[0] == cases[i].first, "case %zu: %zu ids, first %d", i,
                      ids.count, ids.ids[0]);
        free(ids.ids);
    }
    ck_assert_int_eq(tokenizer_find(t, "two words"), 258);
    ck_assert_int_eq(tokenizer_find(t, "\u0120"), ' ');
    ck_assert_int_eq(tokenizer_find(t, "nothing"), -1);
    tokenizer_free(t);
    tokenizer_free(byte);
}
END_TEST

START_TEST(streams_never_cut_a_character)
{
    Tokenizer *t = train(TEXT, sizeof TEXT - 1, 300);
    Random random = { .key = 5 };
    char text[2048], joined[2048];
    for (int i = 0; i < 1000; i++) {
        size_t size = random_text(&random, text, sizeof text), at = 0;
        bool cut = false;
        TokenList ids = { 0 };
        TokenStream stream = { .tokenizer = t };
        tokenizer_encode(t, text, size, true, &ids);
        for (size_t j = 0; j <= ids.count; j++) {
            StringView part = j < ids.count ? token_stream_push(&stream, ids.ids[j]) : token_stream_end(&stream);
            memcpy(joined + at, part.data, part.size);
            at += part.size;
            for (size_t back = 1; j < ids.count && back <= 3 && back <= at; back++) {
                // What came out so far ends in no character that the text goes on with.
                int length = utf8_length(text + at - back, size - (at - back));
                cut |= length > (int)back;
            }
        }
        ck_assert(!cut && at == size);
        ck_assert_mem_eq(joined, text, size);
        token_stream_free(&stream);
        free(ids.ids);
    }
    tokenizer_free(t);
}
END_TEST

START_TEST(streams_give_bad_bytes_at_once)
{
    Tokenizer *t = tokenizer_byte();
    TokenStream stream = { .tokenizer = t };
    // A lead byte waits; the one after it shows that it was none; U+1F98A comes out with its last byte.
    const uint8_t bytes[] = { 0xff, 'a', 0xe2, 0xc3, 'b', 0xf0, 0x9f, 0xa6, 0x8a, 0xed, 0xa0, 0x80 };
    const size_t given[] = { 1, 1, 0, 1, 2, 0, 0, 0, 4, 0, 2, 1 };
    for (size_t i = 0; i < sizeof bytes; i++) ck_assert_uint_eq(token_stream_push(&stream, bytes[i]).size, given[i]);
    token_stream_free(&stream);
    tokenizer_free(t);
}
END_TEST

// --- Against naive references ----------------------------------------------------------------------------------------

enum { MAX_SYMBOLS = 4096 };

typedef struct Naive { // words as lists of token strings
    StringView symbols[MAX_SYMBOLS];
    int word[MAX_SYMBOLS], n;
} Naive;

static bool same_pair(const Naive *x, int i, StringView left, StringView right)
{
    return i + 1 < x->n && x->word[i] == x->word[i + 1] && string_view_equal(x->symbols[i], left) &&
           string_view_equal(x->symbols[i + 1], right);
}

static void join(Naive *x, int i)
{
    x->symbols[i].size += x->symbols[i + 1].size; // neighbours in the text
    memmove(&x->symbols[i + 1], &x->symbols[i + 2], (size_t)(x->n - i - 2) * sizeof *x->symbols);
    memmove(&x->word[i + 1], &x->word[i + 2], (size_t)(x->n - i - 2) * sizeof *x->word);
    x->n--;
}

static void split(Naive *x, const char *text, size_t size)
{
    Splitter *splitter = splitter_open(string_view("gpt-2"), NULL);
    Words words = words_begin(splitter, text, size);
    x->n = 0;
    int number = 0;
    for (StringView word; words_next(&words, &word); number++)
        for (size_t i = 0; i < word.size; i++) {
            x->word[x->n] = number;
            x->symbols[x->n++] = (StringView){ word.data + i, 1 };
        }
    words_end(&words);
    splitter_free(splitter);
}

static int id_of(const StringView *tokens, int n, StringView token)
{
    int id = 0;
    while (id < n && !string_view_equal(tokens[id], token)) id++;
    return id;
}

// Counts every pair of the whole text anew for every merge.
static void check_training(const char *text, size_t size, int vocab_size)
{
    static Naive x;
    Tokenizer *t = train(text, size, vocab_size);
    Vocabulary v = tokenizer_vocabulary(t);
    Arena arena = { 0 };
    StringView tokens[512];
    int n = 256;
    size_t merges = 0;
    for (int i = 0; i < 256; i++) tokens[i] = tokenizer_decode(t, i);
    split(&x, text, size);
    while (n < vocab_size - 1) {
        int best = -1, best_count = 1, best_left = 0, best_right = 0;
        for (int i = 0; i + 1 < x.n; i++) {
            if (x.word[i] != x.word[i + 1]) continue;
            int count = 0, left = id_of(tokens, n, x.symbols[i]), right = id_of(tokens, n, x.symbols[i + 1]);
            for (int j = 0; j < x.n; j++) count += same_pair(&x, j, x.symbols[i], x.symbols[i + 1]);
            bool earlier = left != best_left ? left < best_left : right < best_right;
            if (count > best_count || (best >= 0 && count == best_count && earlier))
                best = i, best_count = count, best_left = left, best_right = right;
        }
        if (best < 0) break;
        StringView left = x.symbols[best], right = x.symbols[best + 1];
        for (int i = 0; i < x.n; i++)
            if (same_pair(&x, i, left, right)) join(&x, i);
        StringView joined = { left.data, left.size + right.size };
        ck_assert_int_eq(id_of(tokens, n, joined), n); // no token is made in two ways
        tokens[n++] = joined;
        StringView l = alphabet_spell(left, &arena), r = alphabet_spell(right, &arena);
        ck_assert_uint_lt(merges, v.n_merges);
        const char *expected = arena_format(&arena, "%s %s", l.data, r.data);
        ck_assert_msg(string_view_equal(v.merges[merges], string_view(expected)), "merge %zu is \"%.*s\", not \"%s\"",
                      merges, VIEW_ARGS(v.merges[merges]), expected);
        merges++;
    }
    ck_assert_uint_eq(merges, v.n_merges);
    ck_assert_int_eq(tokenizer_vocab_size(t), n + 1);
    for (int i = 0; i < n; i++) ck_assert(string_view_equal(tokenizer_decode(t, i), tokens[i]));
    arena_free(&arena);
    tokenizer_free(t);
}

START_TEST(training_equals_a_quadratic_trainer)
{
    check_training(TEXT, sizeof TEXT - 1, 420);
    Random random = { .key = 8 };
    char text[300];
    for (int round = 0; round < 150; round++) { // few letters: ties and overlaps
        size_t size = 20 + random_below(&random, sizeof text - 20), letters = 1 + random_below(&random, 3);
        for (size_t i = 0; i < size; i++)
            text[i] = random_below(&random, 12) ? (char)('a' + random_below(&random, letters)) : ' ';
        check_training(text, size, 300);
    }
}
END_TEST

// Joins the first-learnt pair of each word, the leftmost of equals, until there is none.
static void check_encoding(const Tokenizer *t, const char *text, size_t size)
{
    static Naive x;
    Vocabulary v = tokenizer_vocabulary(t);
    Arena arena = { 0 };
    split(&x, text, size);
    for (int word = 0, start = 0; start < x.n; word++) {
        for (int best_at = 0; best_at >= 0;) {
            size_t best = v.n_merges;
            best_at = -1;
            for (int i = start; i + 1 < x.n && x.word[i + 1] == word; i++) {
                StringView l = alphabet_spell(x.symbols[i], &arena), r = alphabet_spell(x.symbols[i + 1], &arena);
                const char *merge = arena_format(&arena, "%s %s", l.data, r.data);
                for (size_t m = 0; m < best; m++)
                    if (string_view_equal(v.merges[m], string_view(merge))) best = m, best_at = i;
            }
            if (best_at >= 0) join(&x, best_at);
        }
        while (start < x.n && x.word[start] == word) start++;
    }
    TokenList ids = { 0 };
    tokenizer_encode(t, text, size, false, &ids);
    ck_assert_uint_eq(ids.count, (size_t)x.n);
    bool same = true;
    for (int i = 0; i < x.n; i++) same &= string_view_equal(tokenizer_decode(t, ids.ids[i]), x.symbols[i]);
    ck_assert(same);
    free(ids.ids);
    arena_free(&arena);
}

START_TEST(encoding_equals_a_naive_encoder)
{
    Tokenizer *t = train(TEXT, sizeof TEXT - 1, 400);
    Random random = { .key = 9 };
    char text[256];
    for (int i = 0; i < 300; i++) check_encoding(t, text, random_text(&random, text, sizeof text));
    for (int i = 0; i < 300; i++) {
        size_t size = 1 + random_below(&random, 80);
        for (size_t j = 0; j < size; j++) text[j] = "ab ethn"[random_below(&random, 7)];
        check_encoding(t, text, size);
    }
    tokenizer_free(t);
}
END_TEST

// --- Against Hugging Face tokenizers (tests/peers/make_bpe_fixture.py) --------------------------------------------------

static StringView *json_strings(json_t *array, Arena *arena)
{
    StringView *strings = ARENA_ARRAY(arena, StringView, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        strings[i] = (StringView){ json_string_value(item), json_string_length(item) };
    }
    return strings;
}

START_TEST(ids_equal_hugging_face)
{
    json_error_t error;
    json_t *fixture = json_load_file("tests/text/fixtures/byte_bpe.json", JSON_ALLOW_NUL, &error);
    ck_assert_msg(fixture != NULL, "%s", error.text);
    json_t *tokens = json_object_get(fixture, "tokens"), *merges = json_object_get(fixture, "merges"), *item;
    Arena arena = { 0 };
    size_t n = json_array_size(tokens), i;
    int32_t *types = ARENA_ARRAY(&arena, int32_t, n);
    for (i = 0; i < n; i++)
        types[i] = (int32_t)json_integer_value(json_array_get(json_object_get(fixture, "types"), i));
    Vocabulary v = VOCABULARY_NONE;
    v.model = string_view("gpt2"), v.pre = string_view("gpt-2");
    v.n_tokens = n, v.tokens = json_strings(tokens, &arena), v.types = types;
    v.n_merges = json_array_size(merges), v.merges = json_strings(merges, &arena);
    Error err = { "" };
    Tokenizer *t = tokenizer_load(&v, &err);
    ck_assert_msg(t != NULL, "%s", err.message);
    ck_assert_uint_ge(json_array_size(json_object_get(fixture, "cases")), 300);
    Splitter *splitter = splitter_open(v.pre, &err);
    json_array_foreach(json_object_get(fixture, "cases"), i, item)
    {
        Words words = words_begin(splitter, json_string_value(json_object_get(item, "text")),
                                  json_string_length(json_object_get(item, "text")));
        size_t n_words = 0;
        for (StringView word; words_next(&words, &word); n_words++)
            ck_assert_uint_eq(word.size,
                              (size_t)json_integer_value(json_array_get(json_object_get(item, "words"), n_words)));
        words_end(&words);
        ck_assert_uint_eq(n_words, json_array_size(json_object_get(item, "words")));
        json_t *text = json_object_get(item, "text"), *expected = json_object_get(item, "ids");
        TokenList ids = { 0 };
        tokenizer_encode(t, json_string_value(text), json_string_length(text), true, &ids);
        bool same = ids.count == json_array_size(expected);
        for (size_t j = 0; same && j < ids.count; j++)
            same = ids.ids[j] == json_integer_value(json_array_get(expected, j));
        ck_assert_msg(same, "case %zu \"%s\"", i, json_string_value(text));
        free(ids.ids);
    }
    splitter_free(splitter);
    tokenizer_free(t);
    arena_free(&arena);
    json_decref(fixture);
}
END_TEST

// --- Vocabularies ----------------------------------------------------------------------------------------------------

START_TEST(a_vocabulary_goes_through_gguf)
{
    Tokenizer *t = train(TEXT, sizeof TEXT - 1, 320);
    Vocabulary v = tokenizer_vocabulary(t), back = { .bos = -1, .eos = v.eos, .unk = -1 };
    GgufWriter *w = gguf_writer_new();
    gguf_put_string(w, "tokenizer.ggml.model", v.model);
    gguf_put_string(w, "tokenizer.ggml.pre", v.pre);
    gguf_put_strings(w, "tokenizer.ggml.tokens", v.tokens, v.n_tokens);
    gguf_put_i32s(w, "tokenizer.ggml.token_type", v.types, v.n_tokens);
    gguf_put_strings(w, "tokenizer.ggml.merges", v.merges, v.n_merges);
    Error err = { "" };
    char folder[] = "/tmp/lectern-text-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *path = path_join(folder, "v.gguf");
    ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
    gguf_writer_free(w);
    Gguf *g = gguf_open(path, &err);
    int32_t *types;
    size_t n_types;
    ck_assert(g && gguf_get_string(g, "tokenizer.ggml.model", &back.model, &err) &&
              gguf_get_string(g, "tokenizer.ggml.pre", &back.pre, &err) &&
              gguf_get_strings(g, "tokenizer.ggml.tokens", &back.tokens, &back.n_tokens, &err) &&
              gguf_get_strings(g, "tokenizer.ggml.merges", &back.merges, &back.n_merges, &err) &&
              gguf_get_i32s(g, "tokenizer.ggml.token_type", &types, &n_types, &err));
    back.types = types;
    Tokenizer *u = tokenizer_load(&back, &err);
    ck_assert_msg(u != NULL, "%s", err.message);
    gguf_close(g); // the tokenizer keeps nothing of the file
    free(types);
    TokenList a = { 0 }, b = { 0 };
    tokenizer_encode(t, TEXT, sizeof TEXT, true, &a);
    tokenizer_encode(u, TEXT, sizeof TEXT, true, &b);
    ck_assert(a.count == b.count && !memcmp(a.ids, b.ids, a.count * sizeof *a.ids));
    free(a.ids);
    free(b.ids);
    tokenizer_free(t);
    tokenizer_free(u);
    dir_remove(folder, &err);
    free(path);
}
END_TEST

// A good vocabulary of 257 tokens and 2 merges with one thing changed.
typedef struct BadVocabulary {
    const char *message;
    int token;            // this token is spelt …
    const char *spelling; // … so
    int merge;
    const char *merge_text;
    int32_t type; // of token 256
    const char *model, *pre;
    int32_t eos;
    size_t n_tokens;
} BadVocabulary;

// Its columns would be hundreds wide:
// clang-format off
static const BadVocabulary BAD_VOCABULARIES[] = {
    { "", .type = 0 }, // nothing changed: loads
    { "vocabulary: tokenizer model \"wordy\" is not known here", .model = "wordy" },
    { "pre-tokenizer \"gpt-9\" is not known here", .pre = "gpt-9" },
    { "vocabulary: 0 tokens", .n_tokens = SIZE_MAX },
    { "vocabulary: token 65 \"\": it is empty", .token = 65, .spelling = "" },
    { "vocabulary: token 66 \"A\": another token is spelt the same", .token = 66, .spelling = "A" },
    { "vocabulary: token 32 \" \": a character of it is outside the byte alphabet", .token = 32, .spelling = " " },
    { "vocabulary: token 32 \"?\": a character", .token = 32, .spelling = "\xc4" },
    { "vocabulary: token 256 \"ab\": its type is none of 1 to 6", .type = 7 },
    { "vocabulary: token 256 \"ab\": its type is none of 1 to 6", .type = -1 },
    { "vocabulary: the eos token's id is 258, but there are 258 tokens", .eos = 258 },
    { "vocabulary: the eos token's id is -2, but there are 258 tokens", .eos = -2 },
    { "vocabulary: merge 1 \"abc\": there is no space", .merge = 1, .merge_text = "abc" },
    { "vocabulary: merge 1 \"\": there is no space", .merge = 1, .merge_text = "" },
    { "vocabulary: merge 1 \" ab\": its left part is no normal token", .merge = 1, .merge_text = " ab" },
    { "vocabulary: merge 1 \"ab \": its right part is no normal token", .merge = 1, .merge_text = "ab " },
    { "vocabulary: merge 1 \"ax b\": its left part is no normal token", .merge = 1, .merge_text = "ax b" },
    { "vocabulary: merge 1 \"b a\": its result is no normal token", .merge = 1, .merge_text = "b a" },
    { "vocabulary: merge 1 \"a b\": it is there twice", .merge = 1, .merge_text = "a b" },
    { "vocabulary: merge 0 \"a b\": its result is no normal token", .type = TOKEN_CONTROL },
};
// clang-format on

START_TEST(bad_vocabularies_are_named)
{
    const BadVocabulary *bad = &BAD_VOCABULARIES[_i];
    Tokenizer *byte = tokenizer_byte();
    Vocabulary v = tokenizer_vocabulary(byte);
    StringView tokens[258], merges[2] = { string_view("a b"), string_view("ab c") };
    int32_t types[258];
    memcpy(tokens, v.tokens, 256 * sizeof *tokens);
    for (int i = 0; i < 258; i++) types[i] = TOKEN_NORMAL;
    tokens[256] = string_view("ab");
    tokens[257] = string_view("abc");
    if (bad->spelling) tokens[bad->token] = string_view(bad->spelling);
    if (bad->merge_text) merges[bad->merge] = string_view(bad->merge_text);
    if (bad->type) types[256] = bad->type;
    if (bad->model) v.model = string_view(bad->model);
    if (bad->pre) v.pre = string_view(bad->pre);
    v.eos = bad->eos ? bad->eos : -1;
    v.bos = v.unk = -1;
    v.n_tokens = bad->n_tokens == SIZE_MAX ? 0 : 258;
    v.tokens = tokens, v.types = types, v.merges = merges, v.n_merges = 2;
    Error err = { "" };
    Tokenizer *t = tokenizer_load(&v, &err);
    ck_assert_int_eq(t == NULL, bad->message[0] != '\0');
    ck_assert_msg(!strncmp(err.message, bad->message, strlen(bad->message)), "\"%s\" is not \"%s\"", err.message,
                  bad->message);
    tokenizer_free(t);
    tokenizer_free(byte);
}
END_TEST

// SmolLM2's unknown token is <|endoftext|>: a byte that it can't spell must not end a document.
START_TEST(bytes_without_a_token)
{
    static const StringView tokens[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 }, { "<x>", 3 } },
                            merges[] = { { "a b", 3 } };
    int32_t types[] = { TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_CONTROL };
    Vocabulary v = VOCABULARY_NONE;
    v.model = string_view("gpt2"), v.pre = string_view("gpt-2");
    v.n_tokens = 4, v.tokens = tokens, v.types = types, v.n_merges = 1, v.merges = merges, v.unk = 3;
    for (int i = 0; i < 2; i++) {
        types[3] = i ? TOKEN_UNKNOWN : TOKEN_CONTROL;
        Tokenizer *t = tokenizer_load(&v, NULL);
        TokenList ids = { 0 };
        tokenizer_encode(t, "axb", 3, true, &ids);
        if (i)
            ck_assert(ids.count == 3 && ids.ids[0] == 0 && ids.ids[1] == 3 && ids.ids[2] == 1);
        else
            ck_assert(ids.count == 1 && ids.ids[0] == 2); // as if the x had never been there
        free(ids.ids);
        tokenizer_free(t);
    }
}
END_TEST

// What a name in tokenizer.ggml.pre says beside the cutting.
START_TEST(rules_of_named_pre_tokenizers)
{
    static const struct {
        const char *pre;
        size_t accent, whole; // ids of "e" with U+0301, and of the word "abc", which no merge makes
    } cases[] = { { "gpt-2", 3, 3 }, { "qwen2", 2, 3 }, { "llama-bpe", 3, 1 } };
    Tokenizer *byte = tokenizer_byte();
    Vocabulary v = tokenizer_vocabulary(byte);
    StringView tokens[258];
    memcpy(tokens, v.tokens, 257 * sizeof *tokens);
    tokens[257] = string_view("abc");
    v.n_tokens = 258, v.tokens = tokens, v.types = NULL;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        v.pre = string_view(cases[i].pre);
        tokens[256] = string_view("end");
        Tokenizer *t = tokenizer_load(&v, NULL);
        TokenList ids = { 0 };
        tokenizer_encode(t, "e\u0301", 3, false, &ids);
        ck_assert_uint_eq(ids.count, cases[i].accent);
        ids.count = 0;
        tokenizer_encode(t, "abc", 3, false, &ids);
        ck_assert_uint_eq(ids.count, cases[i].whole);
        free(ids.ids);
        tokenizer_free(t);
    }
    tokenizer_free(byte);
}
END_TEST

static bool stop_at_once(void *user, int32_t done, int32_t vocab_size)
{
    ck_assert_int_eq(vocab_size, 300);
    *(int32_t *)user = done;
    return false;
}

START_TEST(training_that_cannot_be)
{
    Error err = { "" };
    ck_assert_ptr_null(tokenizer_bpe_train(TEXT, sizeof TEXT - 1, 256, NULL, NULL, &err));
    ck_assert_str_eq(err.message,
                     "BPE training: a vocabulary of 256 is too small: 256 bytes and <|endoftext|> make 257");
    err = (Error){ "" };
    int32_t done = 0;
    ck_assert_ptr_null(tokenizer_bpe_train(TEXT, sizeof TEXT - 1, 300, stop_at_once, &done, &err));
    ck_assert_str_eq(err.message, "BPE training was stopped at 256 of 300 tokens");
    ck_assert_int_eq(done, 256);
    Tokenizer *t = train("ab cd", 5, INT32_MAX); // nothing occurs twice; no memory for 2³¹ tokens is asked for
    ck_assert_int_eq(tokenizer_vocab_size(t), 257);
    tokenizer_free(t);
    t = train("x<|endoftext|>x<|endoftext|>x", 29, 300); // the mark isn't learnt from
    ck_assert_int_eq(tokenizer_vocab_size(t), 257);
    tokenizer_free(t);
}
END_TEST

Suite *suite_tokenizer(void)
{
    Suite *suite = suite_create("tokenizer");
    TCase *tests = tcase_create("tokenizer");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, alphabet_is_gpt2s);
    tcase_add_test(tests, any_bytes_come_back);
    tcase_add_test(tests, long_words);
    tcase_add_test(tests, characters);
    tcase_add_test(tests, bytes_are_their_ids);
    tcase_add_test(tests, special_tokens);
    tcase_add_test(tests, streams_never_cut_a_character);
    tcase_add_test(tests, streams_give_bad_bytes_at_once);
    tcase_add_test(tests, training_equals_a_quadratic_trainer);
    tcase_add_test(tests, encoding_equals_a_naive_encoder);
    tcase_add_test(tests, ids_equal_hugging_face);
    tcase_add_test(tests, a_vocabulary_goes_through_gguf);
    tcase_add_loop_test(tests, bad_vocabularies_are_named, 0, COUNT_OF(BAD_VOCABULARIES));
    tcase_add_test(tests, bytes_without_a_token);
    tcase_add_test(tests, rules_of_named_pre_tokenizers);
    tcase_add_test(tests, training_that_cannot_be);
    suite_add_tcase(suite, tests);
    return suite;
}
