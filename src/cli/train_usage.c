#include "cli/train_usage.h"
#include "models/model.h"
#include "train/dataset.h"
#include <string.h>

enum { MAX_HEADS = 1024 };

// "1, 2 and 4": the numbers of heads that divide `whole` into parts of a multiple of `unit`.
static void list_divisors(int64_t whole, int64_t unit, char out[512])
{
    int64_t last = 0;
    size_t n = 0;
    for (int64_t i = 1; i <= MAX_HEADS && n < 480; i++) {
        if (whole % (i * unit)) continue;
        if (last) n += (size_t)sprintf(out + n, "%s%lld", n ? ", " : "", (long long)last);
        last = i;
    }
    sprintf(out + n, "%s%lld %s", n ? " and " : "", (long long)last, n ? "do" : "does");
}

int train_usage(const Invocation *in, const TrainShape *s)
{
    static const char *const archs[] = { "gpt2", "llama" };
    Error err = { "" };
    char fit[512];
    bool trained = false;
    for (size_t i = 0; i < COUNT_OF(archs); i++) trained |= !strcmp(archs[i], s->arch);
    if (!trained) return usage_error(in, "--arch %s: lectern trains gpt2 and llama", s->arch);
    if (!dataset_tokenizer_check(s->tokenizer, &err)) return usage_error(in, "%s", err.message);
    bool rotary = family_find(s->arch)->rotary;
    if (rotary && s->d_model % 2)
        return usage_error(in, "--d-model %lld is odd, and rotary positions turn channels in pairs",
                           (long long)s->d_model);
    list_divisors(s->d_model, rotary ? 2 : 1, fit);
    if (s->d_model % s->n_head)
        return usage_error(in, "--n-head %lld does not divide --d-model %lld: %s", (long long)s->n_head,
                           (long long)s->d_model, fit);
    if (rotary && s->d_model / s->n_head % 2)
        return usage_error(in,
                           "--n-head %lld leaves a head %lld channels, and rotary positions need an even number: %s",
                           (long long)s->n_head, (long long)(s->d_model / s->n_head), fit);
    list_divisors(s->n_head, 1, fit);
    if (s->n_kv_head && s->n_head % s->n_kv_head)
        return usage_error(in, "--n-kv-head %lld does not divide --n-head %lld: %s", (long long)s->n_kv_head,
                           (long long)s->n_head, fit);
    return EXIT_OK;
}
