// Tokenizers as Hugging Face's folders have them: tokenizer.json; GPT-2's vocab.json and merges.txt; BERT's vocab.txt.
#include "base/file.h"
#include "text/normalize.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary_builder.h"
#include <stdlib.h>

// The next line without its end; false at the end of the text.
static bool next_line(StringView *rest, StringView *line)
{
    if (!rest->size) return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    *line = (StringView){ rest->data, end ? (size_t)(end - rest->data) : rest->size };
    size_t taken = line->size + (end != NULL);
    *rest = (StringView){ rest->data + taken, rest->size - taken };
    if (line->size && line->data[line->size - 1] == '\r') line->size--;
    return true;
}

// --- vocab.txt -------------------------------------------------------------------------------------------------------

static int32_t bert_special(StringView token)
{
    static const char *const names[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (string_view_equal(token, string_view(names[i]))) return i == 1 ? TOKEN_UNKNOWN : TOKEN_CONTROL;
    return TOKEN_NORMAL;
}

static bool has_capital(StringView token)
{
    for (size_t i = 0; i < token.size; i++)
        if (token.data[i] >= 'A' && token.data[i] <= 'Z') return true;
    return false;
}

Tokenizer *tokenizer_from_vocab_txt(const char *data, size_t size, Error *err)
{
    JsonReader r = { .v = VOCABULARY_NONE };
    StringView rest = { data, size }, line;
    size_t lines = 0;
    while (next_line(&rest, &line)) lines++;
    if (lines > INT32_MAX) return error_set(err, "%zu lines are too many", lines), NULL;
    r.tokens = ARENA_ARRAY(&r.arena, StringView, lines);
    r.types = ARENA_ARRAY(&r.arena, int32_t, lines);
    r.flags = ARENA_ARRAY(&r.arena, uint32_t, lines);
    bool cased = false;
    rest = (StringView){ data, size };
    for (int32_t id = 0; next_line(&rest, &line); id++) {
        r.tokens[id] = line;
        r.types[id] = bert_special(line);
        if (string_view_equal(line, string_view("[UNK]"))) r.v.unk = id;
        if (string_view_equal(line, string_view("[CLS]"))) r.v.bos = id;
        if (string_view_equal(line, string_view("[SEP]"))) r.v.eos = id;
        cased |= line.size && line.data[0] != '[' && has_capital(line);
    }
    r.v.model = string_view("bert");
    r.v.n_tokens = lines;
    r.v.add_bos = r.v.bos >= 0, r.v.add_eos = r.v.eos >= 0;
    r.v.normalize = NORMALIZE_CLEAN | NORMALIZE_CJK | (cased ? 0u : NORMALIZE_ACCENTS | NORMALIZE_LOWER);
    respell_wordpiece(&r);
    Tokenizer *t = finish_json(&r, err);
    free_json(&r);
    return t;
}

// --- vocab.json and merges.txt ---------------------------------------------------------------------------------------

static bool read_merges_txt(JsonReader *r, StringView text)
{
    StringView rest = text, line;
    size_t lines = 0;
    while (next_line(&rest, &line)) lines++;
    StringView *merges = ARENA_ARRAY(&r->arena, StringView, lines);
    for (rest = text; next_line(&rest, &line);)
        if (line.size && (line.data != text.data || line.data[0] != '#')) merges[r->v.n_merges++] = line;
    r->v.merges = merges;
    return true;
}

Tokenizer *tokenizer_from_vocab_json(const char *data, size_t size, const char *merges, size_t merges_size, Error *err)
{
    json_error_t why;
    JsonReader r = { .bytes = size, .v = VOCABULARY_NONE, .byte_level = true };
    Tokenizer *t = NULL;
    r.root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(r.root)) {
        error_set(err, r.root ? "it is no object of tokens" : "line %d: %s", why.line, why.text);
    } else if (read_json_vocab(&r, r.root, NULL, err) && read_merges_txt(&r, (StringView){ merges, merges_size })) {
        json_t *end = json_object_get(r.root, END_OF_TEXT);
        r.v.model = string_view("gpt2");
        r.patterns[r.v.n_patterns++] = string_view(GPT2_PATTERN);
        if (end) {
            r.v.bos = r.v.eos = (int32_t)json_integer_value(end);
            r.types[r.v.eos] = TOKEN_CONTROL;
        }
        t = finish_json(&r, err);
    }
    free_json(&r);
    return t;
}

// --- Files and folders -------------------------------------------------------------------------------------------------

static bool ends_with(const char *path, const char *end)
{
    size_t size = strlen(path), n = strlen(end);
    return size >= n && !strcmp(path + size - n, end);
}

// The path of a file beside another one; the caller frees it.
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_string_n(path, (size_t)(slash - path) + 1) : mem_string("");
    char *joined = mem_format("%s%s", folder, name);
    free(folder);
    return joined;
}

static Tokenizer *read_vocab_json(const char *path, const char *data, size_t size, Error *err)
{
    size_t merges_size;
    char *merges_path = beside(path, "merges.txt"), *merges = file_read(merges_path, &merges_size, err);
    Tokenizer *t = merges ? tokenizer_from_vocab_json(data, size, merges, merges_size, err) : NULL;
    free(merges);
    free(merges_path);
    return t;
}

// bos_token and eos_token are a token's text, or an object whose content that is.
static int32_t named_token(const Tokenizer *t, json_t *config, const char *name)
{
    json_t *token = json_object_get(config, name);
    if (json_is_object(token)) token = json_object_get(token, "content");
    return json_is_string(token) ? tokenizer_find(t, json_string_value(token)) : -1;
}

// The ids that tokenizer.json doesn't tell.
static bool read_config(Tokenizer *t, const char *path, Error *err)
{
    json_error_t why;
    char *config_path = beside(path, "tokenizer_config.json"); // its model_max_length may be 10^30, for none
    json_t *config =
        file_exists(config_path) ? json_load_file(config_path, JSON_DECODE_INT_AS_REAL, &why) : json_object();
    if (config && t->vocabulary.bos < 0) t->vocabulary.bos = named_token(t, config, "bos_token");
    if (config && t->vocabulary.eos < 0) t->vocabulary.eos = named_token(t, config, "eos_token");
    if (!config) error_set(err, "%s: line %d: %s", config_path, why.line, why.text);
    free(config_path);
    json_decref(config);
    return config != NULL;
}

static Tokenizer *open_file(const char *path, Error *err)
{
    size_t size;
    char *data = file_read(path, &size, err);
    if (!data) return NULL;
    Tokenizer *t = ends_with(path, "vocab.json") ? read_vocab_json(path, data, size, err)
                   : ends_with(path, ".json")    ? tokenizer_from_json(data, size, err)
                                                 : tokenizer_from_vocab_txt(data, size, err);
    free(data);
    if (!t) error_prefix(err, "%s", path);
    if (!t || read_config(t, path, err)) return t;
    tokenizer_free(t);
    return NULL;
}

Tokenizer *tokenizer_open(const char *path, Error *err)
{
    static const char *const names[] = { "tokenizer.json", "vocab.json", "vocab.txt" };
    if (!dir_exists(path)) return open_file(path, err);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *file = path_join(path, names[i]);
        bool there = file_exists(file);
        Tokenizer *t = there ? open_file(file, err) : NULL;
        free(file);
        if (there) return t;
    }
    error_set(err, "%s: there is no tokenizer.json, vocab.json or vocab.txt in this folder", path);
    return NULL;
}
