#include "models/weights.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Weight weight_of(StringView name, GgmlType type, const uint8_t *data, int n_dims, const int64_t *shape)
{
    Weight w = { .name = name, .n_dims = n_dims };
    int64_t rows = 1;
    for (int i = 0; i < n_dims; i++) w.shape[i] = shape[i];
    for (int i = 0; i + 1 < n_dims; i++) rows *= shape[i];
    w.conversion = (Conversion){ .data = data, .from = type, .to = type, .rows = rows, .columns = shape[n_dims - 1] };
    return w;
}

static void add_weight(Weights *weights, Weight w)
{
    GROW(weights->list, weights->count, weights->capacity);
    string_map_add(&weights->index, w.name, (int64_t)weights->count);
    weights->list[weights->count++] = w;
}

void weights_free(Weights *weights)
{
    for (size_t i = 0; i < weights->count; i++) conversion_free(&weights->list[i].conversion);
    string_map_free(&weights->index);
    arena_free(&weights->names);
    free(weights->list);
    *weights = (Weights){ 0 };
}

const Weight *weights_find(const Weights *weights, const char *name, Shape shape, Error *err)
{
    const int64_t *at = string_map_find(&weights->index, string_view(name));
    if (!at) return error_set(err, "%s: the tensor %s is missing", weights->path, name), NULL;
    const Weight *w = &weights->list[*at];
    Shape found = { .rank = w->n_dims };
    for (int i = 0; i < w->n_dims; i++) found.dim[i] = w->shape[i];
    if (shape_equal(found, shape)) return w;
    return error_set(err, "%s: the tensor %s is %s; the model asks for %s", weights->path, name, shape_text(found),
                     shape_text(shape)),
           NULL;
}

// ---- GGUF ------------------------------------------------------------------------------------------------------------

Weight weight_of_gguf(const GgufTensor *t) { return weight_of(t->name, t->type, t->data, t->n_dims, t->shape); }

void weights_of_gguf(Weights *weights, const Gguf *file)
{
    *weights = (Weights){ .path = file->path };
    for (size_t i = 0; i < file->n_tensors; i++) add_weight(weights, weight_of_gguf(&file->tensors[i]));
}

// ---- The hub ---------------------------------------------------------------------------------------------------------

static void transpose(Weight *w)
{
    int64_t rows = w->shape[0];
    w->conversion.transposed = true;
    w->conversion.rows = w->shape[0] = w->shape[1];
    w->conversion.columns = w->shape[1] = rows;
}

bool weight_change(Weight *w, HubChange change, RowOrder order, const Config *c, const char *path, Error *err)
{
    if (change == HUB_SAME) return true;
    if (w->n_dims != 2)
        return error_set(err, "%s: tensor %.*s has %d dimensions, not 2", path, VIEW_ARGS(w->name), w->n_dims);
    if (change == HUB_TRANSPOSED) return transpose(w), true;
    int64_t head_dim = c->d_model / c->n_heads, heads = change == HUB_QUERIES ? c->n_heads : c->n_kv_heads;
    if (w->shape[0] != heads * head_dim)
        return error_set(err, "%s: tensor %.*s has %lld rows; %lld heads of %lld channels are %lld", path,
                         VIEW_ARGS(w->name), (long long)w->shape[0], (long long)heads, (long long)head_dim,
                         (long long)(heads * head_dim));
    w->conversion.order = order;
    w->conversion.head_dim = head_dim;
    return true;
}

// The name with another end, where it has the one.
static bool respell(const char *name, const char *end, const char *other, char out[128])
{
    size_t n = strlen(name), m = strlen(end);
    if (n < m || strcmp(name + n - m, end) != 0) return false;
    snprintf(out, 128, "%.*s%s", (int)(n - m), name, other);
    return true;
}

// The tensor of a name: with the family's prefix or without, and a LayerNorm's under the names of BERT's first files.
static const SafetensorsTensor *find(const Safetensors *s, const HubFamily *hub, const char *name)
{
    static const char *const ends[][2] = { { "LayerNorm.weight", "LayerNorm.gamma" },
                                           { "LayerNorm.bias", "LayerNorm.beta" } };
    const SafetensorsTensor *t = safetensors_tensor(s, name);
    char other[128];
    size_t prefix = strlen(hub->prefix);
    if (!t && prefix && !strncmp(name, hub->prefix, prefix)) t = safetensors_tensor(s, name + prefix);
    for (size_t i = 0; !t && i < COUNT_OF(ends); i++)
        if (respell(name, ends[i][0], ends[i][1], other)) t = find(s, hub, other);
    return t;
}

static bool check_tensor(const Safetensors *s, const SafetensorsTensor *t, const char *name, Error *err)
{
    if (!t) return error_set(err, "%s: the tensor %s is missing", s->path, name);
    if (!t->type->readable)
        return error_set(err, "%s: the tensor %s is %s; lectern reads F32, F16 and BF16", s->path, name, t->type->name);
    return (t->n_dims >= 1 && t->n_dims <= GGUF_MAX_DIMS && t->bytes > 0) ||
           error_set(err, "%s: the tensor %s has %d dimensions and %zu bytes", s->path, name, t->n_dims, t->bytes);
}

static bool add_hub(Weights *weights, const Safetensors *s, const HubFamily *hub, const HubName *names, int layer,
                    const Config *c, bool *used, Error *err)
{
    char from[128], to[128];
    hub_name(names->hub, layer, from);
    hub_name(names->gguf, layer, to);
    const SafetensorsTensor *t = find(s, hub, from);
    if (t) used[t - s->tensors] = true;
    if (names->optional && c->tied) return true;
    if (!check_tensor(s, t, from, err)) return false;
    if (!strcmp(to, "token_embd.weight") && t->shape[0] != c->vocab_size)
        return error_set(err, "%s: the tensor %s has %lld rows, but vocab_size is %d", s->path, from,
                         (long long)t->shape[0], c->vocab_size);
    StringView name = string_view(arena_format(&weights->names, "%s", to));
    Weight w = weight_of(name, t->type->ggml, t->data, t->n_dims, t->shape);
    if (!weight_change(&w, names->change, ROWS_TO_NEIGHBOURS, c, s->path, err)) return false;
    add_weight(weights, w);
    return true;
}

static bool all_used(const Safetensors *s, const HubFamily *hub, const bool *used, Error *err)
{
    for (size_t i = 0; i < s->n_tensors; i++) {
        bool idle = used[i];
        for (size_t k = 0; k < hub->n_idle; k++) idle = idle || !fnmatch(hub->idle[k], s->tensors[i].name.data, 0);
        if (!idle)
            return error_set(err, "%s: the tensor %.*s is no part of the %s that lectern runs", s->path,
                             VIEW_ARGS(s->tensors[i].name), hub->arch);
    }
    return true;
}

bool weights_of_hub(Weights *weights, const Safetensors *s, const Family *family, const Config *c, Error *err)
{
    const HubFamily *hub = hub_family(family->arch);
    bool *used = NEW_ARRAY(bool, s->n_tensors), ok = true;
    *weights = (Weights){ .path = s->path };
    for (size_t n = 0; ok && n < hub->n_names; n++)
        for (int layer = 0; ok && layer < (strstr(hub->names[n].gguf, "%d") ? c->n_layers : 1); layer++)
            ok = add_hub(weights, s, hub, &hub->names[n], layer, c, used, err);
    ok = ok && all_used(s, hub, used, err);
    free(used);
    return ok;
}
