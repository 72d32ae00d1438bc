#include "generate/sampler.h"
#include "base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void sampler_open(Sampler *s, SamplerOptions options, int vocab_size, uint64_t seed)
{
    *s = (Sampler){ .options = options, .vocab_size = vocab_size, .random = { .key = random_key(seed, "sampling") } };
    s->candidates = NEW_ARRAY(Candidate, vocab_size);
    s->scores = NEW_ARRAY(double, vocab_size);
    s->seen = NEW_ARRAY(int32_t, vocab_size);
}

void sampler_close(Sampler *s)
{
    free(s->candidates);
    free(s->scores);
    free(s->seen);
    *s = (Sampler){ 0 };
}

void sampler_see(Sampler *s, int32_t id)
{
    if (id >= 0 && id < s->vocab_size) s->seen[id]++;
}

void sampler_unsee(Sampler *s, int32_t id)
{
    if (id >= 0 && id < s->vocab_size) s->seen[id]--;
}

void sampler_forget(Sampler *s) { memset(s->seen, 0, (size_t)s->vocab_size * sizeof *s->seen); }

static int more_probable(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? 1 : -1;
    return x->id < y->id ? -1 : 1;
}

static void normalise(Candidate *list, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += list[i].p;
    for (int i = 0; i < n; i++) list[i].p /= sum;
}

// The logits with their penalties, into scores. Returns the largest's id, the first of equals.
static int32_t penalise(Sampler *s, const float *logits)
{
    const SamplerOptions *o = &s->options;
    int32_t best = 0;
    for (int i = 0; i < s->vocab_size; i++) {
        double x = (double)logits[i];
        if (s->seen[i] && o->repeat_penalty != 1) x = x > 0 ? x / o->repeat_penalty : x * o->repeat_penalty;
        s->scores[i] = x;
        if (x > s->scores[best]) best = i;
    }
    return best;
}

// softmax of the penalised and tempered logits, sorted. Returns how many have p > 0.
static int probabilities(Sampler *s, const float *logits)
{
    double largest = s->scores[penalise(s, logits)];
    int n = 0;
    for (int i = 0; i < s->vocab_size; i++) {
        double p = exp((s->scores[i] - largest) / s->options.temperature);
        if (p > 0) s->candidates[n++] = (Candidate){ i, p };
    }
    qsort(s->candidates, (size_t)n, sizeof *s->candidates, more_probable);
    normalise(s->candidates, n);
    return n;
}

int sampler_distribution(Sampler *s, const float *logits)
{
    const SamplerOptions *o = &s->options;
    if (o->temperature <= 0) { // nothing need be sorted
        s->candidates[0] = (Candidate){ penalise(s, logits), 1 };
        return 1;
    }
    int n = probabilities(s, logits);
    if (o->top_k > 0 && o->top_k < n) n = o->top_k;
    normalise(s->candidates, n);
    if (o->top_p < 1) {
        double sum = 0;
        int kept = 0;
        while (kept < n && (kept == 0 || sum < o->top_p)) sum += s->candidates[kept++].p;
        normalise(s->candidates, n = kept);
    }
    if (o->min_p > 0) {
        double least = o->min_p * s->candidates[0].p;
        while (n > 1 && s->candidates[n - 1].p < least) n--;
        normalise(s->candidates, n);
    }
    return n;
}

double sampler_log_probability(const Sampler *s, const float *logits, int32_t id)
{
    double largest = -INFINITY, sum = 0;
    for (int i = 0; i < s->vocab_size; i++) largest = fmax(largest, (double)logits[i]);
    for (int i = 0; i < s->vocab_size; i++) sum += exp((double)logits[i] - largest);
    return (double)logits[id] - largest - log(sum);
}

int32_t sampler_pick(Sampler *s, int n)
{
    int i = 0;
    if (n > 1)
        for (double u = random_uniform(&s->random); i + 1 < n && u >= s->candidates[i].p; i++) u -= s->candidates[i].p;
    return s->candidates[i].id;
}

int32_t sampler_draw(Sampler *s, const float *logits, double *log_probability)
{
    int32_t id = sampler_pick(s, sampler_distribution(s, logits));
    *log_probability = sampler_log_probability(s, logits, id);
    return id;
}
