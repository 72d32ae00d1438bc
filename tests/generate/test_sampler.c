#include "base/memory.h"
#include "generate/sampler.h"
#include <check.h>
#include <math.h>

enum { V = 6, DRAWS = 40000 };
static const float logits[V] = { 1.0f, 3.0f, 2.0f, -1.0f, 2.5f, 0.0f };

// 0.1 % points of chi-squared with 1 … 5 degrees of freedom.
static const double critical[] = { 0, 10.83, 13.82, 16.27, 18.47, 20.52 };

// Pearson's statistic of draws against probabilities; ids with p = 0 must not be drawn at all.
static double chi_squared(const int *counts, const double *p, int *degrees)
{
    double sum = 0;
    *degrees = -1;
    for (int i = 0; i < V; i++) {
        if (p[i] <= 0) {
            if (counts[i]) return INFINITY;
            continue;
        }
        double expected = p[i] * DRAWS;
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
        ++*degrees;
    }
    return sum;
}

// The exact distribution by the filters' definitions, written apart from the sampler: by thresholds, not by sorting.
static void exact(SamplerOptions o, double *p)
{
    double sum = 0;
    for (int i = 0; i < V; i++) sum += p[i] = exp((double)logits[i] / o.temperature);
    for (int i = 0; i < V; i++) p[i] /= sum;
    if (o.top_k > 0)
        for (int i = 0; i < V; i++) {
            int above = 0;
            for (int j = 0; j < V; j++) above += logits[j] > logits[i];
            if (above >= o.top_k) p[i] = -1;
        }
    sum = 0;
    for (int i = 0; i < V; i++) p[i] = p[i] < 0 ? 0 : p[i], sum += p[i];
    for (int i = 0; i < V; i++) p[i] /= sum;
    double kept[V];
    for (int i = 0; i < V; i++) {
        double before = 0; // what is more probable than i: i stays while that has not reached top_p
        for (int j = 0; j < V; j++) before += p[j] > p[i] ? p[j] : 0;
        kept[i] = before < o.top_p ? p[i] : 0;
    }
    double largest = 0;
    for (int i = 0; i < V; i++) largest = fmax(largest, kept[i]);
    sum = 0;
    for (int i = 0; i < V; i++) sum += p[i] = kept[i] >= o.min_p * largest ? kept[i] : 0;
    for (int i = 0; i < V; i++) p[i] /= sum;
}

static const SamplerOptions settings[] = {
    { .temperature = 1, .top_p = 1, .repeat_penalty = 1 },
    { .temperature = 0.5, .top_p = 1, .repeat_penalty = 1 },
    { .temperature = 1.7, .top_k = 3, .top_p = 1, .repeat_penalty = 1 },
    { .temperature = 1, .top_p = 0.8, .repeat_penalty = 1 },
    { .temperature = 1.2, .top_p = 1, .min_p = 0.3, .repeat_penalty = 1 },
    { .temperature = 1.5, .top_k = 5, .top_p = 0.9, .min_p = 0.2, .repeat_penalty = 1 },
};

static void draw_counts(SamplerOptions o, int *counts)
{
    Sampler sampler;
    double log_p;
    sampler_open(&sampler, o, V, 11);
    for (int i = 0; i < DRAWS; i++) counts[sampler_draw(&sampler, logits, &log_p)]++;
    sampler_close(&sampler);
}

START_TEST(draws_follow_the_distribution)
{
    int counts[V] = { 0 }, degrees;
    double p[V];
    draw_counts(settings[_i], counts);
    exact(settings[_i], p);
    double statistic = chi_squared(counts, p, &degrees);
    ck_assert_msg(statistic < critical[degrees], "chi-squared is %g with %d degrees of freedom", statistic, degrees);
}
END_TEST

// The test itself must see a sampler that is a little wrong: here one whose temperature is 15 % off.
START_TEST(wrong_samplers_are_rejected)
{
    int counts[V] = { 0 }, degrees;
    double p[V];
    SamplerOptions wrong = settings[_i];
    wrong.temperature *= 1.15;
    draw_counts(wrong, counts);
    exact(settings[_i], p);
    double statistic = chi_squared(counts, p, &degrees);
    ck_assert_msg(statistic > critical[degrees], "chi-squared is only %g with %d degrees of freedom", statistic,
                  degrees);
}
END_TEST

START_TEST(greedy_takes_the_largest)
{
    Sampler sampler;
    double log_p;
    sampler_open(&sampler, (SamplerOptions){ .temperature = 0, .top_p = 1, .repeat_penalty = 1 }, V, 1);
    ck_assert_int_eq(sampler_draw(&sampler, logits, &log_p), 1);
    double sum = 0;
    for (int i = 0; i < V; i++) sum += exp((double)logits[i]);
    ck_assert_double_eq_tol(log_p, 3 - log(sum), 1e-12);
    sampler_close(&sampler);
}
END_TEST

START_TEST(repetition_is_penalised)
{
    Sampler sampler;
    sampler_open(&sampler, (SamplerOptions){ .temperature = 1, .top_p = 1, .repeat_penalty = 2 }, V, 1);
    sampler_see(&sampler, 1); // 3 → 1.5
    sampler_see(&sampler, 3); // −1 → −2
    ck_assert_int_eq(sampler_distribution(&sampler, logits), V);
    double p1 = 0, p3 = 0, p0 = 0;
    for (int i = 0; i < V; i++) {
        if (sampler.candidates[i].id == 0) p0 = sampler.candidates[i].p;
        if (sampler.candidates[i].id == 1) p1 = sampler.candidates[i].p;
        if (sampler.candidates[i].id == 3) p3 = sampler.candidates[i].p;
    }
    ck_assert_double_eq_tol(p1 / p0, exp(0.5), 1e-12);
    ck_assert_double_eq_tol(p3 / p0, exp(-3.0), 1e-12);
    sampler_close(&sampler);
}
END_TEST

Suite *suite_sampler(void);
Suite *suite_sampler(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tests = tcase_create("sampler");
    tcase_add_loop_test(tests, draws_follow_the_distribution, 0, COUNT_OF(settings));
    tcase_add_loop_test(tests, wrong_samplers_are_rejected, 0, 3);
    tcase_add_test(tests, greedy_takes_the_largest);
    tcase_add_test(tests, repetition_is_penalised);
    suite_add_tcase(suite, tests);
    return suite;
}
