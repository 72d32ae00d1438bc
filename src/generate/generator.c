#include "generate/generator.h"
#include <math.h>
#include <stdlib.h>

enum { PAGE = 64, CHUNK = GENERATOR_ROWS };

bool generator_open(Generator *g, Model *model, Stream *stream, int64_t capacity, Error *err)
{
    const Config *c = &model->config;
    *g = (Generator){ 0 };
    if (model->family->encoder)
        return error_set(err, "%s reads whole texts and writes none; `lectern embed` makes vectors with it",
                         model->family->arch);
    if (capacity > c->seq_len) capacity = c->seq_len;
    int64_t pages = (capacity + PAGE - 1) / PAGE;
    *g = (Generator){ .model = model, .stream = stream, .capacity = capacity };
    if (!model_reach(model, stream, capacity, err)) return false;
    if (!kv_cache_open(&g->cache, model->gpu, c->n_layers, pages, PAGE, c->n_kv_heads, model_head_dim(model), 1, pages,
                       err))
        return false;
    g->tape = tape_open(stream);
    g->rows = 1;
    g->logits = NEW_ARRAY(float, c->vocab_size);
    int32_t *table = NEW_ARRAY(int32_t, pages); // one sequence owns all pages, in order
    for (int64_t i = 0; i < pages; i++) table[i] = (int32_t)i;
    tensor_write_ids(stream, &g->cache.pages, table);
    free(table);
    return true;
}

void generator_close(Generator *g)
{
    if (!g->model) return;
    kv_cache_close(&g->cache, g->model->gpu);
    tape_close(g->tape);
    free(g->logits);
    *g = (Generator){ 0 };
}

void generator_rewind(Generator *g, int64_t past)
{
    CHECK(past >= 0 && past <= g->past, "generator_rewind: to %lld of %lld tokens", (long long)past,
          (long long)g->past);
    g->past = past; // what lies behind is written over, and never read before
}

static Tensor *put(Tape *t, const int32_t *ids, int64_t n)
{
    Tensor *x = tape_tensor(t, I32, SHAPE(1, n));
    tensor_write_ids(t->stream, x, ids);
    return x;
}

// Runs one chunk, and reads the logits of its last rows.
static bool feed_chunk(Generator *g, const int32_t *ids, int64_t n, int64_t rows, Error *err)
{
    Tape *t = g->tape;
    tape_reset(t);
    t->train = false;
    int32_t positions[CHUNK], length = (int32_t)(g->past + n);
    for (int64_t i = 0; i < n; i++) positions[i] = (int32_t)(g->past + i);
    tensor_write_ids(t->stream, &g->cache.lengths, &length);
    Tensor *pos = put(t, positions, n);
    Place place = { .pos = pos, .cache = &g->cache, .slots = pos }; // pages lie in order: a slot is a position
    Tensor *h = g->model->family->hidden(t, g->model, put(t, ids, n), &place);
    g->past += n;
    if (rows == 0) return !stream_failed(t->stream) || stream_wait(t->stream, err);
    Tensor *flat = reshape(t, h, SHAPE(n, dim(h, 2)));
    Tensor last = tensor_view(flat, n - rows, rows, NULL);
    Tensor *logits = linear(t, &last, g->model->head.weight, g->model->head.bias);
    if (!tensor_read(t->stream, probe(t, "logits", logits), g->logits, err)) return false;
    for (int64_t i = 0; i < count(logits); i++)
        if (!(g->logits[i] < INFINITY))
            return error_set(err, "the model's logits are not finite: its weights are broken");
    return true;
}

bool generator_feed(Generator *g, const int32_t *ids, int64_t n, Error *err)
{
    return generator_feed_rows(g, ids, n, 1, err);
}

bool generator_feed_rows(Generator *g, const int32_t *ids, int64_t n, int64_t rows, Error *err)
{
    if (n == 0) return error_set(err, "the prompt is empty: there is nothing to go on from");
    CHECK(0 < rows && rows <= n && rows <= GENERATOR_ROWS, "generator_feed_rows: %lld rows of %lld ids",
          (long long)rows, (long long)n);
    if (g->past + n > g->capacity)
        return error_set(err, "%lld tokens do not fit: the model's context is %lld", (long long)(g->past + n),
                         (long long)g->capacity);
    if (rows > g->rows) {
        g->rows = rows;
        g->logits = mem_resize(g->logits, (size_t)(rows * g->model->config.vocab_size), sizeof *g->logits);
    }
    for (int64_t left = n; left > 0;) {
        int64_t part = left <= CHUNK ? left : left - rows < CHUNK ? left - rows : CHUNK; // the rows are in the last one
        if (!feed_chunk(g, ids, part, part == left ? rows : 0, err)) return false;
        ids += part;
        left -= part;
    }
    return true;
}
