// BERT (Devlin et al. 2019), the encoder: learned positions and segments, LayerNorm over the embeddings and after each
// sublayer, GELU by erf, biases everywhere; every token sees the whole text (§3). The heads of its pre-training, and the
// pooler before them, are no part of it. The weights start at N(0, 0.02²) (appendix A.2).
#include "models/model.h"
#include <stdio.h>

static void bert_defaults(Config *c)
{
    if (c->n_kv_heads == 0) c->n_kv_heads = c->n_heads;
    if (c->d_ff == 0) c->d_ff = (int)(4 * (int64_t)c->d_model); // config_check refuses a d_model that is too large
    if (c->eps == 0) c->eps = 1e-12f;
    if (c->n_segments == 0) c->n_segments = 2;
    c->tied = true; // no head at all
}

static void bert_build(Model *model)
{
    const Config *c = &model->config;
    Parameters *ps = &model->parameters;
    int d = c->d_model, head_dim = model_head_dim(model), d_kv = c->n_kv_heads * head_dim;
    double std = 0.02;
    model->token_embedding = parameter_add(ps, SHAPE(c->vocab_size, d), std, 0, "token_embd.weight");
    model->position_embedding = parameter_add(ps, SHAPE(c->seq_len, d), std, 0, "position_embd.weight");
    model->segment_embedding = parameter_add(ps, SHAPE(c->n_segments, d), std, 0, "token_types.weight");
    model->embedding_norm = layer_norm_declare(ps, d, c->eps, "token_embd_norm");
    char name[48];
#define BLOCK(part_) (snprintf(name, sizeof name, "blk.%d." part_, i), name)
    for (int i = 0; i < c->n_layers; i++) {
        Layer *l = &model->layers[i];
        l->attention = (MultiHead){ .q = linear_declare(ps, d, d, std, true, BLOCK("attn_q")),
                                    .k = linear_declare(ps, d_kv, d, std, true, BLOCK("attn_k")),
                                    .v = linear_declare(ps, d_kv, d, std, true, BLOCK("attn_v")),
                                    .o = linear_declare(ps, d, d, std, true, BLOCK("attn_output")),
                                    .n_heads = c->n_heads,
                                    .n_kv_heads = c->n_kv_heads,
                                    .head_dim = head_dim };
        l->attention_norm = layer_norm_declare(ps, d, c->eps, BLOCK("attn_output_norm"));
        l->ffn = (FeedForward){ .up = linear_declare(ps, c->d_ff, d, std, true, BLOCK("ffn_up")),
                                .down = linear_declare(ps, d, c->d_ff, std, true, BLOCK("ffn_down")),
                                .activation = GELU_ERF };
        l->ffn_norm = layer_norm_declare(ps, d, c->eps, BLOCK("layer_output_norm"));
    }
#undef BLOCK
}

static Tensor *segments(Tape *t, const Tensor *ids, const Place *place)
{
    if (place->segments) return place->segments;
    Tensor *first = tape_like(t, ids);
    stream_fill(t->stream, first->span, 0);
    return first;
}

static Tensor *bert_hidden(Tape *t, const Model *model, Tensor *ids, const Place *place)
{
    Tensor *x = probe(t, "embed.hook_embed", embedding(t, model->token_embedding, ids));
    Tensor *p = probe(t, "embed.hook_pos_embed", embedding(t, model->position_embedding, place->pos));
    Tensor *s = embedding(t, model->segment_embedding, segments(t, ids, place));
    x = residual(t, residual(t, x, p), probe(t, "embed.hook_token_type_embed", s));
    x = probe(t, "embed.ln.hook_normalized", norm(t, &model->embedding_norm, x));
    x = dropout(t, probe(t, "hook_full_embed", x), model->config.dropout);
    return run_layers(t, model, post_norm_layer, x, place);
}

const Family family_bert = { .arch = "bert",
                             .defaults = bert_defaults,
                             .build = bert_build,
                             .hidden = bert_hidden,
                             .eps_key = "attention.layer_norm_epsilon",
                             .encoder = true };
