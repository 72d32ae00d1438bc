// A model as a GGUF file: the configuration under the architecture's keys, the tokenizer under tokenizer.ggml.*, one
// tensor for each parameter, by the same name. And read from a folder of the hub's, as hub.h tells.
#include "base/file.h"
#include "models/model.h"
#include "models/tensor_file.h"
#include "models/tokenizer_file.h"
#include "models/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct KeyName {
    char text[96];
} KeyName;

// "gpt2.block_count"
static KeyName key(const Family *family, const char *name)
{
    KeyName k;
    snprintf(k.text, sizeof k.text, "%s.%s", family->arch, name);
    return k;
}

// ---- Writing -------------------------------------------------------------------------------------------------------

void model_put_config(GgufWriter *w, const Family *f, const Config *c)
{
    gguf_put_string(w, "general.architecture", string_view(f->arch));
    gguf_put_u32(w, key(f, "context_length").text, (uint32_t)c->seq_len);
    gguf_put_u32(w, key(f, "embedding_length").text, (uint32_t)c->d_model);
    gguf_put_u32(w, key(f, "block_count").text, (uint32_t)c->n_layers);
    gguf_put_u32(w, key(f, "feed_forward_length").text, (uint32_t)c->d_ff);
    gguf_put_u32(w, key(f, "attention.head_count").text, (uint32_t)c->n_heads);
    gguf_put_u32(w, key(f, "attention.head_count_kv").text, (uint32_t)c->n_kv_heads);
    gguf_put_f32(w, key(f, f->eps_key).text, c->eps);
    gguf_put_u32(w, key(f, "vocab_size").text, (uint32_t)c->vocab_size);
    if (f->encoder) gguf_put_bool(w, key(f, "attention.causal").text, false);
    if (c->n_segments) gguf_put_u32(w, "tokenizer.ggml.token_type_count", (uint32_t)c->n_segments);
    if (!f->rotary) return;
    gguf_put_f32(w, key(f, "rope.freq_base").text, c->rope_base);
    gguf_put_u32(w, key(f, "rope.dimension_count").text, (uint32_t)(c->d_model / c->n_heads));
    if (c->rope_linear == 0 || c->rope_linear == 1) return;
    gguf_put_string(w, key(f, "rope.scaling.type").text, string_view("linear"));
    gguf_put_f32(w, key(f, "rope.scaling.factor").text, c->rope_linear);
}

bool model_save(const Model *model, const Tokenizer *tokenizer, Stream *stream, const char *path, Error *err)
{
    const Parameters *ps = &model->parameters;
    GgufWriter *w = gguf_writer_new();
    model_put_config(w, model->family, &model->config);
    gguf_put_string(w, "general.name", string_view("trained by lectern"));
    gguf_put_u32(w, "general.file_type", 0); // all f32
    tokenizer_to_gguf(tokenizer, w);
    TensorSource *sources = NEW_ARRAY(TensorSource, ps->count);
    for (int i = 0; i < ps->count; i++) {
        sources[i] = (TensorSource){ stream, &ps->list[i]->tensor };
        tensor_file_put(w, ps->list[i]->name, &sources[i]);
    }
    bool ok = stream_wait(stream, err) && gguf_writer_save(w, path, err);
    gguf_writer_free(w);
    free(sources);
    return ok;
}

// ---- Reading -------------------------------------------------------------------------------------------------------

static bool read_int(const Gguf *file, KeyName k, int *value, Error *err)
{
    int32_t read;
    if (!gguf_get_i32(file, k.text, &read, err)) return false;
    *value = read;
    return true;
}

static int rows_of(const GgufTensor *table)
{
    return !table ? 0 : table->shape[0] < INT32_MAX ? (int)table->shape[0] : INT32_MAX;
}

// Positions divided by a factor (Chen et al. 2023); of what else rotary positions can be scaled by, nothing.
static bool read_scaling(const Gguf *file, const Family *f, Config *c, Error *err)
{
    StringView type = string_view("linear");
    KeyName name = key(f, "rope.scaling.type"), factor = key(f, "rope.scaling.factor"),
            old = key(f, "rope.scale_linear");
    if (gguf_value(file, name.text) && !gguf_get_string(file, name.text, &type, err)) return false;
    if (string_view_equal(type, string_view("none"))) return true;
    if (!string_view_equal(type, string_view("linear")))
        return error_set(err, "%s: %s is \"%.*s\"; lectern scales rotary positions linearly alone", file->path,
                         name.text, (int)(type.size < 40 ? type.size : 40), type.data);
    const char *given = gguf_value(file, factor.text) ? factor.text : gguf_value(file, old.text) ? old.text : NULL;
    if (!given || !f->rotary) return true;
    if (!gguf_get_f32(file, given, &c->rope_linear, err)) return false;
    return (c->rope_linear > 0 && c->rope_linear <= 1e6f) ||
           error_set(err, "%s: %s is %g; it must be over 0", file->path, given, (double)c->rope_linear);
}

// Whether a token sees those behind it, where a file says it.
static bool check_causal(const Gguf *file, const Family *f, Error *err)
{
    KeyName name = key(f, "attention.causal");
    bool causal = !f->encoder;
    if (gguf_value(file, name.text) && !gguf_get_bool(file, name.text, &causal, err)) return false;
    return causal == !f->encoder ||
           error_set(err, "%s: %s is %s; a token of the %s that lectern runs sees %s", file->path, name.text,
                     causal ? "true" : "false", f->arch, causal ? "the whole text" : "what comes before it alone");
}

bool model_read_config(const Gguf *file, const Family **family, Config *c, Error *err)
{
    StringView arch;
    if (!gguf_get_string(file, "general.architecture", &arch, err)) return false;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(arch.size < 31 ? arch.size : 31), arch.data);
    const Family *f = *family = family_find(name);
    if (!f)
        return error_set(err, "%s: general.architecture is \"%s\"; lectern runs %s", file->path, name, family_names());
    *c = (Config){ 0 };
    bool ok = check_causal(file, f, err) && read_int(file, key(f, "context_length"), &c->seq_len, err) &&
              read_int(file, key(f, "embedding_length"), &c->d_model, err) &&
              read_int(file, key(f, "block_count"), &c->n_layers, err) &&
              read_int(file, key(f, "feed_forward_length"), &c->d_ff, err) &&
              read_int(file, key(f, "attention.head_count"), &c->n_heads, err) &&
              gguf_get_f32(file, key(f, f->eps_key).text, &c->eps, err);
    if (!ok) return false;
    c->n_kv_heads = c->n_heads;
    if (gguf_value(file, key(f, "attention.head_count_kv").text) &&
        !read_int(file, key(f, "attention.head_count_kv"), &c->n_kv_heads, err))
        return false;
    if (gguf_value(file, key(f, "rope.freq_base").text) &&
        !gguf_get_f32(file, key(f, "rope.freq_base").text, &c->rope_base, err))
        return false;
    c->tied = !gguf_tensor(file, "output.weight");
    const GgufTensor *embedding = gguf_tensor(file, "token_embd.weight");
    if (!embedding) return error_set(err, "%s: the tensor token_embd.weight is missing", file->path);
    c->vocab_size = rows_of(embedding);
    c->n_segments = rows_of(gguf_tensor(file, "token_types.weight"));
    f->defaults(c);
    if (!config_check(f, c, err)) return error_prefix(err, "%s", file->path);
    int rotary_dim = c->d_model / c->n_heads;
    if (gguf_value(file, key(f, "rope.dimension_count").text) &&
        !read_int(file, key(f, "rope.dimension_count"), &rotary_dim, err))
        return false;
    if (rotary_dim != c->d_model / c->n_heads)
        return error_set(err, "%s: %s is %d; lectern turns whole heads, of %d channels", file->path,
                         key(f, "rope.dimension_count").text, rotary_dim, c->d_model / c->n_heads);
    return read_scaling(file, f, c, err);
}

// ---- A file or a folder ----------------------------------------------------------------------------------------------

// What a model is read from: one of the first two.
typedef struct Source {
    const Gguf *gguf;
    const Safetensors *safetensors;
    char *folder; // beside the safetensors
    const Family *family;
    Config config;
    Weights weights;
} Source;

static bool read_config(Source *s, Error *err)
{
    return s->gguf ? model_read_config(s->gguf, &s->family, &s->config, err)
                   : hub_open_config(s->folder, &s->family, &s->config, err);
}

static bool read_weights(Source *s, Error *err)
{
    if (!s->gguf) return weights_of_hub(&s->weights, s->safetensors, s->family, &s->config, err);
    weights_of_gguf(&s->weights, s->gguf);
    return true;
}

static Tokenizer *read_tokenizer(const Source *s, int vocab_size, Error *err)
{
    if (s->gguf) return tokenizer_from_gguf(s->gguf, vocab_size, err);
    Tokenizer *tokenizer = tokenizer_open(s->folder, err);
    if (!tokenizer || tokenizer_vocab_size(tokenizer) <= vocab_size) return tokenizer;
    error_set(err, "%s: its tokenizer has %d tokens; the embedding has %d rows", s->folder,
              tokenizer_vocab_size(tokenizer), vocab_size);
    tokenizer_free(tokenizer);
    return NULL;
}

// ---- Weights ---------------------------------------------------------------------------------------------------------

// The source's tensor for a parameter, of its shape.
static const Weight *find_weight(const Weights *weights, const Parameter *p, Error *err)
{
    return weights_find(weights, p->name, p->tensor.shape, err);
}

static bool put_tensors(const Weights *weights, const Model *model, Stream *stream, Error *err)
{
    const Parameters *ps = &model->parameters;
    for (int i = 0; i < ps->count; i++) {
        const Weight *w = find_weight(weights, ps->list[i], err);
        if (!w) return false;
        if (!weight_write(stream, &ps->list[i]->tensor, w, err)) return error_prefix(err, "%s", weights->path);
    }
    return stream_wait(stream, err);
}

// A tensor that no parameter takes would change what the model computes: biases, scaled rotary frequencies.
static bool all_taken(const Weights *weights, const Model *model, Error *err)
{
    const Parameters *ps = &model->parameters;
    for (size_t i = 0; i < weights->count; i++) {
        StringView name = weights->list[i].name;
        int at = 0;
        while (at < ps->count && !string_view_equal(name, string_view(ps->list[at]->name))) at++;
        if (at == ps->count)
            return error_set(err, "%s: the tensor %.*s is no part of the %s that lectern runs", weights->path,
                             VIEW_ARGS(name), model->family->arch);
    }
    return true;
}

// ---- Loading ---------------------------------------------------------------------------------------------------------

// Every parameter's tensor is there. Where they are not trained, matrices keep their types.
static bool match(const Weights *weights, Model *model, bool trained, Error *err)
{
    for (int i = 0; i < model->parameters.count; i++) {
        Parameter *p = model->parameters.list[i];
        const Weight *w = find_weight(weights, p, err);
        if (!w) return false;
        p->tensor.dtype = weight_dtype(w, !trained);
        p->tensor.span.bytes = (uint64_t)tensor_bytes(&p->tensor);
    }
    return all_taken(weights, model, err);
}

static Model *load(Source *s, Gpu *gpu, Stream *stream, bool trained, Tokenizer **tokenizer, Error *err)
{
    Model *model = NULL;
    bool ok = read_config(s, err) && read_weights(s, err);
    if (ok) {
        model = model_new(gpu, s->family, &s->config);
        ok = match(&s->weights, model, trained, err);
    }
    if (ok && trained) parameters_train(&model->parameters);
    if (ok && !trained && s->family->rotary && s->config.seq_len > MODEL_POSITIONS)
        model->rope_table.shape.dim[0] = MODEL_POSITIONS;
    ok = ok && model_alloc(model, stream, err) && put_tensors(&s->weights, model, stream, err);
    if (ok && tokenizer) ok = (*tokenizer = read_tokenizer(s, s->config.vocab_size, err)) != NULL;
    if (ok) return model;
    model_free(model);
    return NULL;
}

Model *model_load(Gpu *gpu, Stream *stream, const char *path, bool trained, Tokenizer **tokenizer, Error *err)
{
    bool hub = hub_is(path);
    Gguf *gguf = hub ? NULL : gguf_open(path, err);
    Safetensors *safetensors = hub ? safetensors_open(path, err) : NULL;
    Source source = { .gguf = gguf, .safetensors = safetensors, .folder = hub ? hub_folder(path) : NULL };
    Model *model = gguf || safetensors ? load(&source, gpu, stream, trained, tokenizer, err) : NULL;
    weights_free(&source.weights);
    free(source.folder);
    gguf_close(gguf);
    safetensors_close(safetensors);
    return model;
}

static ModelCheck check(Source *s)
{
    ModelCheck check = { 0 };
    int vocab_size = INT32_MAX;
    if (!read_config(s, &check.config)) {
        error_set(&check.weights, "%s: not looked at: the architecture says which there must be",
                  s->gguf ? s->gguf->path : s->safetensors->path);
    } else {
        vocab_size = s->config.vocab_size;
        Model *model = model_new(NULL, s->family, &s->config);
        if (read_weights(s, &check.weights)) match(&s->weights, model, true, &check.weights);
        model_free(model);
    }
    tokenizer_free(read_tokenizer(s, vocab_size, &check.tokenizer));
    weights_free(&s->weights);
    return check;
}

ModelCheck model_check(const Gguf *file) { return check(&(Source){ .gguf = file }); }

ModelCheck model_check_hub(const Safetensors *safetensors)
{
    Source source = { .safetensors = safetensors, .folder = hub_folder(safetensors->path) };
    ModelCheck result = check(&source);
    free(source.folder);
    return result;
}

bool model_restore(Model *model, Stream *stream, const char *path, Error *err)
{
    Gguf *file = gguf_open(path, err);
    if (!file) return false;
    Weights weights;
    weights_of_gguf(&weights, file);
    bool ok = put_tensors(&weights, model, stream, err);
    weights_free(&weights);
    gguf_close(file);
    return ok;
}
