// What the steps share: activations of the layer, one head of them, the mask, and words for findings.
#include "demo.h"
#include <math.h>
#include <stdlib.h>

Tensor *attn_of_layer(const Demo *d, const Reading *reading, const char *name)
{
    return reading_tensor(reading, "blocks.%d.%s", d->layer, name);
}

const char *attn_query_name(const Demo *d)
{
    return d->reader.model->family->rotary ? "attn.hook_rot_q" : "attn.hook_q";
}
const char *attn_key_name(const Demo *d) { return d->reader.model->family->rotary ? "attn.hook_rot_k" : "attn.hook_k"; }

Tensor *attn_one_head(Demo *d, Tensor *x, int head)
{
    int64_t shared = d->H / dim(x, 2);
    return reshape(d->t, slice(d->t, x, 2, head / shared, 1), SHAPE(dim(x, 1), dim(x, 3)));
}

Tensor *attn_causal_mask(Demo *d, int T)
{
    Tensor *mask = tape_tensor(d->t, F32, SHAPE(T, T));
    float *values = NEW_ARRAY(float, T *T);
    for (int t = 0; t < T; t++)
        for (int s = t + 1; s < T; s++) values[t * T + s] = -INFINITY;
    tensor_write(d->t->stream, mask, values);
    free(values);
    return mask;
}

const unsigned char *attn_hidden_pairs(Stage *s, const Demo *d, int n)
{
    unsigned char *hidden = ARENA_ARRAY(s->arena, unsigned char, n * d->T * d->T);
    for (int i = 0; i < n * d->T * d->T; i++) hidden[i] = i % d->T > i / d->T % d->T;
    return hidden;
}

float attn_root(const Demo *d) { return sqrtf((float)d->D); }

double attn_mean_entropy(const float *p, int n_rows, int n_columns)
{
    double sum = 0;
    for (int i = 0; i < n_rows * n_columns; i++) sum -= p[i] > 0 ? (double)p[i] * log((double)p[i]) : 0;
    return sum / n_rows;
}

int attn_largest(const float *values, int n)
{
    int at = 0;
    for (int i = 1; i < n; i++)
        if (values[i] > values[at]) at = i;
    return at;
}

const char *attn_word(Stage *s, const Reading *reading, int i)
{
    const char *text = reading->words[i];
    return stage_format(s, "“%s”", text + (*text == ' ' && text[1]));
}
