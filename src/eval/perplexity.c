#include "eval/perplexity.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double perplexity_of(const Perplexity *p) { return exp(p->nll / (double)p->tokens); }

double perplexity_uncertainty(const Perplexity *p)
{
    double n = (double)p->tokens, mean = p->nll / n, variance = p->nll_squared / n - mean * mean;
    return n > 1 && variance > 0 ? exp(mean) * sqrt(variance / (n - 1)) : 0;
}

static Tensor *put(Tape *t, const int32_t *ids, int64_t n)
{
    Tensor *x = tape_tensor(t, I32, SHAPE(1, n));
    tensor_write_ids(t->stream, x, ids);
    return x;
}

// −ln p of the last n − begin tokens of inputs' successors, into losses.
static bool run_window(Tape *t, const Model *model, const int32_t *inputs, const int32_t *targets, int64_t n,
                       int64_t begin, float *losses, Error *err)
{
    int32_t *positions = NEW_ARRAY(int32_t, n);
    for (int64_t i = 0; i < n; i++) positions[i] = (int32_t)i;
    tape_reset(t);
    t->train = false;
    Place place = { .pos = put(t, positions, n) };
    Tensor *h = model->family->hidden(t, model, put(t, inputs, n), &place);
    Tensor *counted = tape_rows(t, reshape(t, h, SHAPE(n, dim(h, 2))), begin, n - begin);
    Tensor *logits = linear(t, counted, model->head.weight, model->head.bias), *each;
    cross_entropy(t, logits, reshape(t, put(t, targets + begin, n - begin), SHAPE(n - begin)), 0, &each);
    free(positions);
    return tensor_read(t->stream, each, losses, err);
}

bool perplexity_run(Perplexity *p, Model *model, Stream *stream, const int32_t *ids, size_t n, int64_t window,
                    int32_t first, Error *err)
{
    if (n < (size_t)window)
        return error_set(
            err, "the text has %zu tokens, less than one window of %lld; give a longer one or a smaller --window", n,
            (long long)window);
    if (!model_reach(model, stream, window, err)) return false;
    Tape *t = tape_open(stream);
    float *losses = NEW_ARRAY(float, window);
    int32_t *inputs = NEW_ARRAY(int32_t, window);
    bool ok = true, go_on = true;
    for (size_t at = 0; ok && go_on && at + (size_t)window <= n; at += (size_t)window) {
        int64_t count = window - 1, begin = window / 2;
        memcpy(inputs, ids + at, (size_t)count * sizeof *inputs);
        if (first >= 0) inputs[0] = first;
        ok = run_window(t, model, inputs, ids + at + 1, count, begin, losses, err);
        for (int64_t i = 0; ok && i < count - begin; i++) {
            double loss = (double)losses[i];
            if (!isfinite(loss)) ok = error_set(err, "a token's probability is no number: the weights are broken");
            p->nll += loss;
            p->nll_squared += loss * loss;
            p->tokens++;
        }
        p->windows++;
        if (ok && p->each) go_on = p->each(p->user, p);
    }
    free(inputs);
    free(losses);
    tape_close(t);
    return ok;
}
