// The first byte chooses: train on the rest, take its characters, or read it as a vocabulary and a text. Whatever loads
// gives every text back, at once and as a stream. Or the rest is a tokenizer.json (j), a vocab.txt (t), or a vocab.json
// and merges.txt (m), each ended by a 0, and a text: what loads gives ids that are tokens.
#include "base/memory.h"
#include "text/tokenizer.h"
#include <stdlib.h>

// A vocabulary drops the bytes that it has no token for, and no unknown one.
static bool drops(const Tokenizer *t, const char *text, size_t size)
{
    bool dropped = false;
    for (size_t i = 0; i < size && !dropped; i++) {
        TokenList ids = { 0 };
        tokenizer_encode(t, text + i, 1, false, &ids);
        dropped = ids.count == 0;
        free(ids.ids);
    }
    return dropped;
}

static void check_round_trip(const Tokenizer *t, const char *text, size_t size, bool parse_special)
{
    TokenList ids = { 0 };
    TokenStream stream = { .tokenizer = t };
    tokenizer_encode(t, text, size, parse_special, &ids);
    size_t at = 0, streamed = 0;
    bool unknown = drops(t, text, size);
    for (size_t i = 0; i < ids.count; i++) unknown |= ids.ids[i] == tokenizer_unknown(t);
    for (size_t i = 0; i <= ids.count && !unknown; i++) {
        if (i < ids.count) {
            StringView token = tokenizer_decode(t, ids.ids[i]);
            if (token.size > size - at || (token.size && memcmp(text + at, token.data, token.size))) abort();
            at += token.size;
        }
        StringView part = i < ids.count ? token_stream_push(&stream, ids.ids[i]) : token_stream_end(&stream);
        if (part.size > size - streamed || (part.size && memcmp(text + streamed, part.data, part.size))) abort();
        streamed += part.size;
    }
    if (!unknown && (at != size || streamed != size)) abort();
    token_stream_free(&stream);
    free(ids.ids);
}

enum { EXTRA = 64 };

// Lines: "1token" … "6token" adds a token of that type, "mleft right" a merge, "u12" sets the unknown id, "x" leaves out
// the byte tokens; an empty line ends the vocabulary and what follows is the text.
static void load_and_use(const char *data, size_t size)
{
    static Tokenizer *byte;
    if (!byte) byte = tokenizer_byte();
    Vocabulary v = tokenizer_vocabulary(byte);
    StringView tokens[256 + EXTRA], merges[EXTRA];
    int32_t types[256 + EXTRA];
    for (int i = 0; i < 256; i++) tokens[i] = v.tokens[i], types[i] = TOKEN_NORMAL;
    v.n_tokens = 256;
    v.eos = v.bos = -1;
    const char *at = data, *end = data + size;
    while (at < end) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        at = stop < end ? stop + 1 : end;
        if (line == stop) break;
        StringView rest = { line + 1, (size_t)(stop - line - 1) };
        if (*line == 'm' && v.n_merges < EXTRA)
            merges[v.n_merges++] = rest;
        else if (*line == 'u')
            v.unk = rest.size ? (uint8_t)rest.data[0] : -1;
        else if (*line == 'x')
            v.n_tokens = 0;
        else if (v.n_tokens < 256 + EXTRA) {
            types[v.n_tokens] = *line - '0';
            tokens[v.n_tokens++] = rest;
        }
    }
    v.tokens = tokens, v.types = types, v.merges = merges;
    Error err = { "" };
    Tokenizer *t = tokenizer_load(&v, &err);
    if ((t == NULL) != error_is_set(&err)) abort();
    if (!t) return;
    check_round_trip(t, at, (size_t)(end - at), true);
    check_round_trip(t, at, (size_t)(end - at), false);
    tokenizer_free(t);
}

// Up to the next 0, which is skipped.
static StringView next_part(const char **at, const char *end)
{
    const char *start = *at, *stop = memchr(start, '\0', (size_t)(end - start));
    *at = stop ? stop + 1 : end;
    return (StringView){ start, (size_t)((stop ? stop : end) - start) };
}

static void read_file_and_use(char kind, const char *data, size_t size)
{
    const char *at = data, *end = data + size;
    Error err = { "" };
    StringView file = next_part(&at, end), merges = kind == 'm' ? next_part(&at, end) : (StringView){ "", 0 };
    Tokenizer *t = kind == 'j'   ? tokenizer_from_json(file.data, file.size, &err)
                   : kind == 't' ? tokenizer_from_vocab_txt(file.data, file.size, &err)
                                 : tokenizer_from_vocab_json(file.data, file.size, merges.data, merges.size, &err);
    if ((t == NULL) != error_is_set(&err)) abort();
    if (!t) return;
    TokenStream stream = { .tokenizer = t };
    for (int parse_special = 0; parse_special < 2; parse_special++) {
        TokenList ids = { 0 };
        tokenizer_encode_whole(t, at, (size_t)(end - at), parse_special, &ids);
        for (size_t i = 0; i < ids.count; i++) {
            if (ids.ids[i] < 0 || ids.ids[i] >= tokenizer_vocab_size(t)) abort();
            if (tokenizer_piece(t, ids.ids[i]).size == 0) abort();
            token_stream_push(&stream, ids.ids[i]);
        }
        free(ids.ids);
    }
    token_stream_free(&stream);
    tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const char *text = (const char *)data + 1;
    Tokenizer *t = NULL;
    if (data[0] == 'v') return load_and_use(text, size - 1), 0;
    if (strchr("jtm", data[0]) && data[0]) return read_file_and_use((char)data[0], text, size - 1), 0;
    if (data[0] == 'c')
        t = tokenizer_char(text, size - 1);
    else
        t = tokenizer_bpe_train(text, size - 1, 257 + data[0], NULL, NULL, NULL);
    check_round_trip(t, text, size - 1, true);
    if (data[0] != 'c') check_round_trip(t, (const char *)data, size, false);
    tokenizer_free(t);
    return 0;
}
