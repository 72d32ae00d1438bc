// Lecture 04, attention: softmax(QKᵀ/√d)·V, one product after the other, on the learner's sentence. The queries, keys and
// values are those of one head of a real model; every matrix is computed on the device when its step is shown.
// Vaswani et al. 2017, §3.2. The text is README.md beside this file.
#include "stage/reader.h"
#include "stage/show.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Demo {
    const char *text, *memory, *model;
    int layer, head;

    Reader reader;
    Reading sentence, other; // of `text` and of `memory`
    Tape *t;                 // where the steps compute
    int T, D, H;             // tokens, channels of a head, heads
    Tensor *x;               // [T, C] what the layer reads
    Tensor *q, *k, *v;       // [T, D] of the head
    Tensor *raw, *scores, *mask, *pattern, *z;
};

// ---- What the steps share ------------------------------------------------------------------------------------------

static Tensor *of_layer(const Demo *d, const Reading *reading, const char *name)
{
    return reading_tensor(reading, "blocks.%d.%s", d->layer, name);
}

// Queries and keys as they meet: after the rotation of families that turn them by their positions.
static const char *query_name(const Demo *d)
{
    return d->reader.model->family->rotary ? "attn.hook_rot_q" : "attn.hook_q";
}
static const char *key_name(const Demo *d)
{
    return d->reader.model->family->rotary ? "attn.hook_rot_k" : "attn.hook_k";
}

// x [1, T, heads, D] → one head's [T, D]. Where keys and values have fewer heads than queries, several share one.
static Tensor *one_head(Demo *d, Tensor *x, int head)
{
    int64_t shared = d->H / dim(x, 2);
    return reshape(d->t, slice(d->t, x, 2, head / shared, 1), SHAPE(dim(x, 1), dim(x, 3)));
}

// 0 where query t may look, −∞ where it may not: at the keys after it.
static Tensor *causal_mask(Demo *d, int T)
{
    Tensor *mask = tape_tensor(d->t, F32, SHAPE(T, T));
    float *values = NEW_ARRAY(float, T *T);
    for (int t = 0; t < T; t++)
        for (int s = t + 1; s < T; s++) values[t * T + s] = -INFINITY;
    tensor_write(d->t->stream, mask, values);
    free(values);
    return mask;
}

// 1 at the pairs that the mask hides, for `n` maps: there is no weight to be shown.
static const unsigned char *hidden_pairs(Stage *s, const Demo *d, int n)
{
    unsigned char *hidden = ARENA_ARRAY(s->arena, unsigned char, n * d->T * d->T);
    for (int i = 0; i < n * d->T * d->T; i++) hidden[i] = i % d->T > i / d->T % d->T;
    return hidden;
}

static float root(const Demo *d) { return sqrtf((float)d->D); }

// The mean over rows of H = −Σ p·ln p, in nats.
static double mean_entropy(const float *p, int n_rows, int n_columns)
{
    double sum = 0;
    for (int i = 0; i < n_rows * n_columns; i++) sum -= p[i] > 0 ? (double)p[i] * log((double)p[i]) : 0;
    return sum / n_rows;
}

static int largest(const float *values, int n)
{
    int at = 0;
    for (int i = 1; i < n; i++)
        if (values[i] > values[at]) at = i;
    return at;
}

static const char *word(Stage *s, const Reading *reading, int i)
{
    const char *text = reading->words[i];
    return stage_format(s, "“%s”", text + (*text == ' ' && text[1]));
}

static bool setup(Stage *s, Demo *d, Error *err)
{
    if (!reader_open(&d->reader, s, d->model, err)) return false;
    const Config *c = &d->reader.model->config;
    if (d->layer < 0 || d->layer >= c->n_layers)
        return error_set(err, "layer %d: the model has layers 0 to %d", d->layer, c->n_layers - 1);
    if (d->head < 0 || d->head >= c->n_heads)
        return error_set(err, "head %d: the model's layers have heads 0 to %d", d->head, c->n_heads - 1);
    if (!reader_read(&d->reader, "text", d->text, &d->sentence, err) ||
        !reader_read(&d->reader, "memory", d->memory, &d->other, err))
        return false;
    d->t = d->reader.tape;
    d->T = d->sentence.n;
    d->D = model_head_dim(d->reader.model);
    d->H = c->n_heads;
    Tensor *x = of_layer(d, &d->sentence, "ln1.hook_normalized");
    d->x = reshape(d->t, x, SHAPE(d->T, dim(x, 2)));
    return true;
}

static void teardown(Demo *d) { reader_close(&d->reader); }

// ---- The steps -------------------------------------------------------------------------------------------------------

static void tokens(Stage *s, Demo *d)
{
    const char **ids = ARENA_ARRAY(s->arena, const char *, d->T);
    for (int i = 0; i < d->T; i++) ids[i] = stage_format(s, "%d", d->sentence.ids[i]);
    exhibit_tokens(s, .title = "The sentence in tokens, with their ids", .tokens = d->sentence.words, .notes = ids,
                   .n = d->T,
                   .finding = stage_format(s, "%zu bytes are %d tokens of a vocabulary of %d.", strlen(d->text), d->T,
                                           d->reader.model->config.vocab_size));
    Tensor *embedded = reading_tensor(&d->sentence, "hook_embed");
    show_heatmap(s, embedded, .title = "Embeddings", .rows = d->sentence.words, .row_axis = "token",
                 .column_axis = "channel", .diverging = true,
                 .finding = stage_format(s, "Each token is a row of %lld numbers, the same row wherever it stands.",
                                         (long long)dim(embedded, -1)));
    show_heatmap(s, d->x, .title = stage_format(s, "The same tokens where layer %d reads them", d->layer),
                 .rows = d->sentence.words, .row_axis = "token", .column_axis = "channel", .diverging = true,
                 .finding =
                     d->layer == 0
                         ? (d->reader.model->family->rotary
                                ? "Normalised, a row still knows of no other: this is attention's x."
                                : "With its position added and normalised, a row still knows of no other: this is "
                                  "attention's x.")
                         : stage_format(s,
                                        "After %d layer%s each row has taken something from those before it: this is "
                                        "attention's x.",
                                        d->layer, d->layer == 1 ? "" : "s"));
}

static void projections(Stage *s, Demo *d)
{
    d->q = one_head(d, of_layer(d, &d->sentence, query_name(d)), d->head);
    d->k = one_head(d, of_layer(d, &d->sentence, key_name(d)), d->head);
    d->v = one_head(d, of_layer(d, &d->sentence, "attn.hook_v"), d->head);
    const MultiHead *m = &d->reader.model->layers[d->layer].attention;
    const struct {
        const char *title, *finding, *product, *hook;
        Tensor *x;
        const Linear *weights;
    } maps[] = {
        { "Q: what each token looks for", "One query a token.", "x·W_Q", "attn.hook_q", d->q, &m->q },
        { "K: what each token is found by", "One key a token: the same shape, so that the two can meet.", "x·W_K",
          "attn.hook_k", d->k, &m->k },
        { "V: what each token hands over", "One value a token: it is never compared with anything.", "x·W_V",
          "attn.hook_v", d->v, &m->v },
    };
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        Tensor *made = linear(d->t, d->x, maps[i].weights->weight, maps[i].weights->bias); // of all heads
        double off = show_difference(s, made, of_layer(d, &d->sentence, maps[i].hook));
        bool turned = d->reader.model->family->rotary && maps[i].x != d->v;
        show_heatmap(s, maps[i].x, .title = maps[i].title, .rows = d->sentence.words, .row_axis = "token",
                     .column_axis = "channel of the head", .diverging = true,
                     .finding =
                         stage_format(s, "%s [%d × %d]; %s made here again differs from the model's by at most %.0g%s.",
                                      maps[i].finding, d->T, d->D, maps[i].product, off,
                                      turned ? " (before its turn by the position)" : ""));
    }
    show_cost(s);
}

static void all_pairs(Stage *s, Demo *d)
{
    d->raw = matmul_nt(d->t, d->q, d->k);
    const float *score = show_values(s, d->raw);
    int most = largest(score, d->T * d->T);
    show_heatmap(s, d->raw, .title = "QKᵀ", .rows = d->sentence.words, .columns = d->sentence.words,
                 .row_axis = "query", .column_axis = "key", .diverging = true,
                 .finding = stage_format(s,
                                         "%d queries times %d keys are %d dot products; the largest, %.2f, is the "
                                         "query of %s with the key of %s.",
                                         d->T, d->T, d->T * d->T, (double)score[most],
                                         word(s, &d->sentence, most / d->T), word(s, &d->sentence, most % d->T)));
    show_cost(s);
}

static void scaling(Stage *s, Demo *d)
{
    d->scores = scale(d->t, d->raw, 1 / root(d));
    show_kernels(s); // what the step is about comes first
    Tensor *with = softmax(d->t, d->scores, NULL), *without = softmax(d->t, d->raw, NULL);
    const float *p = show_values(s, with), *sharp = show_values(s, without);
    float *entropy = ARENA_ARRAY(s->arena, float, d->T), *entropy_sharp = ARENA_ARRAY(s->arena, float, d->T);
    for (int i = 0; i < d->T; i++) {
        entropy[i] = (float)mean_entropy(p + i * d->T, 1, d->T);
        entropy_sharp[i] = (float)mean_entropy(sharp + i * d->T, 1, d->T);
    }
    show_heatmap(s, d->scores, .title = "QKᵀ/√d", .rows = d->sentence.words, .columns = d->sentence.words,
                 .row_axis = "query", .column_axis = "key", .diverging = true,
                 .finding =
                     stage_format(s, "The same map with every number divided by √%d = %.2f.", d->D, (double)root(d)));
    exhibit_bars(s, .title = "Entropy of each query's softmax", .labels = d->sentence.words, .values = entropy,
                 .reference = entropy_sharp, .n = d->T, .name = "divided by √d", .reference_name = "not divided",
                 .unit = "nats",
                 .finding = stage_format(s,
                                         "With the division a query spreads over %.1f of %d keys on average "
                                         "(e to the mean entropy of %.2f nats); without it, over %.1f (%.2f nats).",
                                         exp(mean_entropy(p, d->T, d->T)), d->T, mean_entropy(p, d->T, d->T),
                                         exp(mean_entropy(sharp, d->T, d->T)), mean_entropy(sharp, d->T, d->T)));
    show_cost(s);
}

static void masking(Stage *s, Demo *d)
{
    d->mask = causal_mask(d, d->T);
    int pairs = d->T * d->T, hidden = d->T * (d->T - 1) / 2;
    show_heatmap(
        s, add(d->t, d->scores, d->mask), .title = "QKᵀ/√d + mask", .rows = d->sentence.words,
        .columns = d->sentence.words, .row_axis = "query", .column_axis = "key", .diverging = true,
        .finding = stage_format(s, "%d of the %d pairs are −∞: the keys that come after their query.", hidden, pairs));
    show_cost(s);
}

static void weights(Stage *s, Demo *d)
{
    d->pattern = softmax(d->t, d->scores, d->mask);
    const float *p = show_values(s, d->pattern), *last = p + (d->T - 1) * d->T;
    double off = 0;
    for (int t = 0; t < d->T; t++) {
        double sum = 0;
        for (int i = 0; i < d->T; i++) sum += (double)p[t * d->T + i];
        off = fmax(off, fabs(sum - 1));
    }
    show_heatmap(s, d->pattern, .title = "softmax(QKᵀ/√d + mask)", .rows = d->sentence.words,
                 .columns = d->sentence.words, .row_axis = "query", .column_axis = "key", .high = 1,
                 .absent = hidden_pairs(s, d, 1),
                 .finding = stage_format(s, "Every row sums to 1 (the worst is off by %.0e).", off));
    exhibit_tokens(s, .title = stage_format(s, "Where the last token, %s, looks", word(s, &d->sentence, d->T - 1)),
                   .tokens = d->sentence.words, .values = last, .n = d->T, .unit = "weight", .high = 1,
                   .finding =
                       stage_format(s, "Most at %s, with a weight of %.2f.", word(s, &d->sentence, largest(last, d->T)),
                                    (double)last[largest(last, d->T)]));
    show_cost(s);
}

static void mixing(Stage *s, Demo *d)
{
    d->z = matmul_nn(d->t, d->pattern, d->v);
    Tensor first_value = tensor_view(d->v, 0, 1, NULL), first = tensor_view(d->z, 0, 1, NULL);
    show_heatmap(s, d->z, .title = "softmax(QKᵀ/√d + mask)·V", .rows = d->sentence.words, .row_axis = "token",
                 .column_axis = "channel of the head", .diverging = true,
                 .finding = stage_format(s,
                                         "[%d × %d] · [%d × %d] → [%d × %d]. The first token sees itself alone: its "
                                         "row is its own value (they differ by %.0e).",
                                         d->T, d->T, d->T, d->D, d->T, d->D, show_difference(s, &first, &first_value)));
    show_cost(s);
}

static void one_kernel(Stage *s, Demo *d)
{
    Shape one = SHAPE(1, d->T, 1, d->D);
    Tensor *fused = attention(d->t, reshape(d->t, d->q, one), reshape(d->t, d->k, one), reshape(d->t, d->v, one),
                              &(Attention){ .causal = true });
    Tensor *models = one_head(d, of_layer(d, &d->sentence, "attn.hook_z"), d->head);
    show_heatmap(s, reshape(d->t, fused, SHAPE(d->T, d->D)), .title = "The same, from one kernel",
                 .rows = d->sentence.words, .row_axis = "token", .column_axis = "channel of the head",
                 .diverging = true,
                 .finding = stage_format(s,
                                         "It differs from the steps before by at most %.1e, and from what the model "
                                         "itself computed by %.1e.",
                                         show_difference(s, fused, d->z), show_difference(s, fused, models)));
    show_cost(s);
}

// Where the heads of one layer look: the mean weight of the first key, the token itself and the one before it.
static void describe_heads(Stage *s, Demo *d, const float *p)
{
    const char **cells = ARENA_ARRAY(s->arena, const char *, 5 * d->H);
    int closest = 0;
    double most = -1;
    for (int h = 0; h < d->H; h++) {
        double first = 0, self = 0, previous = 0;
        const float *map = p + h * d->T * d->T;
        for (int t = 0; t < d->T; t++) {
            first += (double)map[t * d->T];
            self += (double)map[t * d->T + t];
            if (t > 0) previous += (double)map[t * d->T + t - 1];
        }
        if (previous > most) most = previous, closest = h;
        cells[5 * h] = stage_format(s, "%d", h);
        cells[5 * h + 1] = stage_format(s, "%.2f", first / d->T);
        cells[5 * h + 2] = stage_format(s, "%.2f", self / d->T);
        cells[5 * h + 3] = stage_format(s, "%.2f", d->T > 1 ? previous / (d->T - 1) : 0);
        cells[5 * h + 4] = stage_format(s, "%.2f", mean_entropy(map, d->T, d->T));
    }
    exhibit_table(s, .title = "What each head does with its weight, on average over the queries",
                  .header = (const char *const[]){ "head", "to the first token", "to itself", "to the one before",
                                                   "entropy (nats)" },
                  .cells = cells, .n_rows = d->H, .n_columns = 5,
                  .finding = stage_format(s, "Head %d looks most at the token before: %.2f of its weight.", closest,
                                          d->T > 1 ? most / (d->T - 1) : 0));
}

static void all_heads(Stage *s, Demo *d)
{
    Tensor *patterns = attention_pattern(d->t, of_layer(d, &d->sentence, query_name(d)),
                                         of_layer(d, &d->sentence, key_name(d)), &(Attention){ .causal = true });
    const char **names = ARENA_ARRAY(s->arena, const char *, d->H);
    for (int h = 0; h < d->H; h++) names[h] = stage_format(s, "head %d", h);
    show_heatmap(s, patterns, .title = stage_format(s, "The %d heads of layer %d", d->H, d->layer), .maps = names,
                 .rows = d->sentence.words, .columns = d->sentence.words, .row_axis = "query", .column_axis = "key",
                 .high = 1, .absent = hidden_pairs(s, d, d->H),
                 .finding = stage_format(s, "%d patterns over the same %d tokens; all rows sum to 1.", d->H, d->T));
    describe_heads(s, d, show_values(s, patterns));
    show_cost(s);
}

// 1 in the columns of one head, 0 elsewhere: [T, H·D].
static Tensor *only_head(Demo *d, int head)
{
    Tensor *mask = tape_tensor(d->t, F32, SHAPE(d->T, d->H * d->D));
    float *values = NEW_ARRAY(float, count(mask));
    for (int64_t i = 0; i < count(mask); i++) values[i] = i / d->D % d->H == head ? 1 : 0;
    tensor_write(d->t->stream, mask, values);
    free(values);
    return mask;
}

static void concatenation(Stage *s, Demo *d)
{
    const MultiHead *m = &d->reader.model->layers[d->layer].attention;
    Tensor *queries = linear(d->t, d->x, m->q.weight, m->q.bias), *beside = NULL;
    Tensor *z = reshape(d->t, of_layer(d, &d->sentence, "attn.hook_z"), SHAPE(d->T, d->H * d->D));
    Tensor *output = linear(d->t, z, m->o.weight, m->o.bias), *sum = NULL;
    float *share = ARENA_ARRAY(s->arena, float, d->H);
    const char **names = ARENA_ARRAY(s->arena, const char *, d->H);
    for (int h = 0; h < d->H; h++) {
        Tensor w = tensor_view(m->q.weight, h * d->D, d->D, NULL), b = { 0 };
        if (m->q.bias) b = tensor_view(m->q.bias, h * d->D, d->D, NULL);
        Tensor *query = linear(d->t, d->x, &w, m->q.bias ? &b : NULL); // this head's projection alone
        beside = beside ? concat(d->t, (Tensor *[]){ beside, query }, 2, 1) : query;
        Tensor *part = linear(d->t, mul(d->t, z, only_head(d, h)), m->o.weight, h == 0 ? m->o.bias : NULL);
        sum = sum ? add(d->t, sum, part) : part;
        Tensor *write = linear(d->t, mul(d->t, z, only_head(d, h)), m->o.weight, NULL);
        const float *values = show_values(s, write);
        double squares = 0;
        for (int64_t i = 0; i < count(write); i++) squares += (double)values[i] * (double)values[i];
        share[h] = (float)sqrt(squares / d->T);
        names[h] = stage_format(s, "head %d", h);
    }
    exhibit_bars(s, .title = "How much each head writes", .labels = names, .values = share, .n = d->H,
                 .finding = stage_format(s, "Head %d writes most: a vector of length %.2f a token (root mean square).",
                                         largest(share, d->H), (double)share[largest(share, d->H)]));
    exhibit_table(s, .title = "One big product, or head by head",
                  .header = (const char *const[]){ "one product", "head by head", "largest difference" },
                  .cells = (const char *const[]){ "x·W_Q", "the heads' own x·W_Q,i, side by side",
                                                  stage_format(s, "%.1e", show_difference(s, queries, beside)),
                                                  "[z₁ … z_H]·W_O", "Σ zᵢ·W_O,i",
                                                  stage_format(s, "%.1e", show_difference(s, output, sum)) },
                  .n_rows = 2, .n_columns = 3, .finding = "Heads are a way to read one product, not more work.");
    show_cost(s);
}

static void both_directions(Stage *s, Demo *d)
{
    Tensor *open = softmax(d->t, d->scores, NULL);
    show_kernels(s);
    const float *p = show_values(s, open);
    double ahead = 0;
    for (int t = 0; t < d->T; t++)
        for (int i = t + 1; i < d->T; i++) ahead += (double)p[t * d->T + i];
    show_heatmap(s, open, .title = "softmax(QKᵀ/√d), without a mask", .rows = d->sentence.words,
                 .columns = d->sentence.words, .row_axis = "query", .column_axis = "key", .high = 1,
                 .finding =
                     stage_format(s, "%.0f %% of all weight would go to tokens that come later.", 100 * ahead / d->T));
    Tensor *masked = matmul_nn(d->t, d->pattern, d->v), *unmasked = matmul_nn(d->t, open, d->v);
    Tensor last = tensor_view(masked, d->T - 1, 1, NULL), last_open = tensor_view(unmasked, d->T - 1, 1, NULL);
    exhibit_text(s, .title = "What the mask changes",
                 .text =
                     stage_format(s,
                                  "The last token saw everything before, so its output is the same with and without "
                                  "the mask (difference %.0e); the others' change by up to %.2f. This model was "
                                  "trained with the mask: its queries never learnt to look ahead. Encoders train "
                                  "without one (lecture 06).",
                                  show_difference(s, &last, &last_open), show_difference(s, masked, unmasked)));
    show_cost(s);
}

static void crossing(Stage *s, Demo *d)
{
    const Reading *memory = &d->other;
    Tensor *k = one_head(d, of_layer(d, memory, key_name(d)), d->head);
    Tensor *v = one_head(d, of_layer(d, memory, "attn.hook_v"), d->head);
    Tensor *pattern = softmax(d->t, scale(d->t, matmul_nt(d->t, d->q, k), 1 / root(d)), NULL);
    Tensor *z = matmul_nn(d->t, pattern, v);
    const float *p = show_values(s, pattern);
    int most = largest(p, d->T * memory->n);
    show_heatmap(s, pattern, .title = "Queries of the text, keys of the memory", .rows = d->sentence.words,
                 .columns = memory->words, .row_axis = "query: the text", .column_axis = "key: the memory", .high = 1,
                 .finding = stage_format(s, "A map of %d × %d. The strongest pair is %s with %s, %.2f.", d->T,
                                         memory->n, word(s, &d->sentence, most / memory->n),
                                         word(s, memory, most % memory->n), (double)p[most]));
    show_heatmap(s, z, .title = "What the text takes from the memory", .rows = d->sentence.words, .row_axis = "token",
                 .column_axis = "channel of the head", .diverging = true,
                 .finding = stage_format(s, "[%d × %d] · [%d × %d] → [%d × %d]: as many rows as queries.", d->T,
                                         memory->n, memory->n, d->D, d->T, d->D));
    show_cost(s);
}

// ---- Where the work is -----------------------------------------------------------------------------------------------

// The matrices of one head while its parts are timed.
typedef struct Matrices {
    Tensor *q, *k, *v, *mask, *raw, *scores, *pattern;
} Matrices;

static void part_products(Tape *t, Matrices *m) { m->raw = matmul_nt(t, m->q, m->k); }
static void part_scale(Tape *t, Matrices *m) { m->scores = scale(t, m->raw, 1 / sqrtf((float)dim(m->q, 1))); }
static void part_softmax(Tape *t, Matrices *m) { m->pattern = softmax(t, m->scores, m->mask); }
static void part_mix(Tape *t, Matrices *m) { matmul_nn(t, m->pattern, m->v); }

static void part_fused(Tape *t, Matrices *m)
{
    Shape one = SHAPE(1, dim(m->q, 0), 1, dim(m->q, 1));
    attention(t, reshape(t, m->q, one), reshape(t, m->k, one), reshape(t, m->v, one), &(Attention){ .causal = true });
}

typedef struct Part {
    const char *name;
    void (*run)(Tape *t, Matrices *m);
    double per_pair_channel, per_pair; // FLOPs: a for each of T·T·D, b for each of T·T
} Part;
enum { PLAIN_PARTS = 4, PARTS };

static const Part parts[PARTS] = {
    { "QKᵀ", part_products, 2, 0 }, { "÷√d", part_scale, 0, 1 },   { "softmax", part_softmax, 0, 8 },
    { "·V", part_mix, 2, 0 },       { "fused", part_fused, 0, 0 }, // counts the pairs that the mask leaves: 4·D·T(T+1)/2
};

// One run of a part: the fastest of a few, after a first in which the driver compiles.
static Lap time_part(Stage *s, Tape *t, const Part *part, Matrices *m)
{
    enum { RUNS = 5 };
    Lap best = { .seconds = INFINITY };
    for (int i = 0; i <= RUNS; i++) {
        show_lap(s);
        part->run(t, m);
        Lap lap = show_lap(s);
        if (i > 0 && lap.seconds < best.seconds) best = lap;
    }
    return best;
}

// Queries, keys and values of T tokens, drawn at random: what an op costs does not depend on the numbers.
static Matrices random_matrices(Stage *s, Demo *d, int T)
{
    Matrices m = { 0 };
    Tensor **const qkv[] = { &m.q, &m.k, &m.v };
    for (uint64_t i = 0; i < COUNT_OF(qkv); i++) {
        *qkv[i] = tape_tensor(d->t, F32, SHAPE(T, d->D));
        random_fill(d->t->stream, *qkv[i], s->seed, i);
    }
    m.mask = causal_mask(d, T);
    return m;
}

// How near an op comes to the roof that stands over it: arithmetic's or memory's.
static double share_of_roof(const Lap *lap, const Roof *roof)
{
    return fmax(lap->flops / lap->seconds / (roof->gflops * 1e9), lap->bytes / lap->seconds / (roof->gbps * 1e9));
}

// 294912 → "295k"
static const char *in_thousands(Stage *s, double value)
{
    const char *const units[] = { "", "k", "M", "G", "T" };
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < COUNT_OF(units); unit++) value /= 1000;
    return stage_format(s, value < 9.95 && unit > 0 ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

static void table_of_work(Stage *s, Demo *d, const Roof *roof, int T, Matrices *m)
{
    enum { COLUMNS = 6 };
    const char *cells[PARTS][COLUMNS];
    double flops = 0, counted = 0, seconds = 0, products = 0;
    for (int i = 0; i < PARTS; i++) {
        Lap lap = time_part(s, d->t, &parts[i], m);
        if (error_is_set(&s->error)) return;
        if (i < PLAIN_PARTS) {
            flops += (parts[i].per_pair_channel * d->D + parts[i].per_pair) * T * T;
            counted += lap.flops;
            seconds += lap.seconds;
            if (parts[i].per_pair_channel > 0) products += lap.seconds;
        }
        cells[i][0] = parts[i].name;
        cells[i][1] = in_thousands(s, lap.flops);
        cells[i][2] = in_thousands(s, lap.bytes);
        cells[i][3] = stage_format(s, "%.1f", lap.flops / lap.bytes);
        cells[i][4] = stage_format(s, "%.0f", 1e6 * lap.seconds);
        cells[i][5] = stage_format(s, "%.0f%%", 100 * share_of_roof(&lap, roof));
    }
    exhibit_table(s, .title = stage_format(s, "One head, T = %d, d = %d", T, d->D),
                  .header = (const char *const[]){ "step", "FLOP", "byte", "F/B", "µs", "roof" }, .cells = &cells[0][0],
                  .n_rows = PARTS, .n_columns = COLUMNS,
                  .finding = stage_format(s,
                                          "4·T²·d + 9·T² = %.0f FLOPs by the formula, %.0f by the profiler; the two "
                                          "products take %.0f %% of the four steps' time.",
                                          flops, counted, 100 * products / seconds));
}

static void work(Stage *s, Demo *d)
{
    enum { LONGER = 256 };
    Roof roof = show_roof(s);
    TapeMark mark = tape_mark(d->t);
    Matrices own = { .q = d->q, .k = d->k, .v = d->v, .mask = d->mask }, longer = random_matrices(s, d, LONGER);
    table_of_work(s, d, &roof, d->T, &own);
    table_of_work(s, d, &roof, LONGER, &longer);
    tape_release(d->t, mark);
    exhibit_text(
        s, .title = "How to read it",
        .text = stage_format(
            s,
            "This device was measured at %.1f GFLOP/s from registers and %.1f GB/s from memory. An op that makes fewer "
            "than %.1f FLOPs of a byte (F/B) is held back by memory, whatever its kernel. The last "
            "column is the share of the roof that stands over it; what stays in a cache may "
            "pass the memory's.",
            roof.gflops, roof.gbps, roof.gflops / roof.gbps));
    show_kernels(s);
}

// KiB that parts `first` … `last` − 1 take on the tape, but for their result, which both ways need.
static float kib_between(Demo *d, Matrices *m, int first, int last)
{
    uint64_t before = d->t->memory.total;
    for (int i = first; i < last; i++) parts[i].run(d->t, m);
    return (float)(d->t->memory.total - before - (uint64_t)tensor_bytes(m->q)) / 1024; // the result is as large as Q
}

static void longer_texts(Stage *s, Demo *d)
{
    static const int lengths[] = { 32, 64, 128, 256, 512, 1024 };
    enum { N = COUNT_OF(lengths) };
    float x[N], plain[N], fused[N], plain_kib[N], fused_kib[N];
    for (int i = 0; i < N; i++) {
        int T = lengths[i];
        TapeMark mark = tape_mark(d->t);
        Matrices m = random_matrices(s, d, T);
        double seconds = 0;
        plain_kib[i] = kib_between(d, &m, 0, PLAIN_PARTS) + (float)tensor_bytes(m.mask) / 1024;
        fused_kib[i] = kib_between(d, &m, PLAIN_PARTS, PARTS);
        for (int j = 0; j < PLAIN_PARTS; j++) seconds += time_part(s, d->t, &parts[j], &m).seconds;
        x[i] = (float)T;
        plain[i] = (float)(1e3 * seconds);
        fused[i] = (float)(1e3 * time_part(s, d->t, &parts[PLAIN_PARTS], &m).seconds);
        tape_release(d->t, mark);
    }
    if (error_is_set(&s->error)) return;
    const Series times[] = { { .name = "four kernels", .x = x, .y = plain, .n = N },
                             { .name = "one kernel", .x = x, .y = fused, .n = N } };
    const Series memory[] = { { .name = "four kernels", .x = x, .y = plain_kib, .n = N },
                              { .name = "one kernel", .x = x, .y = fused_kib, .n = N } };
    exhibit_curve(s, .title = "Time of one head against the text's length", .series = times, .n_series = 2,
                  .x_axis = "tokens", .y_axis = "ms", .log_x = true, .log_y = true,
                  .finding = stage_format(s,
                                          "At %d tokens the four kernels take %.1f ms and the one takes %.1f ms: %.1f "
                                          "times as fast. It skips what the mask hides.",
                                          lengths[N - 1], (double)plain[N - 1], (double)fused[N - 1],
                                          (double)(plain[N - 1] / fused[N - 1])));
    exhibit_curve(
        s, .title = "Memory beside Q, K, V and the result", .series = memory, .n_series = 2, .x_axis = "tokens",
        .y_axis = "KiB", .log_x = true, .log_y = true,
        .finding = stage_format(s,
                                "As allocated at %d tokens: %.0f KiB, which are %.1f T×T matrices, against %.1f KiB, "
                                "which are %.1f numbers a query.",
                                lengths[N - 1], (double)plain_kib[N - 1],
                                (double)plain_kib[N - 1] * 256 / lengths[N - 1] / lengths[N - 1],
                                (double)fused_kib[N - 1], (double)fused_kib[N - 1] * 256 / lengths[N - 1]));
    show_kernels(s);
}

// ---- The lecture -----------------------------------------------------------------------------------------------------

static const Step steps[] = {
    STEP("A sentence becomes rows of numbers",
         "A model reads tokens, each a row of an embedding table. Attention is how one row learns from the others.",
         tokens),
    STEP("Each token asks, is found, and hands over",
         "Three products make a query, a key and a value of every token: Q = x·W_Q, K = x·W_K, V = x·W_V. These are "
         "the ones that the model made for one head of one layer.",
         projections, .rehearsed = true),
    STEP("Every query meets every key",
         "One dot product for each pair of tokens: QKᵀ. Queries are compared with keys; values are not looked at.",
         all_pairs, .rehearsed = true, .question = "Which size has QKᵀ, and what does each of its numbers say?"),
    STEP("Divided by √d",
         "A sum of d products of independent numbers of mean 0 and variance 1 has variance d. Large scores make the "
         "softmax pick "
         "one key and pass no gradient to the others, so they are divided by √d (Vaswani et al. 2017, §3.2.1).",
         scaling, .rehearsed = true,
         .question = "What would the softmax look like if the scores were √d times as large?"),
    STEP("Nobody sees the future",
         "A model that predicts the next token must not look at it. Adding −∞ to a score makes its weight 0.", masking,
         .rehearsed = true),
    STEP("Scores become weights",
         "The softmax of each row, exp(score) divided by the row's sum, says how a query shares its attention among "
         "the keys that it may see.",
         weights, .rehearsed = true),
    STEP("Values are mixed by the weights",
         "The last product: each token's new row is the mean of the values, weighted by its row of the pattern.",
         mixing, .rehearsed = true),
    STEP(
        "One kernel does all of it",
        "The four steps in a single kernel, which walks along the keys with a running maximum and sum and never stores "
        "the T×T matrices (Milakov & Gimelshein 2018; Dao et al. 2022).",
        one_kernel, .rehearsed = true),
    STEP("Many heads look at different things",
         "A layer has several heads, each with its own queries, keys and values. Side by side, on the same sentence:",
         all_heads, .rehearsed = true, .question = "Do you expect the heads to look at the same tokens?"),
    STEP("Heads side by side are one big product",
         "MultiHead(x) = [z₁ … z_H]·W_O (§3.2.2). All heads' projections are one matrix product, cut into pieces "
         "afterwards; and the output is the sum of what each head writes.",
         concatenation, .rehearsed = true),
    STEP("Without the mask, everybody sees everybody",
         "The same scores and no mask: self-attention as an encoder uses it.", both_directions, .rehearsed = true),
    STEP("Queries of one text, keys and values of another",
         "Cross-attention: the queries come from one text, the keys and values from another, here through the same "
         "head. This model was never trained for it, so the map shows the mechanism; a trained one comes with lecture "
         "05.",
         crossing, .rehearsed = true),
    STEP("Where the work is",
         "Each step's FLOPs and bytes, counted, beside its time and the roof of this device (Williams et al. 2009).",
         work),
    STEP("Plain or flash, as the text grows",
         "T tokens have T² pairs. The plain way stores a number for each of them, four times: product, scaled score, "
         "mask and weight. The other stores one number a query.",
         longer_texts),
};

LECTURE("04-attention", "Attention", steps, setup, teardown,
        PARAM_TEXT(text, .text = "Noah had a pink ball. Tina asked to borrow it.", .help = "the sentence"),
        PARAM_TEXT(memory, .text = "Tom lost a white feather. Kate found the feather.",
                   .help = "the text of the keys and values in cross-attention"),
        PARAM_INT(layer, .help = "the layer of the model, from 0"),
        PARAM_INT(head, .help = "the head of the layer, from 0"),
        PARAM_TEXT(model, .text = "tales.gguf", .help = "a GGUF file, or one of assets/"));
