#include "nn/layers.h"

Tensor *norm(Tape *t, const Norm *n, Tensor *x)
{
    if (!n->gain) return x;
    return n->rms ? rmsnorm(t, x, n->gain, n->eps) : layernorm(t, x, n->gain, n->bias, n->eps);
}

Tensor *feed_forward(Tape *t, const FeedForward *f, Tensor *x)
{
    Tensor *up = linear(t, x, f->up.weight, f->up.bias);
    if (f->gate.weight) {
        Tensor *gate = probe(t, "mlp.hook_pre", linear(t, x, f->gate.weight, f->gate.bias));
        up = probe(t, "mlp.hook_post", swiglu(t, gate, probe(t, "mlp.hook_pre_linear", up)));
    } else {
        up = probe(t, "mlp.hook_post", activate(t, f->activation, probe(t, "mlp.hook_pre", up)));
    }
    return linear(t, up, f->down.weight, f->down.bias);
}

// [B, T, H·D] → [B, T, H, D]
static Tensor *heads(Tape *t, Tensor *x, int n) { return reshape(t, x, SHAPE(dim(x, 0), dim(x, 1), n, dim(x, 2) / n)); }

static Tensor *turned(Tape *t, const Rope *rope_, Tensor *x, const Place *place, const char *name)
{
    if (!rope_->table) return x;
    return probe(t, name, rope(t, x, place->pos, rope_->table, rope_->pairing));
}

Tensor *multi_head(Tape *t, const MultiHead *m, Tensor *x, Tensor *memory, const Place *place)
{
    Tensor *q = probe(t, "attn.hook_q", heads(t, linear(t, x, m->q.weight, m->q.bias), m->n_heads));
    Tensor *k = probe(t, "attn.hook_k", heads(t, linear(t, memory, m->k.weight, m->k.bias), m->n_kv_heads));
    Tensor *v = probe(t, "attn.hook_v", heads(t, linear(t, memory, m->v.weight, m->v.bias), m->n_kv_heads));
    q = turned(t, &m->rope, q, place, "attn.hook_rot_q");
    k = turned(t, &m->rope, k, place, "attn.hook_rot_k");

    Attention mask = m->mask;
    if (place->cache) {
        KvCache *cache = place->cache;
        Tensor *keys = &cache->keys[t->layer], *values = &cache->values[t->layer];
        cache_write(t, keys, k, place->slots);
        cache_write(t, values, v, place->slots);
        mask.pages = &cache->pages;
        mask.page_size = cache->page_size;
        mask.lengths = &cache->lengths;
        mask.q_pos = place->pos;
        k = keys, v = values;
    }
    if (probe_wanted(t, "attn.hook_pattern")) probe(t, "attn.hook_pattern", attention_pattern(t, q, k, &mask));
    Tensor *z = probe(t, "attn.hook_z", attention(t, q, k, v, &mask));
    z = reshape(t, z, SHAPE(dim(x, 0), dim(x, 1), (int64_t)m->n_heads * m->head_dim));
    return linear(t, z, m->o.weight, m->o.bias);
}
