// Speculative decoding leaves the distribution as it is, whatever is drafted: sequences of three tokens of two models that
// are tables, counted against the exact joint distribution.
#include "base/memory.h"
#include "generate/speculative.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { V = 5, LENGTH = 3, CELLS = V * V * V, DRAWS = 25000 };

// Logits of what follows each token: the model's, and a draft's that is often wrong.
static const float model[V][V] = {
    { 1, 3, 2, -1, 0 }, { 0, 0, 0, 0, 0 }, { 4, -2, 1, 1, 3 }, { -1, 2, 0.5f, 2, 1 }, { 3, 2, 1, 0, -1 }
};
static const float draft[V][V] = { { 1, 1, 3, 0, 0 },
                                   { 2, 0, 0, -1, 0 },
                                   { 4, -2, 1, 1, 3 }, // the model's own
                                   { 2, -1, 0, -1, 1 },
                                   { -1, 0, 1, 2, 3 } };

static const SamplerOptions settings[] = {
    { .temperature = 1, .top_p = 1, .repeat_penalty = 1 },
    { .temperature = 0.6, .top_p = 1, .repeat_penalty = 1 },
    { .temperature = 1.4, .top_k = 3, .top_p = 1, .repeat_penalty = 1 },
    { .temperature = 1, .top_p = 0.8, .repeat_penalty = 1 },
    { .temperature = 1.2, .top_p = 1, .min_p = 0.2, .repeat_penalty = 1 },
    { .temperature = 1, .top_p = 1, .repeat_penalty = 1.7 },
    { .temperature = 1.5, .top_k = 4, .top_p = 0.95, .min_p = 0.05, .repeat_penalty = 1.3 },
};

static int cell(const int32_t *ids) { return (ids[0] * V + ids[1]) * V + ids[2]; }

// p of every sequence after token 0, by the sampler alone.
static void exact(Sampler *s, const float logits[V][V], double *p, int32_t *ids, int at, double so_far)
{
    if (at == LENGTH) {
        p[cell(ids)] = so_far;
        return;
    }
    Candidate list[V];
    int n = sampler_distribution(s, logits[at ? ids[at - 1] : 0]);
    memcpy(list, s->candidates, (size_t)n * sizeof *list);
    for (int i = 0; i < n; i++) {
        ids[at] = list[i].id;
        sampler_see(s, ids[at]);
        exact(s, logits, p, ids, at + 1, so_far * list[i].p);
        sampler_unsee(s, ids[at]);
    }
}

// One round behind `last` as a decoder does it; returns how many tokens come of it.
static int run_round(Speculation *s, Sampler *sampler, int32_t last, int drafts, int64_t *kept)
{
    float rows[LENGTH + 2][V];
    memcpy(rows[0], model[last], sizeof rows[0]);
    int32_t id = last;
    for (int i = 0; i < drafts; i++) {
        id = speculation_draft(s, sampler, draft[id]);
        memcpy(rows[i + 1], model[id], sizeof rows[0]);
    }
    int n = speculation_keep(s, sampler, rows[0], V);
    *kept += n;
    return n + 1;
}

static int64_t count_sequences(SamplerOptions o, int drafts, int *counts)
{
    Sampler sampler;
    Speculation s;
    int64_t kept = 0;
    sampler_open(&sampler, o, V, 21);
    speculation_open(&s, drafts, V);
    for (int draw = 0; draw < DRAWS; draw++) {
        int32_t ids[2 * LENGTH + 2], last = 0;
        int n = 0;
        sampler_forget(&sampler);
        sampler_see(&sampler, 0);
        while (n < LENGTH) {
            int got = run_round(&s, &sampler, last, drafts, &kept);
            for (int i = 0; i < V; i++) { // the sampler has seen what was there before the round
                int times = i == 0;
                for (int k = 0; k < n; k++) times += ids[k] == i;
                ck_assert_int_eq(sampler.seen[i], times);
            }
            for (int i = 0; i < got; i++) {
                ids[n++] = last = s.ids[i];
                sampler_see(&sampler, last);
            }
        }
        counts[cell(ids)]++;
    }
    speculation_close(&s);
    sampler_close(&sampler);
    return kept;
}

// Pearson's statistic over its 0.1 % point (Wilson & Hilferty 1931); cells that expect under 5 are put together.
static double excess(const int *counts, const double *p)
{
    double sum = 0, rest = 0, degrees = -1;
    int rest_count = 0;
    for (int i = 0; i < CELLS; i++) {
        double expected = p[i] * DRAWS;
        if (p[i] <= 0 && counts[i]) return INFINITY;
        if (expected < 5) {
            rest += expected, rest_count += counts[i];
            continue;
        }
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
        degrees++;
    }
    if (rest > 5) sum += (rest_count - rest) * (rest_count - rest) / rest, degrees++;
    double f = 2 / (9 * degrees), point = degrees * pow(1 - f + 3.0902 * sqrt(f), 3);
    return sum / point;
}

static void exact_joint(SamplerOptions o, const float logits[V][V], double *p)
{
    Sampler sampler;
    int32_t ids[LENGTH];
    sampler_open(&sampler, o, V, 1);
    sampler_see(&sampler, 0);
    exact(&sampler, logits, p, ids, 0, 1);
    sampler_close(&sampler);
}

START_TEST(sequences_follow_the_model)
{
    SamplerOptions o = settings[_i];
    for (int drafts = 1; drafts <= LENGTH; drafts++) {
        int counts[CELLS] = { 0 };
        double p[CELLS] = { 0 }, sum = 0;
        int64_t kept = count_sequences(o, drafts, counts);
        exact_joint(o, model, p);
        for (int i = 0; i < CELLS; i++) sum += p[i];
        ck_assert_double_eq_tol(sum, 1, 1e-12);
        double found = excess(counts, p);
        ck_assert_msg(found < 1, "%d drafts: chi-squared is %g times its 0.1 %% point", drafts, found);
        ck_assert_int_gt(kept, DRAWS / 10);
    }
}
END_TEST

// The count must see a distribution that is the draft's, or a little off.
START_TEST(other_distributions_are_seen)
{
    SamplerOptions o = settings[_i], off = o;
    int counts[CELLS] = { 0 };
    double p[CELLS] = { 0 }, near[CELLS] = { 0 };
    count_sequences(o, 2, counts);
    exact_joint(o, draft, p);
    ck_assert_double_gt(excess(counts, p), 1);
    off.temperature *= 1.1;
    exact_joint(off, model, near);
    ck_assert_double_gt(excess(counts, near), 1);
}
END_TEST

START_TEST(greedy_keeps_what_is_the_largest)
{
    Sampler sampler;
    Speculation s;
    int64_t kept = 0;
    sampler_open(&sampler, (SamplerOptions){ .temperature = 0, .top_p = 1, .repeat_penalty = 1 }, V, 3);
    speculation_open(&s, 3, V);
    // after 2 both take 0; after 0 the model takes 1 and the draft 2
    ck_assert_int_eq(run_round(&s, &sampler, 2, 3, &kept), 2);
    ck_assert_int_eq(s.ids[0], 0);
    ck_assert_int_eq(s.ids[1], 1);
    double sum = 0;
    for (int i = 0; i < V; i++) sum += exp((double)model[0][i]);
    ck_assert_double_eq_tol(s.log_probability[1], 3 - log(sum), 1e-12);
    ck_assert_int_eq(kept, 1);
    speculation_close(&s);
    sampler_close(&sampler);
}
END_TEST

START_TEST(one_draft_too_many_stops)
{
    Sampler sampler;
    Speculation s;
    sampler_open(&sampler, settings[0], V, 3);
    speculation_open(&s, 2, V);
    for (int i = 0; i < 2; i++) speculation_draft(&s, &sampler, draft[0]);
    ck_assert_int_eq(s.count, 2);
    speculation_draft(&s, &sampler, draft[0]);
}
END_TEST

Suite *suite_speculative(void);
Suite *suite_speculative(void)
{
    Suite *suite = suite_create("speculative");
    TCase *tests = tcase_create("speculative");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, sequences_follow_the_model, 0, COUNT_OF(settings));
    tcase_add_loop_test(tests, other_distributions_are_seen, 0, 3);
    tcase_add_test(tests, greedy_keeps_what_is_the_largest);
    tcase_add_test_raise_signal(tests, one_draft_too_many_stops, 6);
    suite_add_tcase(suite, tests);
    return suite;
}
