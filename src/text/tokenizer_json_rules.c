// The parts of tokenizer.json around the model: what is done to a text before it, and to the ids after it.
#include "text/normalize.h"
#include "text/tokenizer_json.h"

typedef struct Rule {
    const char *type;
    bool (*read)(JsonReader *r, json_t *rule, Error *err);
} Rule;

// By the type's name; null is no rule at all.
static bool read_rule(JsonReader *r, const char *what, const Rule *rules, size_t count, json_t *rule, Error *err)
{
    if (!rule || json_is_null(rule)) return true;
    json_t *type = json_member(rule, what, "type", JSON_STRING, err);
    for (size_t i = 0; type && i < count; i++)
        if (string_view_equal(json_view(type), string_view(rules[i].type))) return rules[i].read(r, rule, err);
    return type && error_set(err, "%s: \"%.*s\" is not supported here", what, VIEW_ARGS(json_view(type)));
}

// The members of a Sequence, one after another. Nesting is bounded by the JSON parser.
static bool read_sequence(JsonReader *r, const char *what, json_t *rule, const char *name,
                          bool (*read)(JsonReader *r, json_t *rule, Error *err), Error *err)
{
    json_t *list = json_member(rule, what, name, JSON_ARRAY, err), *item;
    size_t i;
    bool ok = list != NULL;
    json_array_foreach(list, i, item) ok = ok && read(r, item, err);
    return ok;
}

// --- Normalizers -----------------------------------------------------------------------------------------------------

static bool set_normalize(JsonReader *r, uint32_t set, Error *err)
{
    if (r->v.normalize) return error_set(err, "normalizer: several in a row are not supported here");
    r->v.normalize = set;
    return true;
}

static bool read_nfc(JsonReader *r, json_t *rule, Error *err)
{
    (void)rule;
    return set_normalize(r, NORMALIZE_NFC, err);
}

static bool read_bert_normalizer(JsonReader *r, json_t *rule, Error *err)
{
    bool lower = json_flag(rule, "lowercase", true);
    return set_normalize(r,
                         (json_flag(rule, "clean_text", true) ? NORMALIZE_CLEAN : 0u) |
                             (json_flag(rule, "handle_chinese_chars", true) ? NORMALIZE_CJK : 0u) |
                             (json_flag(rule, "strip_accents", lower) ? NORMALIZE_ACCENTS : 0u) |
                             (lower ? NORMALIZE_LOWER : 0u),
                         err);
}

static bool read_normalizers(JsonReader *r, json_t *rule, Error *err)
{
    return read_sequence(r, "normalizer", rule, "normalizers", read_json_normalizer, err);
}

bool read_json_normalizer(JsonReader *r, json_t *rule, Error *err)
{
    static const Rule rules[] = { { "NFC", read_nfc },
                                  { "BertNormalizer", read_bert_normalizer },
                                  { "Sequence", read_normalizers } };
    return read_rule(r, "normalizer", rules, COUNT_OF(rules), rule, err);
}

// --- Pre-tokenizers --------------------------------------------------------------------------------------------------

static bool nothing_follows(Error *err)
{
    return error_set(err, "pre_tokenizer: nothing may follow ByteLevel or BertPreTokenizer");
}

static bool add_pattern(JsonReader *r, StringView pattern, Error *err)
{
    if (r->byte_level || r->bert_words) return nothing_follows(err);
    if (r->v.n_patterns == MAX_PATTERNS)
        return error_set(err, "pre_tokenizer: more than %d patterns are not supported here", (int)MAX_PATTERNS);
    r->patterns[r->v.n_patterns++] = pattern;
    return true;
}

static bool read_byte_level(JsonReader *r, json_t *rule, Error *err)
{
    r->v.space_prefix = json_flag(rule, "add_prefix_space", true);
    if (r->v.space_prefix && r->v.n_patterns)
        return error_set(err, "pre_tokenizer: ByteLevel with add_prefix_space after others is not supported here");
    if (r->byte_level || r->bert_words) return nothing_follows(err);
    if (json_flag(rule, "use_regex", true) && !add_pattern(r, string_view(GPT2_PATTERN), err)) return false;
    return r->byte_level = true;
}

// A text as a pattern that matches it.
static StringView quoted(JsonReader *r, StringView text)
{
    char *out = arena_alloc(&r->arena, 2 * text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] > 0 && strchr("\\^$.[|()?*+{}#", text.data[i])) out[size++] = '\\';
        out[size++] = text.data[i];
    }
    return (StringView){ out, size };
}

static bool read_split(JsonReader *r, json_t *rule, Error *err)
{
    json_t *pattern = json_member(rule, "pre_tokenizer Split", "pattern", JSON_OBJECT, err);
    json_t *behavior = json_member(rule, "pre_tokenizer Split", "behavior", JSON_STRING, err);
    if (!pattern || !behavior) return false;
    if (!string_view_equal(json_view(behavior), string_view("Isolated")) || json_flag(rule, "invert", false))
        return error_set(err, "pre_tokenizer: Split with behavior %s%s is not supported here (Isolated is)",
                         json_string_value(behavior), json_flag(rule, "invert", false) ? ", inverted" : "");
    StringView regex = json_view(json_object_get(pattern, "Regex")),
               text = json_view(json_object_get(pattern, "String"));
    if (!regex.size == !text.size) return error_set(err, "pre_tokenizer: Split with neither a Regex nor a String");
    return add_pattern(r, regex.size ? regex : quoted(r, text), err);
}

static bool read_digits(JsonReader *r, json_t *rule, Error *err)
{
    return add_pattern(r, string_view(json_flag(rule, "individual_digits", false) ? "\\p{N}" : "\\p{N}+"), err);
}

static bool read_bert_words(JsonReader *r, json_t *rule, Error *err)
{
    (void)rule;
    if (r->v.n_patterns || r->byte_level || r->bert_words)
        return error_set(err, "pre_tokenizer: BertPreTokenizer after others is not supported here");
    return r->bert_words = true;
}

static bool read_pre_tokenizers(JsonReader *r, json_t *rule, Error *err)
{
    return read_sequence(r, "pre_tokenizer", rule, "pretokenizers", read_json_pre_tokenizer, err);
}

bool read_json_pre_tokenizer(JsonReader *r, json_t *rule, Error *err)
{
    static const Rule rules[] = { { "ByteLevel", read_byte_level },
                                  { "Split", read_split },
                                  { "Digits", read_digits },
                                  { "BertPreTokenizer", read_bert_words },
                                  { "Sequence", read_pre_tokenizers } };
    return read_rule(r, "pre_tokenizer", rules, COUNT_OF(rules), rule, err);
}

// --- Post-processors -------------------------------------------------------------------------------------------------

static bool set_around(JsonReader *r, json_t *id, int32_t *which, bool *added, Error *err)
{
    json_int_t number = json_is_integer(id) ? json_integer_value(id) : -1;
    if (number < 0 || (uint64_t)number >= r->v.n_tokens)
        return error_set(err, "post_processor: a token that it adds has no id of a token");
    if (*added) return error_set(err, "post_processor: more than one token on a side of a text is not supported here");
    *which = (int32_t)number;
    *added = true;
    return true;
}

static bool read_template(JsonReader *r, json_t *rule, Error *err)
{
    json_t *single = json_member(rule, "post_processor", "single", JSON_ARRAY, err), *item;
    bool ok = single != NULL, behind = false;
    size_t i;
    json_array_foreach(single, i, item)
    {
        json_t *token = json_object_get(item, "SpecialToken"), *name = json_object_get(token, "id");
        if (!ok || !token) {
            behind = true;
            continue;
        }
        json_t *special = json_object_get(json_object_get(rule, "special_tokens"),
                                          json_is_string(name) ? json_string_value(name) : "");
        json_t *ids = json_object_get(special, "ids");
        if (json_array_size(ids) != 1) return error_set(err, "post_processor: a token of its template is not defined");
        ok = behind ? set_around(r, json_array_get(ids, 0), &r->v.eos, &r->v.add_eos, err)
                    : set_around(r, json_array_get(ids, 0), &r->v.bos, &r->v.add_bos, err);
    }
    return ok;
}

// "cls": ["[CLS]", 101], "sep": ["[SEP]", 102]
static bool read_bert_processing(JsonReader *r, json_t *rule, Error *err)
{
    json_t *cls = json_member(rule, "post_processor", "cls", JSON_ARRAY, err);
    json_t *sep = json_member(rule, "post_processor", "sep", JSON_ARRAY, err);
    return cls && sep && set_around(r, json_array_get(cls, 1), &r->v.bos, &r->v.add_bos, err) &&
           set_around(r, json_array_get(sep, 1), &r->v.eos, &r->v.add_eos, err);
}

static bool read_nothing(JsonReader *r, json_t *rule, Error *err) // it only moves offsets
{
    return (void)r, (void)rule, (void)err, true;
}

static bool read_post_processors(JsonReader *r, json_t *rule, Error *err)
{
    return read_sequence(r, "post_processor", rule, "processors", read_json_post_processor, err);
}

bool read_json_post_processor(JsonReader *r, json_t *rule, Error *err)
{
    static const Rule rules[] = { { "TemplateProcessing", read_template },
                                  { "BertProcessing", read_bert_processing },
                                  { "RobertaProcessing", read_bert_processing },
                                  { "ByteLevel", read_nothing },
                                  { "Sequence", read_post_processors } };
    return read_rule(r, "post_processor", rules, COUNT_OF(rules), rule, err);
}
