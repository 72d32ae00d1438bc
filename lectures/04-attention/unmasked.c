// Steps 11 and 12: attention without the causal mask, within one text and from one text to another.
#include "demo.h"

void attn_both_directions(Stage *s, Demo *d)
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
                                  "the mask (difference %.0g); the others' change by up to %.2f. This model was "
                                  "trained with the mask: its queries never learnt to look ahead. Encoders train "
                                  "without one (lecture 06).",
                                  show_difference(s, &last, &last_open), show_difference(s, masked, unmasked)));
    show_cost(s);
}

void attn_crossing(Stage *s, Demo *d)
{
    const Reading *memory = &d->other;
    Tensor *k = attn_one_head(d, attn_of_layer(d, memory, attn_key_name(d)), d->head);
    Tensor *v = attn_one_head(d, attn_of_layer(d, memory, "attn.hook_v"), d->head);
    Tensor *pattern = softmax(d->t, scale(d->t, matmul_nt(d->t, d->q, k), 1 / attn_root(d)), NULL);
    Tensor *z = matmul_nn(d->t, pattern, v);
    const float *p = show_values(s, pattern);
    int most = attn_largest(p, d->T * memory->n);
    show_heatmap(s, pattern, .title = "Queries of the text, keys of the memory", .rows = d->sentence.words,
                 .columns = memory->words, .row_axis = "query: the text", .column_axis = "key: the memory", .high = 1,
                 .finding = stage_format(s, "A map of %d × %d. The strongest pair is %s with %s, %.2f.", d->T,
                                         memory->n, attn_word(s, &d->sentence, most / memory->n),
                                         attn_word(s, memory, most % memory->n), (double)p[most]));
    show_heatmap(s, z, .title = "What the text takes from the memory", .rows = d->sentence.words, .row_axis = "token",
                 .column_axis = "channel of the head", .diverging = true,
                 .finding = stage_format(s, "[%d × %d] · [%d × %d] → [%d × %d]: as many rows as queries.", d->T,
                                         memory->n, memory->n, d->D, d->T, d->D));
    show_cost(s);
}
