#include "models/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const Family family_gpt2, family_llama, family_qwen2, family_bert;
static const Family *const families[] = { &family_gpt2, &family_llama, &family_qwen2, &family_bert };

const Family *family_find(const char *arch)
{
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (!strcmp(families[i]->arch, arch)) return families[i];
    return NULL;
}

const char *family_names(void) { return "gpt2, llama, qwen2, bert"; }

bool config_check(const Family *family, const Config *c, Error *err)
{
    const struct {
        const char *name;
        int value, low, high;
    } fields[] = {
        { "n_layers", c->n_layers, 1, 1024 },     { "n_heads", c->n_heads, 1, 1024 },
        { "n_kv_heads", c->n_kv_heads, 1, 1024 }, { "d_model", c->d_model, 1, 65536 },
        { "d_ff", c->d_ff, 1, 1 << 20 },          { "vocab_size", c->vocab_size, 2, 1 << 22 },
        { "seq_len", c->seq_len, 1, 1 << 22 },    { "n_segments", c->n_segments, 0, 1024 },
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].value < fields[i].low || fields[i].value > fields[i].high)
            return error_set(err, "%s is %d; it must be between %d and %d", fields[i].name, fields[i].value,
                             fields[i].low, fields[i].high);
    if (c->d_model % c->n_heads)
        return error_set(err, "n_heads is %d, which does not divide d_model, %d", c->n_heads, c->d_model);
    if (c->n_heads % c->n_kv_heads)
        return error_set(err, "n_kv_heads is %d, which does not divide n_heads, %d", c->n_kv_heads, c->n_heads);
    if (family->rotary && c->d_model / c->n_heads % 2)
        return error_set(err, "a head has %d channels; rotary positions need an even number", c->d_model / c->n_heads);
    if (!(c->eps > 0 && c->eps < 1)) return error_set(err, "eps is %g; it must be between 0 and 1", (double)c->eps);
    if (family->rotary && !(c->rope_base > 1 && c->rope_base < 1e9f))
        return error_set(err, "rope_base is %g; it must be over 1", (double)c->rope_base);
    if (!(c->rope_linear >= 0 && c->rope_linear <= 1e6f))
        return error_set(err, "rope_linear is %g; it must be at least 0", (double)c->rope_linear);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return error_set(err, "dropout is %g; it must be at least 0 and under 1", (double)c->dropout);
    return true;
}

int model_head_dim(const Model *model) { return model->config.d_model / model->config.n_heads; }

Model *model_new(Gpu *gpu, const Family *family, const Config *config)
{
    Model *model = NEW(Model);
    *model = (Model){ .gpu = gpu, .family = family, .config = *config };
    model->layers = NEW_ARRAY(Layer, config->n_layers);
    if (family->rotary) model->rope_table.shape = SHAPE(config->seq_len, model_head_dim(model) / 2, 2);
    family->build(model);
    return model;
}

static bool make_rope_table(Model *model, Stream *stream, int64_t positions, Error *err)
{
    int64_t half = model_head_dim(model) / 2;
    const GpuTraits *traits = gpu_traits(model->gpu);
    uint64_t bytes = 8 * (uint64_t)(positions * half), most = traits->max_binding_bytes - traits->alignment;
    if (bytes > most)
        return error_set(
            err, "the rotary table of %lld positions has %.0f MB, and %s binds %.0f MB at once; ask for fewer tokens",
            (long long)positions, (double)bytes / 1e6, traits->name, (double)most / 1e6);
    if (!tensor_alloc(model->gpu, &model->rope_table, F32, SHAPE(positions, half, 2), err)) return false;
    float *table = NEW_ARRAY(float, count(&model->rope_table));
    RopeScaling scaling = { .base = model->config.rope_base, .linear = model->config.rope_linear };
    rope_table(table, positions, 2 * half, scaling);
    tensor_write(stream, &model->rope_table, table);
    free(table);
    return true;
}

bool model_alloc(Model *model, Stream *stream, Error *err)
{
    if (!parameters_alloc(&model->parameters, model->gpu, err)) return false;
    if (!model->family->rotary) return true;
    return make_rope_table(model, stream, dim(&model->rope_table, 0), err);
}

bool model_reach(Model *model, Stream *stream, int64_t positions, Error *err)
{
    if (!model->family->rotary || positions <= dim(&model->rope_table, 0)) return true;
    if (!stream_wait(stream, err)) return false;
    tensor_free(model->gpu, &model->rope_table);
    return make_rope_table(model, stream, positions, err);
}

void model_free(Model *model)
{
    if (!model) return;
    parameters_free(&model->parameters, model->gpu);
    tensor_free(model->gpu, &model->rope_table);
    free(model->layers);
    free(model);
}

Tensor *pre_norm_layer(Tape *t, const Model *model, const Layer *layer, Tensor *x, const Place *place)
{
    float p = model->config.dropout;
    x = probe(t, "hook_resid_pre", x);
    Tensor *h = probe(t, "ln1.hook_normalized", norm(t, &layer->attention_norm, x));
    h = attend(t, &layer->attention, h, h, place);
    x = probe(t, "hook_resid_mid", add_sublayer(t, x, h, &layer->attention.o, "hook_attn_out", p));
    h = probe(t, "ln2.hook_normalized", norm(t, &layer->ffn_norm, x));
    h = feed_forward_hidden(t, &layer->ffn, h);
    return probe(t, "hook_resid_post", add_sublayer(t, x, h, &layer->ffn.down, "hook_mlp_out", p));
}

Tensor *post_norm_layer(Tape *t, const Model *model, const Layer *layer, Tensor *x, const Place *place)
{
    float p = model->config.dropout;
    x = probe(t, "hook_resid_pre", x);
    Tensor *h = probe(t, "hook_attn_out", multi_head(t, &layer->attention, x, x, place));
    x = probe(t, "hook_resid_mid", residual(t, x, dropout(t, h, p)));
    x = probe(t, "ln1.hook_normalized", norm(t, &layer->attention_norm, x));
    h = probe(t, "hook_mlp_out", feed_forward(t, &layer->ffn, x));
    x = probe(t, "hook_resid_post", residual(t, x, dropout(t, h, p)));
    x = probe(t, "ln2.hook_normalized", norm(t, &layer->ffn_norm, x));
    return probe(t, "hook_normalized_resid_post", x);
}

Tensor *run_layers(Tape *t, const Model *model, LayerFn *layer, Tensor *x, const Place *place)
{
    for (int i = 0; i < model->config.n_layers; i++) {
        t->layer = i;
        TapeMark mark = tape_mark(t);
        Tensor *y = layer(t, model, &model->layers[i], x, place);
        if (!t->train && y != x) { // inferring, x stays in its own memory and the layer's goes
            stream_copy(t->stream, x->span, y->span);
            y = x;
        }
        x = y;
        tape_release(t, mark);
    }
    t->layer = -1;
    return x;
}

Tensor *model_logits(Tape *t, const Model *model, Tensor *ids, const Place *place)
{
    CHECK(!model->family->encoder, "model_logits: %s has no head", model->family->arch);
    Tensor *h = model->family->hidden(t, model, ids, place);
    return linear(t, h, model->head.weight, model->head.bias);
}
