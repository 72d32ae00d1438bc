// tokenizer.json, as Hugging Face's tokenizers reads it, from the vocabulary of a GGUF file.
#include "models/hub.h"
#include <stdlib.h>
#include <string.h>

#define BYTE_LEVEL(use_regex) \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":" use_regex "}"
#define SEQUENCE(first) "{\"type\":\"Sequence\",\"pretokenizers\":[" first "]}"
#define SPLIT(numbers)                                                                       \
    "{\"type\":\"Split\",\"behavior\":\"Isolated\",\"invert\":false,\"pattern\":{\"Regex\":" \
    "\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" numbers        \
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}}"

static const struct {
    const char *pre, *json, *normalizer;
} PRE_TOKENIZERS[] = {
    { "gpt-2", BYTE_LEVEL("true"), NULL },
    { "smollm", SEQUENCE("{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL("true")), NULL },
    { "llama-bpe", SEQUENCE(SPLIT("\\\\p{N}{1,3}") "," BYTE_LEVEL("false")), NULL },
    { "qwen2", SEQUENCE(SPLIT("\\\\p{N}") "," BYTE_LEVEL("false")), "NFC" },
};

typedef struct Tokens {
    const StringView *text, *merges;
    size_t count, n_merges, n_types;
    int32_t *types; // NULL: all normal
} Tokens;

static bool read_tokens(const Gguf *file, Tokens *t, Error *err)
{
    *t = (Tokens){ 0 };
    StringView model;
    bool ok = gguf_get_string(file, "tokenizer.ggml.model", &model, err);
    if (ok && !string_view_equal(model, string_view("gpt2")))
        return error_set(err,
                         "%s: tokenizer.ggml.model is \"%.*s\"; only byte-level BPE (\"gpt2\") becomes a "
                         "tokenizer.json here",
                         file->path, VIEW_ARGS(model));
    ok = ok && gguf_get_strings(file, "tokenizer.ggml.tokens", &t->text, &t->count, err) &&
         gguf_get_strings(file, "tokenizer.ggml.merges", &t->merges, &t->n_merges, err);
    if (ok && gguf_value(file, "tokenizer.ggml.token_type"))
        ok = gguf_get_i32s(file, "tokenizer.ggml.token_type", &t->types, &t->n_types, err);
    if (!ok || !t->types || t->n_types == t->count) return ok;
    free(t->types);
    return error_set(err, "%s: tokenizer.ggml.token_type has %zu entries for %zu tokens", file->path, t->n_types,
                     t->count);
}

static json_t *pre_tokenizer(const Gguf *file, const char **normalizer, Error *err)
{
    StringView pre = { 0 };
    if (!gguf_get_string(file, "tokenizer.ggml.pre", &pre, err)) return NULL;
    for (size_t i = 0; i < COUNT_OF(PRE_TOKENIZERS); i++)
        if (string_view_equal(pre, string_view(PRE_TOKENIZERS[i].pre))) {
            *normalizer = PRE_TOKENIZERS[i].normalizer;
            return json_loads(PRE_TOKENIZERS[i].json, 0, NULL);
        }
    error_set(err, "%s: tokenizer.ggml.pre is \"%.*s\", which is not known here", file->path, VIEW_ARGS(pre));
    return NULL;
}

// The vocabulary and the tokens that are matched in the text before anything else: control tokens as special ones.
static bool put_tokens(const Tokens *t, json_t *vocab, json_t *added, const char **unknown)
{
    for (size_t i = 0; i < t->count; i++) {
        json_t *text = json_stringn(t->text[i].data, t->text[i].size);
        if (!text) return false;
        const char *name = json_string_value(text);
        int32_t type = t->types ? t->types[i] : TOKEN_NORMAL;
        bool special = type == TOKEN_CONTROL || type == TOKEN_UNKNOWN;
        json_object_set_new(vocab, name, json_integer((json_int_t)i));
        if (special || type == TOKEN_USER_DEFINED)
            json_array_append_new(added, json_pack("{s:I, s:O, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i,
                                                   "content", text, "single_word", 0, "lstrip", 0, "rstrip", 0,
                                                   "normalized", 0, "special", special));
        if (type == TOKEN_UNKNOWN) *unknown = json_object_iter_key(json_object_iter_at(vocab, name));
        json_decref(text);
    }
    return true;
}

json_t *hub_tokenizer(const Gguf *file, Error *err)
{
    Tokens t;
    const char *normalizer = NULL, *unknown = NULL;
    json_t *pre = NULL, *result = NULL, *vocab = json_object(), *added = json_array(), *merges = json_array();
    if (read_tokens(file, &t, err) && (pre = pre_tokenizer(file, &normalizer, err))) {
        bool ok = put_tokens(&t, vocab, added, &unknown);
        for (size_t i = 0; ok && i < t.n_merges; i++)
            ok = json_array_append_new(merges, json_stringn(t.merges[i].data, t.merges[i].size)) == 0;
        if (!ok) error_set(err, "%s: a token or merge of its vocabulary is no UTF-8", file->path);
        json_t *byte_level = json_loads(BYTE_LEVEL("true"), 0, NULL);
        if (ok)
            result =
                json_pack("{s:s, s:n, s:n, s:O, s:o, s:O, s:O, s:O, s:{s:s, s:n, s:s?, s:n, s:n, s:b, s:b, s:O, s:O}}",
                          "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer",
                          normalizer ? json_pack("{s:s}", "type", normalizer) : json_null(), "pre_tokenizer", pre,
                          "post_processor", byte_level, "decoder", byte_level, "model", "type", "BPE", "dropout",
                          "unk_token", unknown, "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                          "byte_fallback", 0, "vocab", vocab, "merges", merges);
        json_decref(byte_level);
    }
    free(t.types);
    json_decref(pre);
    json_decref(vocab);
    json_decref(added);
    json_decref(merges);
    return result;
}

json_t *hub_tokenizer_config(const Gguf *file)
{
    static const struct {
        const char *key, *name;
    } ids[] = { { "tokenizer.ggml.bos_token_id", "bos_token" },
                { "tokenizer.ggml.eos_token_id", "eos_token" },
                { "tokenizer.ggml.unknown_token_id", "unk_token" },
                { "tokenizer.ggml.padding_token_id", "pad_token" } };
    json_t *config =
        json_pack("{s:s, s:b}", "tokenizer_class", "PreTrainedTokenizerFast", "clean_up_tokenization_spaces", 0);
    const StringView *tokens;
    size_t count;
    uint32_t id;
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if (gguf_get_strings(file, "tokenizer.ggml.tokens", &tokens, &count, NULL) &&
            gguf_get_u32(file, ids[i].key, &id, NULL) && id < count)
            json_object_set_new(config, ids[i].name, json_stringn(tokens[id].data, tokens[id].size));
    StringView chat;
    bool add_bos;
    if (gguf_get_bool(file, "tokenizer.ggml.add_bos_token", &add_bos, NULL))
        json_object_set_new(config, "add_bos_token", json_boolean(add_bos));
    if (gguf_get_string(file, "tokenizer.chat_template", &chat, NULL))
        json_object_set_new(config, "chat_template", json_stringn(chat.data, chat.size));
    return config;
}
