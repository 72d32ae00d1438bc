// GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each sublayer, GELU, biases everywhere. The weights
// start at N(0, 0.02²), those that write to the residual stream at 0.02/√(2·layers) (§2.3).
#include "models/model.h"
#include <math.h>
#include <stdio.h>

static void gpt2_defaults(Config *c)
{
    if (c->n_kv_heads == 0) c->n_kv_heads = c->n_heads;
    if (c->d_ff == 0) c->d_ff = (int)(4 * (int64_t)c->d_model); // config_check refuses a d_model that is too large
    if (c->eps == 0) c->eps = 1e-5f;
}

static Linear part(Parameters *ps, const Linear *fused, int begin, int n)
{
    return (Linear){ .weight = parameter_view(ps, fused->weight, begin, n),
                     .bias = parameter_view(ps, fused->bias, begin, n) };
}

static void gpt2_build(Model *model)
{
    const Config *c = &model->config;
    Parameters *ps = &model->parameters;
    int d = c->d_model, head_dim = model_head_dim(model), d_kv = c->n_kv_heads * head_dim;
    double std = 0.02, residual_std = 0.02 / sqrt(2.0 * c->n_layers);
    model->token_embedding = parameter_add(ps, SHAPE(c->vocab_size, d), std, 0, "token_embd.weight");
    model->position_embedding = parameter_add(ps, SHAPE(c->seq_len, d), std, 0, "position_embd.weight");
    char name[48];
#define BLOCK(part_) (snprintf(name, sizeof name, "blk.%d." part_, i), name)
    for (int i = 0; i < c->n_layers; i++) {
        Layer *l = &model->layers[i];
        l->attention_norm = layer_norm_declare(ps, d, c->eps, BLOCK("attn_norm"));
        Linear qkv = linear_declare(ps, d + 2 * d_kv, d, std, true, BLOCK("attn_qkv"));
        l->attention = (MultiHead){ .q = part(ps, &qkv, 0, d),
                                    .k = part(ps, &qkv, d, d_kv),
                                    .v = part(ps, &qkv, d + d_kv, d_kv),
                                    .qkv = qkv,
                                    .o = linear_declare(ps, d, d, residual_std, true, BLOCK("attn_output")),
                                    .n_heads = c->n_heads,
                                    .n_kv_heads = c->n_kv_heads,
                                    .head_dim = head_dim,
                                    .mask = { .causal = true } };
        l->ffn_norm = layer_norm_declare(ps, d, c->eps, BLOCK("ffn_norm"));
        l->ffn = (FeedForward){ .up = linear_declare(ps, c->d_ff, d, std, true, BLOCK("ffn_up")),
                                .down = linear_declare(ps, d, c->d_ff, residual_std, true, BLOCK("ffn_down")),
                                .activation = GELU_TANH };
    }
#undef BLOCK
    model->output_norm = layer_norm_declare(ps, d, c->eps, "output_norm");
    model->head.weight =
        c->tied ? model->token_embedding : parameter_add(ps, SHAPE(c->vocab_size, d), std, 0, "output.weight");
}

static Tensor *gpt2_hidden(Tape *t, const Model *model, Tensor *ids, const Place *place)
{
    Tensor *x = probe(t, "hook_embed", embedding(t, model->token_embedding, ids));
    Tensor *p = probe(t, "hook_pos_embed", embedding(t, model->position_embedding, place->pos));
    x = dropout(t, residual(t, x, p), model->config.dropout);
    x = run_layers(t, model, pre_norm_layer, x, place);
    return probe(t, "ln_final.hook_normalized", norm(t, &model->output_norm, x));
}

const Family family_gpt2 = { .arch = "gpt2",
                             .defaults = gpt2_defaults,
                             .build = gpt2_build,
                             .hidden = gpt2_hidden,
                             .eps_key = "attention.layer_norm_epsilon",
                             .trainable = true };
