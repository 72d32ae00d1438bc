// Steps 9 and 10: the heads of a layer side by side, and as one big product (Vaswani et al. 2017, §3.2.2).
#include "demo.h"
#include <math.h>
#include <stdlib.h>

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
        cells[5 * h + 4] = stage_format(s, "%.2f", attn_mean_entropy(map, d->T, d->T));
    }
    exhibit_table(s, .title = "What each head does with its weight, on average over the queries",
                  .header = (const char *const[]){ "head", "to the first token", "to itself", "to the one before",
                                                   "entropy (nats)" },
                  .cells = cells, .n_rows = d->H, .n_columns = 5,
                  .finding = stage_format(s, "Head %d looks most at the token before: %.2f of its weight.", closest,
                                          d->T > 1 ? most / (d->T - 1) : 0));
}

void attn_all_heads(Stage *s, Demo *d)
{
    Tensor *patterns =
        attention_pattern(d->t, attn_of_layer(d, &d->sentence, attn_query_name(d)),
                          attn_of_layer(d, &d->sentence, attn_key_name(d)), &(Attention){ .causal = true });
    const char **names = ARENA_ARRAY(s->arena, const char *, d->H);
    for (int h = 0; h < d->H; h++) names[h] = stage_format(s, "head %d", h);
    show_heatmap(s, patterns, .title = stage_format(s, "The %d heads of layer %d", d->H, d->layer), .maps = names,
                 .rows = d->sentence.words, .columns = d->sentence.words, .row_axis = "query", .column_axis = "key",
                 .high = 1, .absent = attn_hidden_pairs(s, d, d->H),
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

void attn_concatenation(Stage *s, Demo *d)
{
    const MultiHead *m = &d->reader.model->layers[d->layer].attention;
    Tensor *queries = linear(d->t, d->x, m->q.weight, m->q.bias), *beside = NULL;
    Tensor *z = reshape(d->t, attn_of_layer(d, &d->sentence, "attn.hook_z"), SHAPE(d->T, d->H * d->D));
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
                                         attn_largest(share, d->H), (double)share[attn_largest(share, d->H)]));
    exhibit_table(s, .title = "One big product, or head by head",
                  .header = (const char *const[]){ "one product", "head by head", "largest difference" },
                  .cells = (const char *const[]){ "x·W_Q", "the heads' own x·W_Q,i, side by side",
                                                  stage_format(s, "%.2g", show_difference(s, queries, beside)),
                                                  "[z₁ … z_H]·W_O", "Σ zᵢ·W_O,i",
                                                  stage_format(s, "%.2g", show_difference(s, output, sum)) },
                  .n_rows = 2, .n_columns = 3, .finding = "Heads are a way to read one product, not more work.");
    show_cost(s);
}
