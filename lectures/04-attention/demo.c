// Lecture 04, attention: softmax(QKᵀ/√d)·V, one product after the other, on the learner's sentence. The queries, keys and
// values are those of one head of a real model. Vaswani et al. 2017, §3.2. The text is README.md beside this file; the
// steps are in the files beside it, in the order of demo.h.
#include "demo.h"

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
    Tensor *x = attn_of_layer(d, &d->sentence, "ln1.hook_normalized");
    d->x = reshape(d->t, x, SHAPE(d->T, dim(x, 2)));
    return true;
}

static void teardown(Demo *d) { reader_close(&d->reader); }

static const Step steps[] = {
    STEP("A sentence becomes rows of numbers",
         "A model reads tokens, each a row of an embedding table. Attention is how one row learns from the others.",
         attn_tokens),
    STEP("Each token asks, is found, and hands over",
         "Three products make a query, a key and a value of every token: Q = x·W_Q, K = x·W_K, V = x·W_V. These are "
         "the ones that the model made for one head of one layer.",
         attn_projections, .rehearsed = true),
    STEP("Every query meets every key",
         "One dot product for each pair of tokens: QKᵀ. Queries are compared with keys; values are not looked at.",
         attn_all_pairs, .rehearsed = true, .question = "Which size has QKᵀ, and what does each of its numbers say?"),
    STEP("Divided by √d",
         "A sum of d products of independent numbers of mean 0 and variance 1 has variance d. Large scores make the "
         "softmax pick "
         "one key and pass no gradient to the others, so they are divided by √d (Vaswani et al. 2017, §3.2.1).",
         attn_scaling, .rehearsed = true,
         .question = "What would the softmax look like if the scores were √d times as large?"),
    STEP("Nobody sees the future",
         "A model that predicts the next token must not look at it. Adding −∞ to a score makes its weight 0.",
         attn_masking, .rehearsed = true),
    STEP("Scores become weights",
         "The softmax of each row, exp(score) divided by the row's sum, says how a query shares its attention among "
         "the keys that it may see.",
         attn_weights, .rehearsed = true),
    STEP("Values are mixed by the weights",
         "The last product: each token's new row is the mean of the values, weighted by its row of the pattern.",
         attn_mixing, .rehearsed = true),
    STEP(
        "One kernel does all of it",
        "The four steps in a single kernel, which walks along the keys with a running maximum and sum and never stores "
        "the T×T matrices (Milakov & Gimelshein 2018; Dao et al. 2022).",
        attn_one_kernel, .rehearsed = true),
    STEP("Many heads look at different things",
         "A layer has several heads, each with its own queries, keys and values. Side by side, on the same sentence:",
         attn_all_heads, .rehearsed = true, .question = "Do you expect the heads to look at the same tokens?"),
    STEP("Heads side by side are one big product",
         "MultiHead(x) = [z₁ … z_H]·W_O (§3.2.2). All heads' projections are one matrix product, cut into pieces "
         "afterwards; and the output is the sum of what each head writes.",
         attn_concatenation, .rehearsed = true),
    STEP("Without the mask, everybody sees everybody",
         "The same scores and no mask: self-attention as an encoder uses it.", attn_both_directions, .rehearsed = true),
    STEP("Queries of one text, keys and values of another",
         "Cross-attention: the queries come from one text, the keys and values from another, here through the same "
         "head. This model was never trained for it, so the map shows the mechanism; a trained one comes with lecture "
         "05.",
         attn_crossing, .rehearsed = true),
    STEP("Where the work is",
         "Each step's FLOPs and bytes, counted, beside its time and the roof of this device (Williams et al. 2009).",
         attn_work),
    STEP("Plain or flash, as the text grows",
         "T tokens have T² pairs. The plain way stores a number for each of them, four times: product, scaled score, "
         "mask and weight. The other stores one number a query.",
         attn_longer_texts),
};

LECTURE("04-attention", "Attention", steps, setup, teardown,
        PARAM_TEXT(text, .text = "Noah had a pink ball. Tina asked to borrow it.", .help = "the sentence"),
        PARAM_TEXT(memory, .text = "Tom lost a white feather. Kate found the feather.",
                   .help = "the text of the keys and values in cross-attention"),
        PARAM_INT(layer, .help = "the layer of the model, from 0"),
        PARAM_INT(head, .help = "the head of the layer, from 0"),
        PARAM_TEXT(model, .text = "tales.gguf", .help = "a GGUF file, or one of assets/"));
