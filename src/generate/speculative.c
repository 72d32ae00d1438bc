#include "generate/speculative.h"
#include "base/error.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

void speculation_open(Speculation *s, int most, int vocab_size)
{
    *s = (Speculation){ .most = most, .vocab_size = vocab_size };
    s->ids = NEW_ARRAY(int32_t, most + 1);
    s->log_probability = NEW_ARRAY(double, most + 1);
    s->q = NEW_ARRAY(double, (int64_t)most *vocab_size);
    s->p = NEW_ARRAY(double, vocab_size);
}

void speculation_close(Speculation *s)
{
    free(s->ids);
    free(s->log_probability);
    free(s->q);
    free(s->p);
    *s = (Speculation){ 0 };
}

// The sampler's distribution by id. Returns how many candidates it has.
static int spread(Sampler *sampler, const float *logits, double *p)
{
    int n = sampler_distribution(sampler, logits);
    memset(p, 0, (size_t)sampler->vocab_size * sizeof *p);
    for (int i = 0; i < n; i++) p[sampler->candidates[i].id] = sampler->candidates[i].p;
    return n;
}

int32_t speculation_draft(Speculation *s, Sampler *sampler, const float *logits)
{
    CHECK(s->count < s->most, "speculation_draft: %d tokens are drafted, and there is room for %d", s->count, s->most);
    int n = spread(sampler, logits, s->q + (int64_t)s->count * s->vocab_size);
    int32_t id = s->ids[s->count++] = sampler_pick(sampler, n);
    sampler_see(sampler, id);
    return id;
}

// From norm(max(0, p − q)). Where rounding leaves nothing of it, p and q are the same.
static int32_t pick_residual(const Speculation *s, Sampler *sampler, const double *q)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < s->vocab_size; i++) sum += s->p[i] > q[i] ? s->p[i] - q[i] : 0;
    for (int i = 0; i < s->vocab_size; i++) {
        double p = sum <= 0 ? s->p[i] : s->p[i] > q[i] ? (s->p[i] - q[i]) / sum : 0;
        if (p > 0) sampler->candidates[n++] = (Candidate){ i, p };
    }
    return sampler_pick(sampler, n);
}

int speculation_keep(Speculation *s, Sampler *sampler, const float *logits, int64_t stride)
{
    for (int i = 0; i < s->count; i++) sampler_unsee(sampler, s->ids[i]);
    int kept = 0;
    for (bool ended = false; !ended;) {
        const float *row = logits + kept * stride;
        const double *q = s->q + (int64_t)kept * s->vocab_size;
        int32_t id = s->ids[kept];
        int n = spread(sampler, row, s->p);
        if (kept == s->count) {
            id = sampler_pick(sampler, n);
            ended = true;
        } else if (!(random_uniform(&sampler->random) * q[id] < s->p[id])) {
            id = pick_residual(s, sampler, q);
            ended = true;
        }
        s->ids[kept] = id;
        s->log_probability[kept] = sampler_log_probability(sampler, row, id);
        if (!ended) sampler_see(sampler, s->ids[kept++]);
    }
    for (int i = 0; i < kept; i++) sampler_unsee(sampler, s->ids[i]);
    s->count = 0;
    return kept;
}
