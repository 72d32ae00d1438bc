#include "nn/layers.h"

Linear linear_declare(Parameters *ps, int out, int in, double std, bool biased, const char *name)
{
    return (Linear){ .weight = parameter_add(ps, SHAPE(out, in), std, 0, "%s.weight", name),
                     .bias = biased ? parameter_add(ps, SHAPE(out), 0, 0, "%s.bias", name) : NULL };
}

Norm layer_norm_declare(Parameters *ps, int d, float eps, const char *name)
{
    return (Norm){ .gain = parameter_add(ps, SHAPE(d), 0, 1, "%s.weight", name),
                   .bias = parameter_add(ps, SHAPE(d), 0, 0, "%s.bias", name),
                   .eps = eps };
}

Norm rms_norm_declare(Parameters *ps, int d, float eps, const char *name)
{
    return (Norm){ .gain = parameter_add(ps, SHAPE(d), 0, 1, "%s.weight", name), .eps = eps, .rms = true };
}

Tensor *norm(Tape *t, const Norm *n, Tensor *x)
{
    if (!n->gain) return x;
    return n->rms ? rmsnorm(t, x, n->gain, n->eps) : layernorm(t, x, n->gain, n->bias, n->eps);
}

// One row's product with weights that lie behind one another gives the parts' products behind one another.
static bool joined(const Tape *t, const Tensor *weights, const Tensor *x)
{
    return weights && weights->span.bytes > 0 && !t->train && rows(x) == 1;
}

static void gate_and_up(Tape *t, const FeedForward *f, Tensor *x, Tensor **gate, Tensor **up)
{
    if (!joined(t, f->gate_up, x)) {
        *up = linear(t, x, f->up.weight, f->up.bias);
        *gate = linear(t, x, f->gate.weight, f->gate.bias);
        return;
    }
    CHECK(!f->gate.bias && !f->up.bias, "feed_forward: gate_up has no biases");
    int64_t n = dim(f->gate.weight, 0);
    Tensor *both = reshape(t, linear(t, x, f->gate_up, NULL), SHAPE(2, 1, n));
    *gate = tape_rows(t, both, 0, 1);
    *up = tape_rows(t, both, 1, 1);
}

Tensor *feed_forward_hidden(Tape *t, const FeedForward *f, Tensor *x)
{
    if (!f->gate.weight) {
        Tensor *up = probe(t, "mlp.hook_pre", linear(t, x, f->up.weight, f->up.bias));
        return probe(t, "mlp.hook_post", activate(t, f->activation, up));
    }
    Tensor *gate, *up;
    gate_and_up(t, f, x, &gate, &up);
    gate = probe(t, "mlp.hook_pre", gate);
    return probe(t, "mlp.hook_post", swiglu(t, gate, probe(t, "mlp.hook_pre_linear", up)));
}

Tensor *feed_forward(Tape *t, const FeedForward *f, Tensor *x)
{
    return linear(t, feed_forward_hidden(t, f, x), f->down.weight, f->down.bias);
}

Tensor *add_sublayer(Tape *t, Tensor *x, Tensor *h, const Linear *out, const char *hook, float p)
{
    if (!t->train && !probe_wanted(t, hook)) return residual_linear(t, x, h, out->weight, out->bias);
    return residual(t, x, dropout(t, probe(t, hook, linear(t, h, out->weight, out->bias)), p));
}

// ---- Attention -------------------------------------------------------------------------------------------------------

// [B, T, H·D] → [B, T, H, D]
static Tensor *heads(Tape *t, Tensor *x, int n) { return reshape(t, x, SHAPE(dim(x, 0), dim(x, 1), n, dim(x, 2) / n)); }

typedef struct Heads {
    Tensor *q, *k, *v; // [B, T, H or G, D]
} Heads;

static Heads heard(Tape *t, Heads h)
{
    return (Heads){ probe(t, "attn.hook_q", h.q), probe(t, "attn.hook_k", h.k), probe(t, "attn.hook_v", h.v) };
}

static Heads project(Tape *t, const MultiHead *m, Tensor *x, Tensor *memory, const Place *place)
{
    Heads h = heard(t, (Heads){ heads(t, linear(t, x, m->q.weight, m->q.bias), m->n_heads),
                                heads(t, linear(t, memory, m->k.weight, m->k.bias), m->n_kv_heads),
                                heads(t, linear(t, memory, m->v.weight, m->v.bias), m->n_kv_heads) });
    if (!m->rope.table) return h;
    h.q = probe(t, "attn.hook_rot_q", rope(t, h.q, place->pos, m->rope.table, m->rope.pairing));
    h.k = probe(t, "attn.hook_rot_k", rope(t, h.k, place->pos, m->rope.table, m->rope.pairing));
    return h;
}

// Heads begin … begin+n of one token's [heads, D].
static Tensor *heads_of(Tape *t, Tensor *all, int begin, int n)
{
    return reshape(t, tape_rows(t, all, begin, n), SHAPE(1, 1, n, dim(all, 1)));
}

// The same for one token: one product, and one turn of the queries' and the keys' heads.
static Heads project_token(Tape *t, const MultiHead *m, Tensor *x, const Place *place)
{
    int H = m->n_heads, G = m->n_kv_heads;
    Tensor *all = reshape(t, linear(t, x, m->qkv.weight, m->qkv.bias), SHAPE(H + 2 * G, m->head_dim));
    Heads h = heard(t, (Heads){ heads_of(t, all, 0, H), heads_of(t, all, H, G), heads_of(t, all, H + G, G) });
    if (!m->rope.table) return h;
    Tensor *turned = rope(t, heads_of(t, all, 0, H + G), place->pos, m->rope.table, m->rope.pairing);
    turned = reshape(t, turned, SHAPE(H + G, m->head_dim));
    h.q = probe(t, "attn.hook_rot_q", heads_of(t, turned, 0, H));
    h.k = probe(t, "attn.hook_rot_k", heads_of(t, turned, H, G));
    return h;
}

Tensor *attend(Tape *t, const MultiHead *m, Tensor *x, Tensor *memory, const Place *place)
{
    bool token = x == memory && joined(t, m->qkv.weight, x) && (!m->qkv.bias || m->qkv.bias->span.bytes > 0);
    Heads h = token ? project_token(t, m, x, place) : project(t, m, x, memory, place);
    Attention mask = m->mask;
    if (place->cache) {
        KvCache *cache = place->cache;
        Tensor *keys = &cache->keys[t->layer], *values = &cache->values[t->layer];
        cache_write(t, keys, h.k, place->slots);
        cache_write(t, values, h.v, place->slots);
        mask.pages = &cache->pages;
        mask.page_size = cache->page_size;
        mask.lengths = &cache->lengths;
        mask.q_pos = place->pos;
        h.k = keys, h.v = values;
    } else if (x == memory) {
        mask.q_seq = mask.k_seq = place->texts;
    }
    if (probe_wanted(t, "attn.hook_pattern")) probe(t, "attn.hook_pattern", attention_pattern(t, h.q, h.k, &mask));
    Tensor *z = probe(t, "attn.hook_z", attention(t, h.q, h.k, h.v, &mask));
    return reshape(t, z, SHAPE(dim(x, 0), dim(x, 1), (int64_t)m->n_heads * m->head_dim));
}

Tensor *multi_head(Tape *t, const MultiHead *m, Tensor *x, Tensor *memory, const Place *place)
{
    return linear(t, attend(t, m, x, memory, place), m->o.weight, m->o.bias);
}
