#include "data/batches.h"
#include <string.h>

bool batches_open(Batches *batches, const int32_t *ids, size_t n_ids, int batch, int seq_len, uint64_t seed,
                  BatchesSource source, Error *err)
{
    CHECK(batch > 0 && seq_len > 0, "batches_open: batch %d and seq_len %d must be positive", batch, seq_len);
    int64_t window = (int64_t)seq_len + 1;
    if (n_ids < (uint64_t)batch * (uint64_t)window)
        return error_set(err, "%s: %s is shorter than one batch (%d × %lld tokens); %s", source.name, source.size,
                         batch, (long long)window, source.remedy);
    *batches = (Batches){ ids, n_ids, batch, seq_len, { .key = random_key(seed, "batches") } };
    return true;
}

static void copy_window(const Batches *batches, int row, size_t start, int32_t *inputs, int32_t *targets)
{
    size_t T = (size_t)batches->seq_len, at = (size_t)row * T;
    memcpy(inputs + at, batches->ids + start, T * sizeof *inputs);
    memcpy(targets + at, batches->ids + start + 1, T * sizeof *targets);
}

void batches_next(Batches *batches, int32_t *inputs, int32_t *targets)
{
    for (int row = 0; row < batches->batch; row++) {
        size_t start = random_below(&batches->random, batches->n_ids - (size_t)batches->seq_len);
        copy_window(batches, row, start, inputs, targets);
    }
}

void batches_eval(const Batches *batches, int index, int n_batches, int32_t *inputs, int32_t *targets)
{
    CHECK(index >= 0 && index < n_batches, "batches_eval: batch %d of %d", index, n_batches);
    size_t last_start = batches->n_ids - (size_t)batches->seq_len - 1;
    size_t windows = (size_t)n_batches * (size_t)batches->batch;
    for (int row = 0; row < batches->batch; row++) {
        size_t window = (size_t)index * (size_t)batches->batch + (size_t)row;
        size_t start = windows > 1 ? (size_t)((double)last_start * (double)window / (double)(windows - 1)) : 0;
        copy_window(batches, row, start, inputs, targets);
    }
}
