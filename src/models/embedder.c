#include "models/embedder.h"
#include "text/normalize.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PASS_TOKENS = 2048 }; // in one pass at most, padding counted (a text alone may have more)

bool embedder_open(Embedder *e, const Model *model, const Tokenizer *tokenizer, Stream *stream,
                   EmbedderSettings settings, Error *err)
{
    *e = (Embedder){ 0 };
    if (!model->family->encoder)
        return error_set(err, "%s writes texts; lectern makes vectors with encoders: bert", model->family->arch);
    if (!tokenizer_adds_bos(tokenizer) || !tokenizer_adds_eos(tokenizer))
        return error_set(err, "its tokenizer puts nothing around a text; an encoder's puts [CLS] and [SEP]");
    *e = (Embedder){ .model = model, .tokenizer = tokenizer, .stream = stream, .settings = settings };
    if (tokenizer_vocabulary(tokenizer).normalize & NORMALIZE_LOWER) e->settings.lower = false; // once is enough
    e->tape = tape_open(stream);
    return true;
}

void embedder_close(Embedder *e)
{
    tape_close(e->tape);
    *e = (Embedder){ 0 };
}

size_t embedder_encode(const Embedder *e, const char *text, size_t bytes, TokenList *ids)
{
    size_t most = (size_t)e->settings.max_tokens;
    StringView view = { text, bytes };
    TextBuffer buffer = { 0 };
    if (e->settings.lower) view = text_normalize(NORMALIZE_LOWER, view, &buffer);
    tokenizer_encode_whole(e->tokenizer, view.data, view.size, false, ids);
    free(buffer.data);
    size_t count = ids->count;
    if (count > most) {
        ids->count = most;
        ids->ids[most - 1] = tokenizer_eos(e->tokenizer);
    }
    return count;
}

// ---- A pass ----------------------------------------------------------------------------------------------------------

// One text of a run: its length, and where it stands among all.
typedef struct Slot {
    int64_t length, at;
} Slot;

static int by_length(const void *a, const void *b)
{
    const Slot *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static Tensor *put(Tape *t, Shape shape, const int32_t *values)
{
    Tensor *x = tape_tensor(t, I32, shape);
    tensor_write_ids(t->stream, x, values);
    return x;
}

// hidden [B, T, C] → [B, C]: a product with rows that are 1/n over a text's tokens, or 1 at its first.
static Tensor *pool(Tape *t, Pooling pooling, Tensor *hidden, const Slot *slots)
{
    int64_t B = dim(hidden, 0), T = dim(hidden, 1), C = dim(hidden, 2);
    float *shares = NEW_ARRAY(float, B *T);
    for (int64_t b = 0; b < B; b++) {
        int64_t n = pooling == POOLING_CLS ? 1 : slots[b].length;
        for (int64_t i = 0; i < n; i++) shares[b * T + i] = 1 / (float)n;
    }
    Tensor *x = tape_tensor(t, F32, SHAPE(B, 1, T));
    tensor_write(t->stream, x, shares);
    free(shares);
    return reshape(t, matmul_nn(t, x, hidden), SHAPE(B, C));
}

// x / |x|: RMSNorm with a gain of 1/√C. A row of zeros stays one.
static Tensor *normalize(Tape *t, Tensor *x)
{
    int64_t C = dim(x, 1);
    float *values = NEW_ARRAY(float, C);
    for (int64_t i = 0; i < C; i++) values[i] = 1 / sqrtf((float)C);
    Tensor *gain = tape_tensor(t, F32, SHAPE(C));
    tensor_write(t->stream, gain, values);
    free(values);
    return rmsnorm(t, x, gain, 1e-24f);
}

static Tensor *forward(Embedder *e, const TokenList *texts, const Slot *slots, int64_t B)
{
    Tape *t = e->tape;
    int64_t T = (slots[B - 1].length + 3) / 4 * 4; // the longest, in whole fours: they have the faster kernels
    if (T > e->model->config.seq_len) T = slots[B - 1].length;
    Shape shape = SHAPE(B, T);
    int32_t *ids = NEW_ARRAY(int32_t, B * T), *pos = NEW_ARRAY(int32_t, B * T), *text = NEW_ARRAY(int32_t, B * T);
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < T; i++) {
            bool padding = i >= slots[b].length;
            ids[b * T + i] = padding ? 0 : texts[slots[b].at].ids[i];
            text[b * T + i] = padding ? -1 : 0;
            pos[b * T + i] = (int32_t)i;
        }
    tape_reset(t);
    Place place = { .pos = put(t, shape, pos), .texts = put(t, shape, text) };
    Tensor *x = e->model->family->hidden(t, e->model, put(t, shape, ids), &place);
    free(ids), free(pos), free(text);
    x = pool(t, e->settings.pooling, x, slots);
    return e->settings.normalize ? normalize(t, x) : x;
}

static bool run_pass(Embedder *e, const TokenList *texts, const Slot *slots, int64_t B, float *out, Error *err)
{
    int64_t C = e->model->config.d_model;
    float *rows = NEW_ARRAY(float, B *C);
    bool ok = tensor_read(e->stream, forward(e, texts, slots, B), rows, err);
    for (int64_t i = 0; ok && i < B * C; i++)
        if (!isfinite(rows[i])) ok = error_set(err, "the model's vectors are not finite: its weights are broken");
    for (int64_t b = 0; ok && b < B; b++) memcpy(out + slots[b].at * C, rows + b * C, (size_t)C * sizeof *out);
    free(rows);
    return ok;
}

bool embedder_run(Embedder *e, const TokenList *texts, int64_t n, float *out, Error *err)
{
    Slot *slots = NEW_ARRAY(Slot, n);
    for (int64_t i = 0; i < n; i++) slots[i] = (Slot){ (int64_t)texts[i].count, i };
    qsort(slots, (size_t)n, sizeof *slots, by_length);
    bool ok = true;
    for (int64_t begin = 0, end; ok && begin < n; begin = end) {
        if (e->stopped && e->stopped()) ok = error_set(err, "stopped");
        for (end = begin + 1; end < n && slots[end].length * (end + 1 - begin) <= PASS_TOKENS;) end++;
        ok = ok && run_pass(e, texts, slots + begin, end - begin, out, err);
    }
    free(slots);
    return ok;
}
