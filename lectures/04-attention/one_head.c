// Steps 1 to 8: one head, one product after the other, and all of them in one kernel. Every matrix is computed on the
// device when its step is shown.
#include "demo.h"
#include <math.h>
#include <string.h>

void attn_tokens(Stage *s, Demo *d)
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

void attn_projections(Stage *s, Demo *d)
{
    d->q = attn_one_head(d, attn_of_layer(d, &d->sentence, attn_query_name(d)), d->head);
    d->k = attn_one_head(d, attn_of_layer(d, &d->sentence, attn_key_name(d)), d->head);
    d->v = attn_one_head(d, attn_of_layer(d, &d->sentence, "attn.hook_v"), d->head);
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
        double off = show_difference(s, made, attn_of_layer(d, &d->sentence, maps[i].hook));
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

void attn_all_pairs(Stage *s, Demo *d)
{
    d->raw = matmul_nt(d->t, d->q, d->k);
    const float *score = show_values(s, d->raw);
    int most = attn_largest(score, d->T * d->T);
    show_heatmap(s, d->raw, .title = "QKᵀ", .rows = d->sentence.words, .columns = d->sentence.words,
                 .row_axis = "query", .column_axis = "key", .diverging = true,
                 .finding =
                     stage_format(s,
                                  "%d queries times %d keys are %d dot products; the largest, %.2f, is the "
                                  "query of %s with the key of %s.",
                                  d->T, d->T, d->T * d->T, (double)score[most], attn_word(s, &d->sentence, most / d->T),
                                  attn_word(s, &d->sentence, most % d->T)));
    show_cost(s);
}

void attn_scaling(Stage *s, Demo *d)
{
    d->scores = scale(d->t, d->raw, 1 / attn_root(d));
    show_kernels(s); // what the step is about comes first
    Tensor *with = softmax(d->t, d->scores, NULL), *without = softmax(d->t, d->raw, NULL);
    const float *p = show_values(s, with), *sharp = show_values(s, without);
    float *entropy = ARENA_ARRAY(s->arena, float, d->T), *entropy_sharp = ARENA_ARRAY(s->arena, float, d->T);
    for (int i = 0; i < d->T; i++) {
        entropy[i] = (float)attn_mean_entropy(p + i * d->T, 1, d->T);
        entropy_sharp[i] = (float)attn_mean_entropy(sharp + i * d->T, 1, d->T);
    }
    show_heatmap(s, d->scores, .title = "QKᵀ/√d", .rows = d->sentence.words, .columns = d->sentence.words,
                 .row_axis = "query", .column_axis = "key", .diverging = true,
                 .finding = stage_format(s, "The same map with every number divided by √%d = %.2f.", d->D,
                                         (double)attn_root(d)));
    exhibit_bars(
        s, .title = "Entropy of each query's softmax", .labels = d->sentence.words, .values = entropy,
        .reference = entropy_sharp, .n = d->T, .name = "divided by √d", .reference_name = "not divided", .unit = "nats",
        .finding = stage_format(s,
                                "With the division a query spreads over %.1f of %d keys on average "
                                "(e to the mean entropy of %.2f nats); without it, over %.1f (%.2f nats).",
                                exp(attn_mean_entropy(p, d->T, d->T)), d->T, attn_mean_entropy(p, d->T, d->T),
                                exp(attn_mean_entropy(sharp, d->T, d->T)), attn_mean_entropy(sharp, d->T, d->T)));
    show_cost(s);
}

void attn_masking(Stage *s, Demo *d)
{
    d->mask = attn_causal_mask(d, d->T);
    int pairs = d->T * d->T, hidden = d->T * (d->T - 1) / 2;
    show_heatmap(
        s, add(d->t, d->scores, d->mask), .title = "QKᵀ/√d + mask", .rows = d->sentence.words,
        .columns = d->sentence.words, .row_axis = "query", .column_axis = "key", .diverging = true,
        .finding = stage_format(s, "%d of the %d pairs are −∞: the keys that come after their query.", hidden, pairs));
    show_cost(s);
}

void attn_weights(Stage *s, Demo *d)
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
                 .absent = attn_hidden_pairs(s, d, 1),
                 .finding = stage_format(s, "Every row sums to 1 (the worst is off by %.0g).", off));
    exhibit_tokens(s, .title = stage_format(s, "Where the last token, %s, looks", attn_word(s, &d->sentence, d->T - 1)),
                   .tokens = d->sentence.words, .values = last, .n = d->T, .unit = "weight", .high = 1,
                   .finding = stage_format(s, "Most at %s, with a weight of %.2f.",
                                           attn_word(s, &d->sentence, attn_largest(last, d->T)),
                                           (double)last[attn_largest(last, d->T)]));
    show_cost(s);
}

void attn_mixing(Stage *s, Demo *d)
{
    d->z = matmul_nn(d->t, d->pattern, d->v);
    Tensor first_value = tensor_view(d->v, 0, 1, NULL), first = tensor_view(d->z, 0, 1, NULL);
    show_heatmap(s, d->z, .title = "softmax(QKᵀ/√d + mask)·V", .rows = d->sentence.words, .row_axis = "token",
                 .column_axis = "channel of the head", .diverging = true,
                 .finding = stage_format(s,
                                         "[%d × %d] · [%d × %d] → [%d × %d]. The first token sees itself alone: its "
                                         "row is its own value (they differ by %.0g).",
                                         d->T, d->T, d->T, d->D, d->T, d->D, show_difference(s, &first, &first_value)));
    show_cost(s);
}

void attn_one_kernel(Stage *s, Demo *d)
{
    Shape one = SHAPE(1, d->T, 1, d->D);
    Tensor *fused = attention(d->t, reshape(d->t, d->q, one), reshape(d->t, d->k, one), reshape(d->t, d->v, one),
                              &(Attention){ .causal = true });
    Tensor *models = attn_one_head(d, attn_of_layer(d, &d->sentence, "attn.hook_z"), d->head);
    show_heatmap(s, reshape(d->t, fused, SHAPE(d->T, d->D)), .title = "The same, from one kernel",
                 .rows = d->sentence.words, .row_axis = "token", .column_axis = "channel of the head",
                 .diverging = true,
                 .finding = stage_format(s,
                                         "It differs from the steps before by at most %.2g, and from what the model "
                                         "itself computed by %.2g.",
                                         show_difference(s, fused, d->z), show_difference(s, fused, models)));
    show_cost(s);
}
