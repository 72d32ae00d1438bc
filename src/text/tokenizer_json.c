#include "text/tokenizer_json.h"
#include "text/normalize.h"
#include "text/tokenizer_kind.h"

json_t *json_member(json_t *object, const char *where, const char *name, json_type type, Error *err)
{
    static const char *const names[] = { "object", "array", "string", "integer", "real", "true", "false", "null" };
    json_t *value = json_object_get(object, name);
    if (value && json_typeof(value) == type) return value;
    error_set(err, "%s: %s%s%s", where, name, value ? " is no " : " is missing", value ? names[type] : "");
    return NULL;
}

bool json_flag(json_t *object, const char *name, bool otherwise)
{
    json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

StringView json_view(json_t *string)
{
    return json_is_string(string) ? (StringView){ json_string_value(string), json_string_length(string) }
                                  : (StringView){ "", 0 };
}

// --- Tokens ----------------------------------------------------------------------------------------------------------

static bool read_id(const JsonReader *r, StringView token, json_t *value, int32_t *id, Error *err)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || number > INT32_MAX || (uint64_t)number >= r->bytes)
        return error_set(err, "token \"%.*s\": its id is no number of a token", VIEW_ARGS(token));
    *id = (int32_t)number;
    return true;
}

static bool put_token(JsonReader *r, StringView token, int32_t id, Error *err)
{
    if (r->tokens[id].data && !string_view_equal(r->tokens[id], token))
        return error_set(err, "tokens \"%.*s\" and \"%.*s\" both have id %d", VIEW_ARGS(r->tokens[id]),
                         VIEW_ARGS(token), id);
    r->tokens[id] = token;
    return true;
}

// The id of an entry of added_tokens.
static bool added_id(const JsonReader *r, json_t *entry, int32_t *id, Error *err)
{
    json_t *content = json_member(entry, "added_tokens", "content", JSON_STRING, err);
    return content && read_id(r, json_view(content), json_object_get(entry, "id"), id, err);
}

bool read_json_vocab(JsonReader *r, json_t *vocab, json_t *added, Error *err)
{
    const char *token;
    json_t *value;
    size_t i, count = 0;
    int32_t id;
    json_object_foreach(vocab, token, value)
    {
        if (!read_id(r, string_view(token), value, &id, err)) return false;
        if ((size_t)id >= count) count = (size_t)id + 1;
    }
    json_array_foreach(added, i, value)
    {
        if (!added_id(r, value, &id, err)) return false;
        if ((size_t)id >= count) count = (size_t)id + 1;
    }
    r->v.n_tokens = count;
    r->tokens = ARENA_ARRAY(&r->arena, StringView, count);
    r->types = ARENA_ARRAY(&r->arena, int32_t, count);
    r->flags = ARENA_ARRAY(&r->arena, uint32_t, count);
    json_object_foreach(vocab, token, value)
    {
        id = (int32_t)json_integer_value(value);
        if (!put_token(r, string_view(token), id, err)) return false;
        r->types[id] = TOKEN_NORMAL;
    }
    for (i = 0; i < count; i++) // what nobody names
        if (!r->types[i]) r->types[i] = TOKEN_UNUSED;
    return true;
}

static bool read_added(JsonReader *r, json_t *added, Error *err)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = { { "lstrip", ADDED_LSTRIP },
                  { "rstrip", ADDED_RSTRIP },
                  { "single_word", ADDED_SINGLE_WORD },
                  { "normalized", ADDED_NORMALIZED } };
    json_t *entry;
    size_t i;
    json_array_foreach(added, i, entry)
    {
        int32_t id;
        bool special = json_flag(entry, "special", false);
        if (!added_id(r, entry, &id, err) || !put_token(r, json_view(json_object_get(entry, "content")), id, err))
            return false;
        r->types[id] = special ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
        for (size_t j = 0; j < COUNT_OF(flags); j++)
            if (json_flag(entry, flags[j].name, flags[j].flag == ADDED_NORMALIZED && !special))
                r->flags[id] |= flags[j].flag;
    }
    return true;
}

static int32_t find_token(const JsonReader *r, StringView token)
{
    for (size_t i = 0; i < r->v.n_tokens; i++)
        if (r->tokens[i].data && string_view_equal(r->tokens[i], token)) return (int32_t)i;
    return -1;
}

static bool read_unknown(JsonReader *r, json_t *name, Error *err)
{
    if (!json_is_string(name)) return true;
    r->v.unk = find_token(r, json_view(name));
    if (r->v.unk < 0) return error_set(err, "model: its unk_token \"%s\" is no token", json_string_value(name));
    r->types[r->v.unk] = TOKEN_UNKNOWN;
    return true;
}

// --- Models ----------------------------------------------------------------------------------------------------------

bool read_json_merges(JsonReader *r, json_t *merges, Error *err)
{
    StringView *list = ARENA_ARRAY(&r->arena, StringView, json_array_size(merges));
    json_t *merge;
    size_t i;
    json_array_foreach(merges, i, merge)
    {
        StringView left = json_view(json_array_get(merge, 0)), right = json_view(json_array_get(merge, 1));
        list[i] = json_view(merge);
        if (json_array_size(merge) == 2 && left.size && right.size) {
            char *both = arena_alloc(&r->arena, left.size + right.size + 2);
            memcpy(both, left.data, left.size);
            both[left.size] = ' ';
            memcpy(both + left.size + 1, right.data, right.size);
            list[i] = (StringView){ both, left.size + 1 + right.size };
        }
        if (!list[i].size) return error_set(err, "model: merge %zu is no pair of tokens", i);
    }
    r->v.merges = list, r->v.n_merges = json_array_size(merges);
    return true;
}

// These change what comes out and aren't there in a byte-level model.
static bool check_plain_bpe(json_t *model, Error *err)
{
    static const char *const names[] = { "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
                                         "fuse_unk" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_t *value = json_object_get(model, names[i]);
        bool off = !value || json_is_null(value) || json_is_false(value) ||
                   (json_is_string(value) && !json_string_length(value)) ||
                   (json_is_number(value) && json_number_value(value) == 0);
        if (!off && (i < 4 || json_is_string(json_object_get(model, "unk_token"))))
            return error_set(err, "model: BPE with %s is not supported here", names[i]);
    }
    return true;
}

static bool read_bpe(JsonReader *r, json_t *model, Error *err)
{
    json_t *merges = json_member(model, "model", "merges", JSON_ARRAY, err);
    r->v.model = string_view("gpt2");
    r->v.whole_words = json_flag(model, "ignore_merges", false);
    if (!merges || !check_plain_bpe(model, err)) return false;
    if (!r->byte_level) return error_set(err, "model: BPE without the pre-tokenizer ByteLevel is not supported here");
    return read_json_merges(r, merges, err);
}

// "##dy" → "dy", "ted" → "▁ted", as GGUF spells them.
void respell_wordpiece(JsonReader *r)
{
    for (size_t i = 0; i < r->v.n_tokens; i++) {
        StringView *token = &r->tokens[i];
        if (r->types[i] != TOKEN_NORMAL || !token->data) continue;
        if (token->size > 2 && !memcmp(token->data, "##", 2)) {
            *token = (StringView){ token->data + 2, token->size - 2 };
            continue;
        }
        if (!token->size) continue; // loading will say so
        char *marked = arena_alloc(&r->arena, token->size + 4);
        memcpy(marked, "\u2581", 3);
        memcpy(marked + 3, token->data, token->size);
        *token = (StringView){ marked, token->size + 3 };
    }
}

static bool read_wordpiece(JsonReader *r, json_t *model, Error *err)
{
    json_t *prefix = json_object_get(model, "continuing_subword_prefix");
    json_t *longest = json_object_get(model, "max_input_chars_per_word");
    r->v.model = string_view("bert");
    if (prefix && !string_view_equal(json_view(prefix), string_view("##")))
        return error_set(err, "model: WordPiece with another continuing_subword_prefix than ## is not supported here");
    if (!r->bert_words)
        return error_set(err, "model: WordPiece without the pre-tokenizer BertPreTokenizer is not supported here");
    if (longest) {
        json_int_t n = json_is_integer(longest) ? json_integer_value(longest) : 0;
        if (n < 1 || n > INT32_MAX) return error_set(err, "model: max_input_chars_per_word is no length");
        r->v.max_word = (int32_t)n;
    }
    respell_wordpiece(r);
    return true;
}

static bool read_model(JsonReader *r, json_t *model, json_t *added, Error *err)
{
    static const struct {
        const char *type;
        bool (*read)(JsonReader *r, json_t *model, Error *err);
    } kinds[] = { { "BPE", read_bpe }, { "WordPiece", read_wordpiece } };
    StringView type = json_view(json_object_get(model, "type"));
    if (!type.size) type = string_view(json_object_get(model, "merges") ? "BPE" : "of no type"); // files before 2020
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!string_view_equal(type, string_view(kinds[i].type))) continue;
        json_t *vocab = json_member(model, "model", "vocab", JSON_OBJECT, err);
        return vocab && read_json_vocab(r, vocab, added, err) && read_added(r, added, err) &&
               read_unknown(r, json_object_get(model, "unk_token"), err) && kinds[i].read(r, model, err);
    }
    return error_set(err, "model: \"%.*s\" is not supported here (BPE and WordPiece are)", VIEW_ARGS(type));
}

// --- The whole -------------------------------------------------------------------------------------------------------

static void name_unused(JsonReader *r)
{
    for (size_t i = 0; i < r->v.n_tokens; i++)
        if (r->types[i] == TOKEN_UNUSED) r->tokens[i] = string_view(arena_format(&r->arena, "<unused id %zu>", i));
}

Tokenizer *finish_json(JsonReader *r, Error *err)
{
    Vocabulary *v = &r->v;
    name_unused(r);
    v->tokens = r->tokens, v->types = r->types, v->flags = r->flags;
    const PreTokenizer *named = pre_tokenizer_match(r->patterns, v->n_patterns, v->normalize, v->whole_words);
    if (named && r->byte_level) {
        v->pre = string_view(named->name);
        v->n_patterns = 0;
    }
    v->patterns = r->patterns;
    return tokenizer_load(v, err);
}

void free_json(JsonReader *r)
{
    json_decref(r->root);
    arena_free(&r->arena);
}

Tokenizer *tokenizer_from_json(const char *data, size_t size, Error *err)
{
    json_error_t why;
    JsonReader r = { .bytes = size, .v = VOCABULARY_NONE };
    Tokenizer *t = NULL;
    r.root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &why);
    if (!r.root) {
        error_set(err, "line %d: %s", why.line, why.text);
        return NULL;
    }
    json_t *model = json_member(r.root, "tokenizer", "model", JSON_OBJECT, err);
    json_t *added = json_object_get(r.root, "added_tokens");
    if (added && !json_is_array(added))
        error_set(err, "tokenizer: added_tokens is no array");
    else if (model && read_json_normalizer(&r, json_object_get(r.root, "normalizer"), err) &&
             read_json_pre_tokenizer(&r, json_object_get(r.root, "pre_tokenizer"), err) &&
             read_model(&r, model, added, err) &&
             read_json_post_processor(&r, json_object_get(r.root, "post_processor"), err))
        t = finish_json(&r, err);
    free_json(&r);
    return t;
}
