// A model as a GGUF file: the configuration under the architecture's keys, the tokenizer under tokenizer.ggml.*, one
// tensor for each parameter, by the same name.
#include "models/model.h"
#include "models/tensor_file.h"
#include "models/tokenizer_file.h"
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
    if (!f->rotary) return;
    gguf_put_f32(w, key(f, "rope.freq_base").text, c->rope_base);
    gguf_put_u32(w, key(f, "rope.dimension_count").text, (uint32_t)(c->d_model / c->n_heads));
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
    bool ok = read_int(file, key(f, "context_length"), &c->seq_len, err) &&
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
    c->vocab_size = embedding->shape[0] < INT32_MAX ? (int)embedding->shape[0] : INT32_MAX;
    f->defaults(c);
    if (!config_check(f, c, err)) return error_prefix(err, "%s", file->path);
    int rotary_dim = c->d_model / c->n_heads;
    if (gguf_value(file, key(f, "rope.dimension_count").text) &&
        !read_int(file, key(f, "rope.dimension_count"), &rotary_dim, err))
        return false;
    if (rotary_dim != c->d_model / c->n_heads)
        return error_set(err, "%s: %s is %d; lectern turns whole heads, of %d channels", file->path,
                         key(f, "rope.dimension_count").text, rotary_dim, c->d_model / c->n_heads);
    if (gguf_value(file, key(f, "rope.scaling.type").text))
        return error_set(err, "%s: %s is set; lectern does not scale rotary positions yet", file->path,
                         key(f, "rope.scaling.type").text);
    return true;
}

// The file's tensor for a parameter, of its shape.
static const GgufTensor *find_tensor(const Gguf *file, const Parameter *p, Error *err)
{
    return tensor_file_find(file, p->name, p->tensor.shape, err);
}

static bool put_tensors(const Gguf *file, const Model *model, Stream *stream, Error *err)
{
    const Parameters *ps = &model->parameters;
    for (int i = 0; i < ps->count; i++) {
        const GgufTensor *tensor = find_tensor(file, ps->list[i], err);
        if (!tensor) return false;
        tensor_file_write(stream, &ps->list[i]->tensor, tensor);
    }
    return stream_wait(stream, err);
}

// A tensor that no parameter takes would change what the model computes: biases, scaled rotary frequencies.
static bool all_taken(const Gguf *file, const Model *model, Error *err)
{
    const Parameters *ps = &model->parameters;
    for (size_t i = 0; i < file->n_tensors; i++) {
        StringView name = file->tensors[i].name;
        int at = 0;
        while (at < ps->count && !string_view_equal(name, string_view(ps->list[at]->name))) at++;
        if (at == ps->count)
            return error_set(err, "%s: the tensor %.*s is no part of the %s that lectern runs", file->path,
                             (int)name.size, name.data, model->family->arch);
    }
    return true;
}

Model *model_load(Gpu *gpu, Stream *stream, const char *path, bool trained, Tokenizer **tokenizer, Error *err)
{
    Gguf *file = gguf_open(path, err);
    if (!file) return NULL;
    const Family *family;
    Config config;
    Model *model = NULL;
    bool ok = model_read_config(file, &family, &config, err);
    if (ok) model = model_new(gpu, family, &config);
    for (int i = 0; ok && i < model->parameters.count; i++) {
        Parameter *p = model->parameters.list[i];
        const GgufTensor *tensor = find_tensor(file, p, err);
        ok = tensor != NULL;
        if (!ok) break;
        p->tensor.dtype = tensor_file_dtype(tensor, !trained);
        p->tensor.span.bytes = (uint64_t)tensor_bytes(&p->tensor);
    }
    ok = ok && all_taken(file, model, err);
    if (ok && trained) parameters_train(&model->parameters);
    ok = ok && model_alloc(model, stream, err) && put_tensors(file, model, stream, err);
    if (ok && tokenizer) ok = (*tokenizer = tokenizer_from_gguf(file, config.vocab_size, err)) != NULL;
    gguf_close(file);
    if (ok) return model;
    model_free(model);
    return NULL;
}

ModelCheck model_check(const Gguf *file)
{
    ModelCheck check = { 0 };
    const Family *family;
    Config config = { .vocab_size = INT32_MAX };
    if (model_read_config(file, &family, &config, &check.config)) {
        Model *model = model_new(NULL, family, &config);
        for (int i = 0; i < model->parameters.count; i++)
            if (!find_tensor(file, model->parameters.list[i], &check.weights)) break;
        if (!error_is_set(&check.weights)) all_taken(file, model, &check.weights);
        model_free(model);
    } else {
        config.vocab_size = INT32_MAX;
        error_set(&check.weights, "%s: not looked at: the architecture says which there must be", file->path);
    }
    tokenizer_free(tokenizer_from_gguf(file, config.vocab_size, &check.tokenizer));
    return check;
}

bool model_restore(Model *model, Stream *stream, const char *path, Error *err)
{
    Gguf *file = gguf_open(path, err);
    if (!file) return false;
    bool ok = put_tensors(file, model, stream, err);
    gguf_close(file);
    return ok;
}
