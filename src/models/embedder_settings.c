// The files that sentence-transformers keeps beside a model.
#include "base/file.h"
#include "formats/json_file.h"
#include "models/embedder.h"
#include "models/hub.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(format, ...) error_set(err, "%s: " format, path, __VA_ARGS__)

// ---- Poolings --------------------------------------------------------------------------------------------------------

static const struct {
    const char *flag, *mode; // in older files and in newer ones
    Pooling pooling;
} POOLINGS[] = { { "pooling_mode_mean_tokens", "mean", POOLING_MEAN },
                 { "pooling_mode_cls_token", "cls", POOLING_CLS } };

static bool pooling_of_mode(const json_t *mode, const char *path, Pooling *pooling, Error *err)
{
    for (size_t i = 0; i < COUNT_OF(POOLINGS); i++)
        if (json_is_string(mode) && !strcmp(json_string_value(mode), POOLINGS[i].mode))
            return *pooling = POOLINGS[i].pooling, true;
    return FAIL("pooling_mode is %s; lectern knows \"mean\" and \"cls\"", json_quote(mode).text);
}

// Exactly one of the flags "pooling_mode_…" is true.
static bool pooling_of_flags(const json_t *config, const char *path, Pooling *pooling, Error *err)
{
    const char *key;
    json_t *value;
    int found = 0;
    json_object_foreach((json_t *)config, key, value)
    {
        if (strncmp(key, "pooling_mode_", 13) != 0 || !json_is_true(value)) continue;
        size_t i = 0;
        while (i < COUNT_OF(POOLINGS) && strcmp(key, POOLINGS[i].flag) != 0) i++;
        if (i == COUNT_OF(POOLINGS))
            return FAIL("%s is set; lectern knows %s and %s", key, POOLINGS[0].flag, POOLINGS[1].flag);
        *pooling = POOLINGS[i].pooling;
        found++;
    }
    return found == 1 || FAIL("%d poolings are set; lectern takes one", found);
}

static bool read_pooling(const char *folder, const char *module, Pooling *pooling, Error *err)
{
    char *inner = path_join(folder, module), *path = path_join(inner, "config.json");
    json_t *config = json_file_read(path, err), *mode = json_object_get(config, "pooling_mode");
    bool ok =
        config && (mode ? pooling_of_mode(mode, path, pooling, err) : pooling_of_flags(config, path, pooling, err));
    json_decref(config);
    free(path);
    free(inner);
    return ok;
}

// ---- modules.json ----------------------------------------------------------------------------------------------------

// What comes behind the last dot: the class, which different versions keep in different places.
static const char *class_of(const json_t *module)
{
    const char *type = json_string_value(json_object_get(module, "type")), *dot = type ? strrchr(type, '.') : NULL;
    return dot ? dot + 1 : type ? type : "";
}

static bool read_modules(const json_t *modules, const char *folder, const char *path, EmbedderSettings *s, Error *err)
{
    static const char *const classes[] = { "Transformer", "Pooling", "Normalize" };
    size_t n = json_array_size(modules);
    if (n < 2 || n > COUNT_OF(classes)) return FAIL("%zu modules; lectern runs Transformer, Pooling and Normalize", n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(class_of(json_array_get(modules, i)), classes[i]) != 0)
            return FAIL("module %zu is \"%.50s\"; lectern runs Transformer, Pooling and Normalize, in this order", i,
                        class_of(json_array_get(modules, i)));
    s->normalize = n == 3;
    const char *first = json_string_value(json_object_get(json_array_get(modules, 0), "path"));
    const char *second = json_string_value(json_object_get(json_array_get(modules, 1), "path"));
    if (!first || *first) return FAIL("the Transformer's path is %s, not \"\"", first ? "another folder" : "missing");
    if (!second || strchr(second, '/') || !strcmp(second, ".."))
        return FAIL("the Pooling's path is \"%.50s\", which is no folder beside this file", second ? second : "");
    return read_pooling(folder, second, &s->pooling, err);
}

static bool open_modules(const char *folder, const char *path, EmbedderSettings *s, Error *err)
{
    json_error_t where;
    json_t *modules = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    bool ok = modules ? json_is_array(modules) || FAIL("it is no %s", "list of modules")
                      : FAIL("line %d: %s", where.line, where.text);
    ok = ok && read_modules(modules, folder, path, s, err);
    json_decref(modules);
    return ok;
}

// ---- Texts -----------------------------------------------------------------------------------------------------------

// The object of a file that may be missing. Where transformers knows no limit it writes 10^30.
static json_t *load_config(const char *path, Error *err)
{
    json_error_t where;
    json_t *config = file_exists(path) ? json_load_file(path, JSON_DECODE_INT_AS_REAL, &where) : json_object();
    if (!config) FAIL("line %d: %s", where.line, where.text);
    return config;
}

// The smaller of a number that may be missing and `*most`.
static bool read_limit(const json_t *config, const char *path, const char *name, bool *found, int *most, Error *err)
{
    const json_t *value = json_object_get(config, name);
    double limit = json_number_value(value);
    *found = value && !json_is_null(value);
    if (*found && !(json_is_number(value) && limit >= 3))
        return FAIL("%s is %s; a text has 3 tokens or more", name, json_quote(value).text);
    if (*found && limit < *most) *most = (int)limit;
    return true;
}

static bool read_lower(const json_t *config, const char *path, bool *lower, Error *err)
{
    const json_t *value = json_object_get(config, "do_lower_case");
    *lower = json_is_true(value);
    return !value || json_is_null(value) || json_is_boolean(value) ||
           FAIL("do_lower_case is %s, not true or false", json_quote(value).text);
}

static bool read_texts(const char *folder, EmbedderSettings *s, Error *err)
{
    char *path = path_join(folder, "sentence_bert_config.json"), *other = path_join(folder, "tokenizer_config.json");
    json_t *config = load_config(path, err), *tokenizer = NULL;
    bool found, ok = config && read_lower(config, path, &s->lower, err) &&
                     read_limit(config, path, "max_seq_length", &found, &s->max_tokens, err);
    if (ok && !found)
        ok = (tokenizer = load_config(other, err)) &&
             read_limit(tokenizer, other, "model_max_length", &found, &s->max_tokens, err);
    json_decref(config);
    json_decref(tokenizer);
    free(path);
    free(other);
    return ok;
}

// ---- All of it -------------------------------------------------------------------------------------------------------

enum { GGUF_MEAN = 1, GGUF_CLS = 2 }; // of pooling_type, as llama.cpp's enum llama_pooling_type has them

static bool settings_of_gguf(const char *path, const Family *family, EmbedderSettings *s, Error *err)
{
    uint32_t type = GGUF_MEAN;
    char *key = mem_format("%s.pooling_type", family->arch);
    Gguf *file = gguf_open(path, err);
    bool ok = file && (!gguf_value(file, key) || gguf_get_u32(file, key, &type, err));
    if (ok && type != GGUF_MEAN && type != GGUF_CLS)
        ok = FAIL("%s is %u; lectern knows 1, the mean, and 2, the first token", key, type);
    s->pooling = type == GGUF_CLS ? POOLING_CLS : POOLING_MEAN;
    s->normalize = true;
    gguf_close(file);
    free(key);
    return ok;
}

bool embedder_settings(const char *model_path, const Family *family, const Config *config, EmbedderSettings *s,
                       Error *err)
{
    *s = (EmbedderSettings){ .pooling = POOLING_MEAN, .max_tokens = config->seq_len };
    if (gguf_is(model_path)) return settings_of_gguf(model_path, family, s, err);
    char *folder = hub_folder(model_path), *modules = path_join(folder, "modules.json");
    bool ok = (!file_exists(modules) || open_modules(folder, modules, s, err)) && read_texts(folder, s, err);
    free(modules);
    free(folder);
    return ok;
}

// ---- Writing ---------------------------------------------------------------------------------------------------------

void embedder_settings_to_gguf(const EmbedderSettings *s, const Family *family, const Config *config, GgufWriter *w,
                               Error *lost)
{
    char *key = mem_format("%s.pooling_type", family->arch), cut[64] = "";
    gguf_put_u32(w, key, s->pooling == POOLING_CLS ? GGUF_CLS : GGUF_MEAN);
    free(key);
    if (s->max_tokens < config->seq_len)
        snprintf(cut, sizeof cut, "texts are cut at %d tokens instead of %d", config->seq_len, s->max_tokens);
    if (*cut || !s->normalize)
        error_set(lost, "of an encoder's settings GGUF holds the pooling alone: with this file %s%s%s", cut,
                  *cut && !s->normalize ? ", and " : "", s->normalize ? "" : "vectors get length 1");
}

bool embedder_settings_to_folder(const EmbedderSettings *s, const Config *config, const char *folder, Error *err)
{
    static const struct {
        const char *name, *path, *class;
    } modules[] = { { "0", "", "Transformer" }, { "1", "1_Pooling", "Pooling" }, { "2", "2_Normalize", "Normalize" } };
    json_t *list = json_array(), *pooling = json_pack("{s:i}", "word_embedding_dimension", config->d_model);
    json_t *limits = json_pack("{s:i, s:b}", "max_seq_length", s->max_tokens, "do_lower_case", s->lower);
    for (int i = 0; i < (s->normalize ? 3 : 2); i++)
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:s, s:s+}", "idx", i, "name", modules[i].name, "path",
                                        modules[i].path, "type", "sentence_transformers.models.", modules[i].class));
    for (size_t i = 0; i < COUNT_OF(POOLINGS); i++)
        json_object_set_new(pooling, POOLINGS[i].flag, json_boolean(POOLINGS[i].pooling == s->pooling));
    char *inner = path_join(folder, modules[1].path);
    bool ok = dir_create(inner, err) && json_file_write(inner, "config.json", pooling, err) &&
              json_file_write(folder, "sentence_bert_config.json", limits, err) &&
              json_file_write(folder, "modules.json", list, err);
    free(inner);
    json_decref(list);
    json_decref(pooling);
    json_decref(limits);
    return ok;
}
