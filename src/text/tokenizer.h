// Tokenizers: text to ids and back. Every kind that is trained here is a byte-level BPE (Radford et al. 2019, section
// 2.2; Sennrich et al. 2016): the text's bytes are the first symbols and an ordered list of merges joins neighbours. So
// one encoder serves them all, and any model's vocabulary can be stored as other programs expect it.
//
//   char   a token per character of a text, in code point order from id 0 (tinyshakespeare: 0 … 64, as in nanoGPT);
//          then the byte pieces that build its multi-byte characters by merges; then <unk> and <|endoftext|>
//   byte   ids 0 … 255 are the bytes; 256 is <|endoftext|>
//   bpe    ids 0 … 255 are the bytes; then a token per learnt merge; <|endoftext|> is the last
#pragma once
#include "base/error.h"
#include "base/string_view.h"
#include <stdint.h>

typedef struct Tokenizer Tokenizer;

// A growing list of ids; {0} is empty. The caller frees `ids`.
typedef struct TokenList {
    int32_t *ids;
    size_t count, capacity;
} TokenList;

// What a token is. The values are those of tokenizer.ggml.token_type.
typedef enum TokenType {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,      // stands for bytes that no token covers
    TOKEN_CONTROL = 3,      // <|endoftext|>: never made from plain text
    TOKEN_USER_DEFINED = 4, // matched in the text before anything else
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6,
} TokenType;

// A tokenizer as files hold it (tokenizer.ggml.* in GGUF): what `tokenizer_load` reads and `tokenizer_vocabulary`
// gives. It owns nothing: the views and arrays belong to a file or to the tokenizer. Whoever fills it from a file checks
// that `types` has n_tokens entries.
//
// Normal tokens and merges are spelt in GPT-2's alphabet, where each byte is a printable character (space is Ġ, see
// byte_alphabet.h); the others as they are.
typedef struct Vocabulary {
    StringView model;         // tokenizer.ggml.model: "gpt2"
    StringView pre;           // tokenizer.ggml.pre: "gpt-2"
    size_t n_tokens;          //
    const StringView *tokens; // tokenizer.ggml.tokens, by id
    const int32_t *types;     // tokenizer.ggml.token_type, TokenType by id; NULL: all normal
    size_t n_merges;          //
    const StringView *merges; // tokenizer.ggml.merges: "left right", the first is applied first
    int32_t bos, eos, unk;    // tokenizer.ggml.bos_token_id, eos_token_id, unknown_token_id; −1 for none
} Vocabulary;

// The characters of a text. A byte that is not UTF-8 counts as a character after all others. Bytes met later that the
// vocabulary can't spell encode to <unk>, one each.
Tokenizer *tokenizer_char(const char *text, size_t bytes);

Tokenizer *tokenizer_byte(void);

// Learns merges until the vocabulary has `vocab_size` tokens, or no pair of neighbours within a word occurs twice: then
// it is smaller. The most frequent pair is merged first; of equals the one with the smallest (left, right) ids.
// Deterministic. An <|endoftext|> in the text ends a word and is not learnt from. `progress` (may be NULL) is called
// now and then with the tokens made so far; when it returns false, training stops with an error. Errors: vocab_size
// below 257, text with over 2³¹ bytes of different words.
typedef bool (*TokenizerProgress)(void *user, int32_t done, int32_t vocab_size);
Tokenizer *tokenizer_bpe_train(const char *text, size_t bytes, int32_t vocab_size, TokenizerProgress progress,
                               void *user, Error *err);

// Checks a vocabulary from outside and copies what it keeps. Errors (each naming token or merge, and its text):
// unknown model or pre-tokenizer, no tokens, an empty or repeated token, a character outside the alphabet, a byte that
// is no token (unless there is an unknown token), a merge without two parts, whose parts or result are no normal
// tokens, or that is there twice; types and special ids out of range.
Tokenizer *tokenizer_load(const Vocabulary *vocabulary, Error *err);
void tokenizer_free(Tokenizer *tokenizer);

// The vocabulary as files hold it; everything in it belongs to the tokenizer.
Vocabulary tokenizer_vocabulary(const Tokenizer *tokenizer);

// Appends the ids of a text of any bytes, UTF-8 or not. With parse_special the text of a control token becomes its id;
// without, it is text like any other (what a user typed must not end a document). Time is proportional to the text's
// length (n log n within one word). No id is added that the text doesn't ask for: a beginning-of-text token is the
// caller's to add. Safe from several threads.
void tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t bytes, bool parse_special, TokenList *out);

// The bytes of one token, which may be part of a character; a special token's are its text. Concatenated over the ids
// of a text they are the text (unless it held bytes that became <unk>). Empty for an id out of range.
StringView tokenizer_decode(const Tokenizer *tokenizer, int32_t id);

int32_t tokenizer_vocab_size(const Tokenizer *tokenizer);
int32_t tokenizer_bos(const Tokenizer *tokenizer); // −1 when there is none, here and below
int32_t tokenizer_eos(const Tokenizer *tokenizer);
int32_t tokenizer_unknown(const Tokenizer *tokenizer);
TokenType tokenizer_type(const Tokenizer *tokenizer, int32_t id);
int32_t tokenizer_find(const Tokenizer *tokenizer, const char *token); // by its spelling in the vocabulary; −1

// Decodes ids as they come, never cutting a character in two. {.tokenizer = t} starts it.
typedef struct TokenStream {
    const Tokenizer *tokenizer;
    char *buffer;
    size_t size, capacity, given; // bytes in the buffer, and how many of them the last call gave
} TokenStream;

// The text that is complete with this id, possibly empty; valid until the next call. Bytes that cannot become UTF-8 any
// more are given as they are, so that all the parts together are the ids' bytes.
StringView token_stream_push(TokenStream *stream, int32_t id);
StringView token_stream_end(TokenStream *stream); // what is left: an unfinished character, if any
void token_stream_free(TokenStream *stream);
