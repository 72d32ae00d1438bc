#include "models/tokenizer_file.h"
#include "base/file.h"
#include "base/memory.h"
#include "models/hub.h"
#include "text/normalize.h"
#include <stdlib.h>
#include <string.h>

#define KEY(name) "tokenizer.ggml." name

// What a file means that says nothing, as llama.cpp reads it.
typedef struct Defaults {
    const char *model, *pre; // pre NULL: any
    bool add_bos, add_eos, space_prefix;
    uint32_t normalize;
} Defaults;

static const Defaults DEFAULTS[] = {
    { "llama", NULL, .add_bos = true, .space_prefix = true },
    { "bert", NULL, true, true, false, NORMALIZE_CLEAN | NORMALIZE_CJK | NORMALIZE_ACCENTS | NORMALIZE_LOWER },
    { "gpt2", "llama-bpe", .add_bos = true },
};

static void set_defaults(Vocabulary *v)
{
    for (size_t i = 0; i < COUNT_OF(DEFAULTS); i++) {
        const Defaults *d = &DEFAULTS[i];
        if (!string_view_equal(v->model, string_view(d->model)) ||
            (d->pre && !string_view_equal(v->pre, string_view(d->pre))))
            continue;
        v->add_bos = d->add_bos, v->add_eos = d->add_eos, v->space_prefix = d->space_prefix;
        v->normalize = d->normalize;
    }
}

// "seperator" is how the key is spelt. Where a file has both, the last is the one that goes around a text.
static bool read_ids_and_flags(const Gguf *file, Vocabulary *v, Error *err)
{
    const struct {
        const char *key;
        int32_t *id;
    } ids[] = { { KEY("bos_token_id"), &v->bos },
                { KEY("cls_token_id"), &v->bos },
                { KEY("eos_token_id"), &v->eos },
                { KEY("seperator_token_id"), &v->eos },
                { KEY("unknown_token_id"), &v->unk } };
    const struct {
        const char *key;
        bool *flag;
    } flags[] = { { KEY("add_bos_token"), &v->add_bos },
                  { KEY("add_eos_token"), &v->add_eos },
                  { KEY("add_space_prefix"), &v->space_prefix } };
    bool ok = true, bert = string_view_equal(v->model, string_view("bert"));
    for (size_t i = 0; ok && i < COUNT_OF(ids); i++)
        if (gguf_value(file, ids[i].key) && (bert || (i != 1 && i != 3)))
            ok = gguf_get_i32(file, ids[i].key, ids[i].id, err);
    for (size_t i = 0; ok && i < COUNT_OF(flags); i++)
        if (gguf_value(file, flags[i].key)) ok = gguf_get_bool(file, flags[i].key, flags[i].flag, err);
    return ok;
}

static bool check_count(const Gguf *file, const char *key, size_t count, const Vocabulary *v, Error *err)
{
    return count == v->n_tokens ||
           error_set(err, "%s: %s has %zu entries for %zu tokens", file->path, key, count, v->n_tokens);
}

Tokenizer *tokenizer_from_gguf(const Gguf *file, int vocab_size, Error *err)
{
    Vocabulary v = VOCABULARY_NONE;
    int32_t *types = NULL;
    float *scores = NULL;
    size_t n;
    bool ok = gguf_get_string(file, KEY("model"), &v.model, err) &&
              gguf_get_strings(file, KEY("tokens"), &v.tokens, &v.n_tokens, err);
    if (ok && (gguf_value(file, KEY("merges")) || string_view_equal(v.model, string_view("gpt2"))))
        ok = gguf_get_strings(file, KEY("merges"), &v.merges, &v.n_merges, err);
    if (ok && gguf_value(file, KEY("pre"))) ok = gguf_get_string(file, KEY("pre"), &v.pre, err);
    if (ok && gguf_value(file, KEY("token_type")))
        ok =
            gguf_get_i32s(file, KEY("token_type"), &types, &n, err) && check_count(file, KEY("token_type"), n, &v, err);
    if (ok && gguf_value(file, KEY("scores")))
        ok = gguf_get_f32s(file, KEY("scores"), &scores, &n, err) && check_count(file, KEY("scores"), n, &v, err);
    set_defaults(&v);
    ok = ok && read_ids_and_flags(file, &v, err);
    if (ok && v.n_tokens > (size_t)vocab_size)
        ok = error_set(err, "%s: tokenizer.ggml.tokens has %zu tokens; the embedding has %d rows", file->path,
                       v.n_tokens, vocab_size);
    v.types = types, v.scores = scores;
    Tokenizer *tokenizer = ok ? tokenizer_load(&v, err) : NULL;
    if (ok && !tokenizer) error_prefix(err, "%s", file->path);
    free(types);
    free(scores);
    return tokenizer;
}

bool tokenizer_fits_gguf(const Tokenizer *tokenizer, Error *err)
{
    Vocabulary v = tokenizer_vocabulary(tokenizer), read = { .model = v.model, .pre = v.pre };
    if (v.n_patterns) return error_set(err, "its pre-tokenizer has no name that GGUF could say");
    set_defaults(&read);
    return !string_view_equal(v.model, string_view("bert")) || v.normalize == read.normalize ||
           error_set(err, "its texts keep capitals or accents, which readers of GGUF take away");
}

void tokenizer_to_gguf(const Tokenizer *tokenizer, GgufWriter *w)
{
    Vocabulary v = tokenizer_vocabulary(tokenizer);
    bool bert = string_view_equal(v.model, string_view("bert"));
    gguf_put_string(w, KEY("model"), v.model);
    if (v.pre.size) gguf_put_string(w, KEY("pre"), v.pre);
    gguf_put_strings(w, KEY("tokens"), v.tokens, v.n_tokens);
    if (v.scores) gguf_put_f32s(w, KEY("scores"), v.scores, v.n_tokens);
    gguf_put_i32s(w, KEY("token_type"), v.types, v.n_tokens);
    if (string_view_equal(v.model, string_view("gpt2"))) gguf_put_strings(w, KEY("merges"), v.merges, v.n_merges);
    if (v.bos >= 0) gguf_put_u32(w, bert ? KEY("cls_token_id") : KEY("bos_token_id"), (uint32_t)v.bos);
    if (v.eos >= 0) gguf_put_u32(w, bert ? KEY("seperator_token_id") : KEY("eos_token_id"), (uint32_t)v.eos);
    if (v.unk >= 0) gguf_put_u32(w, KEY("unknown_token_id"), (uint32_t)v.unk);
    gguf_put_bool(w, KEY("add_bos_token"), v.add_bos);
    gguf_put_bool(w, KEY("add_eos_token"), v.add_eos);
    gguf_put_bool(w, KEY("add_space_prefix"), v.space_prefix);
}

static bool ends_with(const char *path, const char *end)
{
    size_t size = strlen(path), n = strlen(end);
    return size >= n && !strcmp(path + size - n, end);
}

Tokenizer *model_tokenizer(const char *path, Error *err)
{
    if (dir_exists(path) || ends_with(path, ".json") || ends_with(path, ".txt")) return tokenizer_open(path, err);
    Gguf *file = gguf_open(path, err);
    Tokenizer *tokenizer = file ? tokenizer_from_gguf(file, INT32_MAX, err) : NULL;
    gguf_close(file);
    return tokenizer;
}

static json_t *default_program(json_t *programs)
{
    json_t *item;
    size_t i;
    json_array_foreach(programs, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name && !strcmp(name, "default")) return json_object_get(item, "template");
    }
    return NULL;
}

static bool config_chat_program(const char *path, char **program, Error *err)
{
    json_error_t why;
    json_t *config = file_exists(path) ? json_load_file(path, JSON_DECODE_INT_AS_REAL, &why) : json_object();
    if (!config) return error_set(err, "%s: line %d: %s", path, why.line, why.text);
    json_t *value = json_object_get(config, "chat_template");
    if (json_is_array(value)) value = default_program(value);
    if (json_is_string(value)) *program = mem_string(json_string_value(value));
    json_decref(config);
    return true;
}

// Newer folders have the program in a file of its own, which goes before the other.
static bool folder_chat_program(const char *folder, char **program, Error *err)
{
    size_t size;
    char *own = path_join(folder, "chat_template.jinja"), *config = path_join(folder, "tokenizer_config.json");
    bool ok =
        file_exists(own) ? (*program = file_read(own, &size, err)) != NULL : config_chat_program(config, program, err);
    free(own);
    free(config);
    return ok;
}

bool model_chat_program(const char *path, char **program, Error *err)
{
    *program = NULL;
    if (hub_is(path)) {
        char *folder = hub_folder(path);
        bool read = folder_chat_program(folder, program, err);
        free(folder);
        return read;
    }
    Gguf *file = gguf_open(path, err);
    StringView text;
    bool there = file && gguf_value(file, "tokenizer.chat_template");
    bool ok = file && (!there || gguf_get_string(file, "tokenizer.chat_template", &text, err));
    if (ok && there) *program = mem_string_n(text.data, text.size);
    gguf_close(file);
    return ok;
}
