#include "cli/train_usage.h"
#include "train/dataset.h"
#include <stdio.h>

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

const Family *train_family(const char *arch, Error *err)
{
    const Family *family = family_find(arch);
    if (family && family->trainable) return family;
    return error_set(err, "--arch %s: lectern trains gpt2 and llama", arch), NULL;
}

int train_usage(const Invocation *in, const TrainShape *s)
{
    Error err = { "" };
    char fit[512];
    const Family *family = train_family(s->arch, &err);
    if (!family) return usage_error(in, "%s", err.message);
    if (!dataset_tokenizer_check(s->tokenizer, &err)) return usage_error(in, "%s", err.message);
    bool rotary = family->rotary;
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
