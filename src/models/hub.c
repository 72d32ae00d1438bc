#include "models/hub.h"
#include "base/file.h"
#include "formats/json_file.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Names ---------------------------------------------------------------------------------------------------------

#define BOTH(gguf, hub) \
    { gguf ".weight", hub ".weight", HUB_SAME, false }, { gguf ".bias", hub ".bias", HUB_SAME, false }
#define CONV(gguf, hub) \
    { gguf ".weight", hub ".weight", HUB_TRANSPOSED, false }, { gguf ".bias", hub ".bias", HUB_SAME, false }

static const HubName GPT2_NAMES[] = {
    { "token_embd.weight", "transformer.wte.weight", HUB_SAME, false },
    { "position_embd.weight", "transformer.wpe.weight", HUB_SAME, false },
    BOTH("blk.%d.attn_norm", "transformer.h.%d.ln_1"),
    CONV("blk.%d.attn_qkv", "transformer.h.%d.attn.c_attn"),
    CONV("blk.%d.attn_output", "transformer.h.%d.attn.c_proj"),
    BOTH("blk.%d.ffn_norm", "transformer.h.%d.ln_2"),
    CONV("blk.%d.ffn_up", "transformer.h.%d.mlp.c_fc"),
    CONV("blk.%d.ffn_down", "transformer.h.%d.mlp.c_proj"),
    BOTH("output_norm", "transformer.ln_f"),
    { "output.weight", "lm_head.weight", HUB_SAME, true },
};
static const char *const GPT2_IDLE[] = { "*.attn.bias", "*.attn.masked_bias" };

// What Llama and Qwen2 share: all but queries, keys and values.
#define LLAMA_SHARED                                                                                      \
    { "token_embd.weight", "model.embed_tokens.weight", HUB_SAME, false },                                \
        { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", HUB_SAME, false },         \
        { "blk.%d.attn_output.weight", "model.layers.%d.self_attn.o_proj.weight", HUB_SAME, false },      \
        { "blk.%d.ffn_norm.weight", "model.layers.%d.post_attention_layernorm.weight", HUB_SAME, false }, \
        { "blk.%d.ffn_gate.weight", "model.layers.%d.mlp.gate_proj.weight", HUB_SAME, false },            \
        { "blk.%d.ffn_up.weight", "model.layers.%d.mlp.up_proj.weight", HUB_SAME, false },                \
        { "blk.%d.ffn_down.weight", "model.layers.%d.mlp.down_proj.weight", HUB_SAME, false },            \
        { "output_norm.weight", "model.norm.weight", HUB_SAME, false },                                   \
    {                                                                                                     \
        "output.weight", "lm_head.weight", HUB_SAME, true                                                 \
    }

static const HubName LLAMA_NAMES[] = {
    LLAMA_SHARED,
    { "blk.%d.attn_q.weight", "model.layers.%d.self_attn.q_proj.weight", HUB_QUERIES, false },
    { "blk.%d.attn_k.weight", "model.layers.%d.self_attn.k_proj.weight", HUB_KEYS, false },
    { "blk.%d.attn_v.weight", "model.layers.%d.self_attn.v_proj.weight", HUB_SAME, false },
};
static const HubName QWEN2_NAMES[] = {
    LLAMA_SHARED,
    BOTH("blk.%d.attn_q", "model.layers.%d.self_attn.q_proj"),
    BOTH("blk.%d.attn_k", "model.layers.%d.self_attn.k_proj"),
    BOTH("blk.%d.attn_v", "model.layers.%d.self_attn.v_proj"),
};
static const char *const LLAMA_IDLE[] = { "*.rotary_emb.inv_freq" };

static const HubName BERT_NAMES[] = {
    { "token_embd.weight", "bert.embeddings.word_embeddings.weight", HUB_SAME, false },
    { "position_embd.weight", "bert.embeddings.position_embeddings.weight", HUB_SAME, false },
    { "token_types.weight", "bert.embeddings.token_type_embeddings.weight", HUB_SAME, false },
    BOTH("token_embd_norm", "bert.embeddings.LayerNorm"),
    BOTH("blk.%d.attn_q", "bert.encoder.layer.%d.attention.self.query"),
    BOTH("blk.%d.attn_k", "bert.encoder.layer.%d.attention.self.key"),
    BOTH("blk.%d.attn_v", "bert.encoder.layer.%d.attention.self.value"),
    BOTH("blk.%d.attn_output", "bert.encoder.layer.%d.attention.output.dense"),
    BOTH("blk.%d.attn_output_norm", "bert.encoder.layer.%d.attention.output.LayerNorm"),
    BOTH("blk.%d.ffn_up", "bert.encoder.layer.%d.intermediate.dense"),
    BOTH("blk.%d.ffn_down", "bert.encoder.layer.%d.output.dense"),
    BOTH("blk.%d.layer_output_norm", "bert.encoder.layer.%d.output.LayerNorm"),
};
// The heads of its pre-training, and the pooler before them, read what the encoder gives and change nothing of it.
static const char *const BERT_IDLE[] = { "*embeddings.position_ids", "*pooler.dense.*", "cls.*" };

static const HubFamily FAMILIES[] = {
    { "gpt2", "GPT2LMHeadModel", "transformer.", GPT2_NAMES, COUNT_OF(GPT2_NAMES), GPT2_IDLE, COUNT_OF(GPT2_IDLE) },
    { "llama", "LlamaForCausalLM", "", LLAMA_NAMES, COUNT_OF(LLAMA_NAMES), LLAMA_IDLE, COUNT_OF(LLAMA_IDLE) },
    { "qwen2", "Qwen2ForCausalLM", "", QWEN2_NAMES, COUNT_OF(QWEN2_NAMES), LLAMA_IDLE, COUNT_OF(LLAMA_IDLE) },
    { "bert", "BertModel", "bert.", BERT_NAMES, COUNT_OF(BERT_NAMES), BERT_IDLE, COUNT_OF(BERT_IDLE) },
};

const HubFamily *hub_family(const char *arch)
{
    for (size_t i = 0; i < COUNT_OF(FAMILIES); i++)
        if (!strcmp(FAMILIES[i].arch, arch)) return &FAMILIES[i];
    return NULL;
}

void hub_name(const char *pattern, int layer, char out[128])
{
    const char *number = strstr(pattern, "%d");
    if (number)
        snprintf(out, 128, "%.*s%d%s", (int)(number - pattern), pattern, layer, number + 2);
    else
        snprintf(out, 128, "%s", pattern);
}

// ---- config.json ---------------------------------------------------------------------------------------------------

typedef struct Field {
    const char *arch, *name; // "llama", "hidden_size"
    size_t offset;           // in a Config
    bool real, optional;
} Field;
#define WHOLE(arch, name, field)                          \
    {                                                     \
        arch, name, offsetof(Config, field), false, false \
    }
#define WHOLE_OR_NONE(arch, name, field)                 \
    {                                                    \
        arch, name, offsetof(Config, field), false, true \
    }
#define REAL(arch, name, field)                          \
    {                                                    \
        arch, name, offsetof(Config, field), true, false \
    }

// Llama's and Qwen2's.
#define LLAMA_FIELDS(arch)                                                                                   \
    WHOLE(arch, "hidden_size", d_model), WHOLE(arch, "num_hidden_layers", n_layers),                         \
        WHOLE(arch, "num_attention_heads", n_heads), WHOLE_OR_NONE(arch, "num_key_value_heads", n_kv_heads), \
        WHOLE(arch, "max_position_embeddings", seq_len), WHOLE(arch, "vocab_size", vocab_size),              \
        WHOLE(arch, "intermediate_size", d_ff), REAL(arch, "rms_norm_eps", eps), REAL(arch, "rope_theta", rope_base)

static const Field FIELDS[] = {
    WHOLE("gpt2", "n_embd", d_model),
    WHOLE("gpt2", "n_layer", n_layers),
    WHOLE("gpt2", "n_head", n_heads),
    WHOLE("gpt2", "n_positions", seq_len),
    WHOLE("gpt2", "vocab_size", vocab_size),
    WHOLE_OR_NONE("gpt2", "n_inner", d_ff),
    REAL("gpt2", "layer_norm_epsilon", eps),
    LLAMA_FIELDS("llama"),
    LLAMA_FIELDS("qwen2"),
    WHOLE("bert", "hidden_size", d_model),
    WHOLE("bert", "num_hidden_layers", n_layers),
    WHOLE("bert", "num_attention_heads", n_heads),
    WHOLE("bert", "max_position_embeddings", seq_len),
    WHOLE("bert", "vocab_size", vocab_size),
    WHOLE("bert", "intermediate_size", d_ff),
    WHOLE("bert", "type_vocab_size", n_segments),
    REAL("bert", "layer_norm_eps", eps),
};

// What would make another model of it, unless it is absent, null or this.
static const struct {
    const char *arch, *name, *value;
} FIXED[] = {
    { "gpt2", "activation_function", "\"gelu_new\"" },
    { "gpt2", "scale_attn_weights", "true" },
    { "gpt2", "scale_attn_by_inverse_layer_idx", "false" },
    { "gpt2", "add_cross_attention", "false" },
    { "llama", "hidden_act", "\"silu\"" },
    { "llama", "attention_bias", "false" },
    { "llama", "mlp_bias", "false" },
    { "qwen2", "hidden_act", "\"silu\"" },
    { "qwen2", "use_sliding_window", "false" },
    { "bert", "hidden_act", "\"gelu\"" },
    { "bert", "position_embedding_type", "\"absolute\"" },
    { "bert", "is_decoder", "false" },
    { "bert", "add_cross_attention", "false" },
};

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), n = strlen(end);
    return size >= n && !strcmp(text + size - n, end);
}

bool hub_is(const char *path) { return dir_exists(path) || ends_in(path, ".safetensors") || ends_in(path, ".json"); }

char *hub_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return dir_exists(path) ? mem_string(path) : slash ? mem_string_n(path, (size_t)(slash - path)) : mem_string(".");
}

#define FAIL(format, ...) error_set(err, "%s: " format, path, __VA_ARGS__)

static bool check_fixed(const json_t *json, const char *path, const char *arch, Error *err)
{
    for (size_t i = 0; i < COUNT_OF(FIXED); i++) {
        const json_t *value = json_object_get(json, FIXED[i].name);
        if (strcmp(FIXED[i].arch, arch) != 0 || !value || json_is_null(value)) continue;
        json_t *wanted = json_loads(FIXED[i].value, JSON_DECODE_ANY, NULL);
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        bool same = json_equal(value, wanted);
        if (!same) FAIL("%s is %.100s; lectern runs such models only with %s", FIXED[i].name, dump, FIXED[i].value);
        free(dump);
        json_decref(wanted);
        if (!same) return false;
    }
    return true;
}

// Newer files keep the rotary base in "rope_parameters", with what scales it; older ones that in "rope_scaling".
static const json_t *rope_theta(const json_t *json)
{
    const json_t *theta = json_object_get(json, "rope_theta");
    return theta ? theta : json_object_get(json_object_get(json, "rope_parameters"), "rope_theta");
}

static bool read_scaling(const json_t *json, const char *path, const char *name, Config *c, Error *err)
{
    const json_t *scaling = json_object_get(json, name), *factor = json_object_get(scaling, "factor");
    if (!scaling || json_is_null(scaling)) return true;
    const char *type = json_string_value(json_object_get(scaling, "rope_type"));
    if (!type) type = json_string_value(json_object_get(scaling, "type"));
    if (type && !strcmp(type, "default")) return true;
    if (!type || strcmp(type, "linear") != 0)
        return FAIL("%s: its type is %s%.50s%s; lectern scales rotary positions linearly alone", name, type ? "\"" : "",
                    type ? type : "missing", type ? "\"" : "");
    c->rope_linear = (float)json_number_value(factor);
    return (c->rope_linear > 0 && c->rope_linear <= 1e6f) || FAIL("%s: its factor is no number over 0", name);
}

static bool read_field(const json_t *json, const char *path, const Field *f, Config *c, Error *err)
{
    const json_t *value = strcmp(f->name, "rope_theta") ? json_object_get(json, f->name) : rope_theta(json);
    char *to = (char *)c + f->offset;
    if (f->optional && (!value || json_is_null(value))) return true;
    if (f->real && json_is_number(value)) {
        float number = (float)json_number_value(value);
        memcpy(to, &number, sizeof number);
        return true;
    }
    if (f->real || !json_is_integer(value))
        return FAIL("%s is %s", f->name, value ? f->real ? "no number" : "no whole number" : "missing");
    json_int_t number = json_integer_value(value);
    int whole = number < INT32_MIN ? INT32_MIN : number > INT32_MAX ? INT32_MAX : (int)number;
    memcpy(to, &whole, sizeof whole);
    return true;
}

bool hub_read_config(const json_t *json, const char *path, const Family **family, Config *c, Error *err)
{
    const char *arch = json_string_value(json_object_get(json, "model_type"));
    if (!arch) return FAIL("%s is missing", "model_type");
    *family = family_find(arch);
    if (!*family || !hub_family(arch)) return FAIL("model_type is \"%.50s\"; lectern knows %s", arch, family_names());
    *c = (Config){ 0 };
    if (!check_fixed(json, path, arch, err)) return false;
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++)
        if (!strcmp(FIELDS[i].arch, arch) && !read_field(json, path, &FIELDS[i], c, err)) return false;
    if ((*family)->rotary &&
        !(read_scaling(json, path, "rope_scaling", c, err) && read_scaling(json, path, "rope_parameters", c, err)))
        return false;
    const json_t *tied = json_object_get(json, "tie_word_embeddings"), *head = json_object_get(json, "head_dim");
    c->tied = (*family)->encoder || (tied ? json_is_true(tied) : !strcmp(arch, "gpt2"));
    bool is_tied = c->tied;
    (*family)->defaults(c);
    c->tied = is_tied;
    if (!config_check(*family, c, err)) return error_prefix(err, "%s", path);
    if (json_is_integer(head) && json_integer_value(head) != c->d_model / c->n_heads)
        return FAIL("head_dim is %lld; lectern's heads have hidden_size / num_attention_heads channels, %d",
                    (long long)json_integer_value(head), c->d_model / c->n_heads);
    return true;
}

bool hub_open_config(const char *folder, const Family **family, Config *c, Error *err)
{
    char *path = path_join(folder, "config.json");
    json_t *json = json_file_read(path, err);
    bool ok = json && hub_read_config(json, path, family, c, err);
    json_decref(json);
    free(path);
    return ok;
}

json_t *hub_config(const Family *family, const Config *c, const char *dtype)
{
    json_t *json = json_pack("{s:[s], s:s, s:s, s:b}", "architectures", hub_family(family->arch)->class, "model_type",
                             family->arch, "torch_dtype", dtype, "tie_word_embeddings", c->tied);
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++) {
        if (strcmp(FIELDS[i].arch, family->arch) != 0) continue;
        const char *from = (const char *)c + FIELDS[i].offset;
        float real;
        int whole;
        memcpy(&real, from, sizeof real);
        memcpy(&whole, from, sizeof whole);
        char text[32]; // 1e-5 and not 9.9999997e-06
        snprintf(text, sizeof text, "%.7g", (double)real);
        json_object_set_new(json, FIELDS[i].name, FIELDS[i].real ? json_real(strtod(text, NULL)) : json_integer(whole));
    }
    if (c->rope_linear > 0 && c->rope_linear != 1)
        json_object_set_new(json, "rope_scaling",
                            json_pack("{s:s, s:f}", "rope_type", "linear", "factor", (double)c->rope_linear));
    for (size_t i = 0; i < COUNT_OF(FIXED); i++)
        if (!strcmp(FIXED[i].arch, family->arch))
            json_object_set_new(json, FIXED[i].name, json_loads(FIXED[i].value, JSON_DECODE_ANY, NULL));
    return json;
}
