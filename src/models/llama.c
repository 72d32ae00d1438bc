// Llama (Touvron et al. 2023): rotary positions, RMSNorm before each sublayer, SwiGLU, no biases, grouped keys and values.
// Files of this architecture pair neighbouring channels in the rotation. Qwen2 (Yang et al. 2024) is the same with biases
// on queries, keys and values, and pairs the halves of a head.
#include "models/model.h"
#include <math.h>
#include <stdio.h>

static void llama_defaults(Config *c)
{
    if (c->n_kv_heads == 0) c->n_kv_heads = c->n_heads;
    if (c->d_ff == 0) c->d_ff = (int)((8 * (int64_t)c->d_model / 3 + 31) / 32 * 32); // 2/3 of 4·d, in whole 32s (§2.2)
    if (c->eps == 0) c->eps = 1e-5f;
    if (c->rope_base == 0) c->rope_base = 10000;
}

static void llama_build(Model *model)
{
    const Config *c = &model->config;
    Parameters *ps = &model->parameters;
    int d = c->d_model, head_dim = model_head_dim(model), d_kv = c->n_kv_heads * head_dim;
    bool bias = model->family->qkv_bias;
    double std = 0.02, residual_std = 0.02 / sqrt(2.0 * c->n_layers);
    model->token_embedding = parameter_add(ps, SHAPE(c->vocab_size, d), std, 0, "token_embd.weight");
    char name[48];
#define BLOCK(part_) (snprintf(name, sizeof name, "blk.%d." part_, i), name)
    for (int i = 0; i < c->n_layers; i++) {
        Layer *l = &model->layers[i];
        l->attention_norm = rms_norm_declare(ps, d, c->eps, BLOCK("attn_norm"));
        l->attention = (MultiHead){ .q = linear_declare(ps, d, d, std, bias, BLOCK("attn_q")),
                                    .k = linear_declare(ps, d_kv, d, std, bias, BLOCK("attn_k")),
                                    .v = linear_declare(ps, d_kv, d, std, bias, BLOCK("attn_v")),
                                    .o = linear_declare(ps, d, d, residual_std, false, BLOCK("attn_output")),
                                    .n_heads = c->n_heads,
                                    .n_kv_heads = c->n_kv_heads,
                                    .head_dim = head_dim,
                                    .rope = { &model->rope_table, model->family->pairing },
                                    .mask = { .causal = true } };
        MultiHead *a = &l->attention;
        a->qkv.weight = parameter_join(ps, PARTS(a->q.weight, a->k.weight, a->v.weight));
        if (bias) a->qkv.bias = parameter_join(ps, PARTS(a->q.bias, a->k.bias, a->v.bias));
        l->ffn_norm = rms_norm_declare(ps, d, c->eps, BLOCK("ffn_norm"));
        l->ffn = (FeedForward){ .gate = linear_declare(ps, c->d_ff, d, std, false, BLOCK("ffn_gate")),
                                .up = linear_declare(ps, c->d_ff, d, std, false, BLOCK("ffn_up")),
                                .down = linear_declare(ps, d, c->d_ff, residual_std, false, BLOCK("ffn_down")) };
        l->ffn.gate_up = parameter_join(ps, PARTS(l->ffn.gate.weight, l->ffn.up.weight));
    }
#undef BLOCK
    model->output_norm = rms_norm_declare(ps, d, c->eps, "output_norm");
    model->head.weight =
        c->tied ? model->token_embedding : parameter_add(ps, SHAPE(c->vocab_size, d), std, 0, "output.weight");
}

static Tensor *llama_hidden(Tape *t, const Model *model, Tensor *ids, const Place *place)
{
    Tensor *x = probe(t, "hook_embed", embedding(t, model->token_embedding, ids));
    x = run_layers(t, model, pre_norm_layer, dropout(t, x, model->config.dropout), place);
    return probe(t, "ln_final.hook_normalized", norm(t, &model->output_norm, x));
}

const Family family_llama = { .arch = "llama",
                              .defaults = llama_defaults,
                              .build = llama_build,
                              .hidden = llama_hidden,
                              .eps_key = "attention.layer_norm_rms_epsilon",
                              .rotary = true,
                              .trainable = true };

const Family family_qwen2 = { .arch = "qwen2",
                              .defaults = llama_defaults,
                              .build = llama_build,
                              .hidden = llama_hidden,
                              .eps_key = "attention.layer_norm_rms_epsilon",
                              .rotary = true,
                              .pairing = ROPE_HALVES,
                              .qkv_bias = true };
