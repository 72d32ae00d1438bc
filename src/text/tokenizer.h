// Tokenizers: text to ids and back. Three kinds read the vocabularies of other people's models:
//
//   gpt2   byte-level BPE (Radford et al. 2019, section 2.2; Sennrich et al. 2016): the text's bytes are the first
//          symbols and an ordered list of merges joins neighbours
//   llama  SentencePiece's BPE (Kudo & Richardson 2018): characters are the first symbols, those neighbours are joined
//          that make the token with the highest score, and what no token covers is spelt in bytes
//   bert   WordPiece (Schuster & Nakajima 2012; Devlin et al. 2018): each word from its beginning, the longest token
//          first
//
// What is trained here is byte-level BPE, so that any model's vocabulary can be stored as other programs expect it:
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

// How an added token of tokenizer.json is matched, beside its text; 0 for all others.
typedef enum AddedFlags {
    ADDED_LSTRIP = 1,      // with the white space before it
    ADDED_RSTRIP = 2,      // and after it
    ADDED_SINGLE_WORD = 4, // not where it is part of a word
    ADDED_NORMALIZED = 8,  // in the normalised text, after all the others
} AddedFlags;

// A tokenizer as files hold it (tokenizer.ggml.* in GGUF): what `tokenizer_load` reads and `tokenizer_vocabulary`
// gives. It owns nothing: the views and arrays belong to a file or to the tokenizer. Whoever fills it from a file checks
// that arrays by id have n_tokens entries. `VOCABULARY_NONE` is an empty one.
//
// Spellings: tokens and merges of gpt2 in GPT-2's alphabet, where each byte is a printable character (space is Ġ, see
// byte_alphabet.h); those of llama and bert with ▁ for a space, which in bert's begins a word ("▁the"; what goes on has
// none). Special tokens are spelt as they are.
typedef struct Vocabulary {
    StringView model;         // tokenizer.ggml.model: "gpt2", "llama" or "bert"
    StringView pre;           // tokenizer.ggml.pre: "gpt-2", "smollm" … (words.c); "" for none
    size_t n_tokens;          //
    const StringView *tokens; // tokenizer.ggml.tokens, by id
    const float *scores;      // tokenizer.ggml.scores, by id: of llama
    const int32_t *types;     // tokenizer.ggml.token_type, TokenType by id; NULL: all normal
    const uint32_t *flags;    // AddedFlags by id; NULL: none
    size_t n_merges;          //
    const StringView *merges; // tokenizer.ggml.merges: "left right", the first is applied first: of gpt2
    int32_t bos, eos, unk;    // tokenizer.ggml.bos_token_id, eos_token_id, unknown_token_id; −1 for none
    bool add_bos, add_eos; // tokenizer.ggml.add_bos_token, add_eos_token: each text is given to the model between them
    bool space_prefix;     // tokenizer.ggml.add_space_prefix: a text begins with a space
    const StringView *patterns; // of gpt2 with a pre-tokenizer that has no name: see words.h
    size_t n_patterns;          //
    bool whole_words;           // a word that is a token is not built by merges
    uint32_t normalize;         // a set of Normalize (normalize.h), beside what `pre` says
    int32_t max_word;           // of bert: longer words, in characters, are unknown; 0: 100
} Vocabulary;
#define VOCABULARY_NONE \
    (Vocabulary) { .bos = -1, .eos = -1, .unk = -1 }

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
// unknown model or pre-tokenizer, no tokens, an empty or repeated token; types and special ids out of range; of gpt2 a
// character outside the alphabet, no token for any byte (unless there is an unknown token), a merge without two parts,
// whose parts or result are no normal tokens, or that is there twice; of llama no or bad scores; of bert no unknown
// token.
Tokenizer *tokenizer_load(const Vocabulary *vocabulary, Error *err);
void tokenizer_free(Tokenizer *tokenizer);

// Hugging Face's files. `path` is a tokenizer.json, a vocab.json with its merges.txt beside it, BERT's vocab.txt, or a
// folder with one of them; a tokenizer_config.json beside it tells bos and eos where tokenizer.json doesn't. Of
// tokenizer.json: models BPE with ByteLevel, and WordPiece; normalizers NFC and BertNormalizer; pre-tokenizers
// ByteLevel, Split (Isolated), Digits and BertPreTokenizer; templates with one token in front and one behind; Sequences
// of these. Truncation and padding aren't done. Anything else is an error that names it; every error names the path.
// A vocab.txt doesn't say whether it is BERT's uncased one: it is where none of its words has a capital letter.
Tokenizer *tokenizer_open(const char *path, Error *err);

// The same of their bytes.
Tokenizer *tokenizer_from_json(const char *data, size_t size, Error *err);
Tokenizer *tokenizer_from_vocab_json(const char *data, size_t size, const char *merges, size_t merges_size, Error *err);
Tokenizer *tokenizer_from_vocab_txt(const char *data, size_t size, Error *err);

// The vocabulary as files hold it; everything in it belongs to the tokenizer.
Vocabulary tokenizer_vocabulary(const Tokenizer *tokenizer);

// Appends the ids of a text of any bytes, UTF-8 or not. With parse_special the text of a control token becomes its id;
// without, it is text like any other (what a user typed must not end a document). Time is proportional to the text's
// length (n log n within one word). No id is added that the text doesn't ask for. Safe from several threads.
//
// Bytes that are no UTF-8 keep their value where the vocabulary has bytes (gpt2, llama); bert reads them as U+FFFD,
// which its rules drop. Bytes that gpt2's vocabulary can't spell become its unknown token where that is of type
// TOKEN_UNKNOWN, and are dropped otherwise, as the models' own tokenizers do.
void tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t bytes, bool parse_special, TokenList *out);

// The same between the tokens that the model expects around a text: bos where it adds one, eos where it adds one (for
// bert [CLS] and [SEP]).
void tokenizer_encode_whole(const Tokenizer *tokenizer, const char *text, size_t bytes, bool parse_special,
                            TokenList *out);

// The bytes of one token, which may be part of a character; a special token's are its text. Concatenated over the ids
// of a text they are the text, unless it held bytes that the vocabulary can't spell, was normalised, or got a space in
// front (TokenStream takes that away again). Empty for an id out of range.
StringView tokenizer_decode(const Tokenizer *tokenizer, int32_t id);

// The token as a person reads it: bert's "ted" and "##dy", all others' as decoded.
StringView tokenizer_piece(const Tokenizer *tokenizer, int32_t id);

int32_t tokenizer_vocab_size(const Tokenizer *tokenizer);
int32_t tokenizer_bos(const Tokenizer *tokenizer); // −1 when there is none, here and below
int32_t tokenizer_eos(const Tokenizer *tokenizer);
int32_t tokenizer_unknown(const Tokenizer *tokenizer);
bool tokenizer_adds_bos(const Tokenizer *tokenizer); // in front of each text
bool tokenizer_adds_eos(const Tokenizer *tokenizer); // behind it
TokenType tokenizer_type(const Tokenizer *tokenizer, int32_t id);
// Whether both give the same tokens the same ids; the error names the first that differs.
bool tokenizer_same_tokens(const Tokenizer *a, const Tokenizer *b, Error *err);
int32_t tokenizer_find(const Tokenizer *tokenizer, const char *token); // by its spelling in the vocabulary; −1

// Decodes ids as they come, never cutting a character in two. {.tokenizer = t} starts it.
typedef struct TokenStream {
    const Tokenizer *tokenizer;
    char *buffer;
    size_t size, capacity, given; // bytes in the buffer, and how many of them the last call gave
    bool started;                 // a token of text has come: the space that the tokenizer put in front is gone
} TokenStream;

// The text that is complete with this id, possibly empty; valid until the next call. Bytes that cannot become UTF-8 any
// more are given as they are, so that all the parts together are the ids' bytes.
StringView token_stream_push(TokenStream *stream, int32_t id);
StringView token_stream_end(TokenStream *stream); // what is left: an unfinished character, if any
void token_stream_free(TokenStream *stream);
