// %% [markdown]
// # What does √d do?
// Attention divides its scores by √d, d being the channels of a head (Vaswani et al. 2017, §3.2.1). Queries and keys
// whose d numbers are independent, with mean 0 and variance 1, have dot products of variance d. So without the division
// the scores grow with the head, the softmax saturates, and its entropy falls.
//
// Run it by itself: `build/notebooks/04-attention --seed 1`. Change a number and build again.
#include "stage/notebook.h"
#include <math.h>

// %% [markdown]
// ## The experiment
// Random queries and keys, uniform in (−√3, √3): mean 0, variance 1. The pattern is computed on the device.

// %%
enum { T = 64, LARGEST = 256 };

// n rows of d numbers of mean 0 and variance 1; `which` draws another set.
static Tensor *random_rows(Notebook *nb, int n, int d, uint64_t which)
{
    Tensor *x = tape_tensor(nb->tape, F32, SHAPE(n, d)), *half = tape_like(nb->tape, x);
    random_fill(nb->stage.stream, x, nb->stage.seed, which);
    stream_fill(nb->stage.stream, half->span, 0xbf000000); // −0.5
    return scale(nb->tape, add(nb->tape, x, half), sqrtf(12));
}

// QKᵀ of T queries and T keys with d channels.
static Tensor *random_scores(Notebook *nb, int d)
{
    return matmul_nt(nb->tape, random_rows(nb, T, d, 0), random_rows(nb, T, d, 1));
}

static double variance(Notebook *nb, Tensor *x)
{
    const float *value = show_values(&nb->stage, x);
    double sum = 0, squares = 0, n = (double)count(x);
    for (int64_t i = 0; i < count(x); i++) sum += (double)value[i], squares += (double)value[i] * (double)value[i];
    return squares / n - sum / n * (sum / n);
}

// The mean over queries of −Σ p·ln p, in nats; at most ln T.
static double mean_entropy(Notebook *nb, Tensor *scores)
{
    Tensor *terms = mul(nb->tape, softmax(nb->tape, scores, NULL), log_softmax(nb->tape, scores, NULL));
    const float *row = show_values(&nb->stage, reduce_rows(nb->tape, REDUCE_SUM, terms));
    double sum = 0;
    for (int i = 0; i < T; i++) sum -= (double)row[i];
    return sum / T;
}

// %% Variance of the scores against the size of the head
CELL(variance_of_scores)
{
    double last = 0;
    for (int d = 4; d <= LARGEST; d *= 2) {
        Tensor *scores = random_scores(nb, d);
        plot_point(nb, "QKᵀ", d, last = variance(nb, scores));
        plot_point(nb, "QKᵀ/√d", d, variance(nb, scale(nb->tape, scores, 1 / sqrtf((float)d))));
    }
    plot_show(nb, "Variance of the scores", .x_axis = "d", .y_axis = "variance", .log_x = true, .log_y = true,
              .finding =
                  stage_format(&nb->stage, "At d = %d a score has variance %.0f, close to d; divided by √d, %.2f.",
                               LARGEST, last, last / LARGEST));
}

// %% Entropy of the softmax against the size of the head
CELL(entropy)
{
    double with = 0, without = 0;
    for (int d = 4; d <= LARGEST; d *= 2) {
        Tensor *scores = random_scores(nb, d);
        plot_point(nb, "with √d", d, with = mean_entropy(nb, scale(nb->tape, scores, 1 / sqrtf((float)d))));
        plot_point(nb, "without", d, without = mean_entropy(nb, scores));
        plot_point(nb, "ln T: all alike", d, log(T));
    }
    plot_show(nb, "Entropy of the attention pattern", .x_axis = "d", .y_axis = "entropy (nats)", .log_x = true,
              .finding = stage_format(&nb->stage,
                                      "At d = %d a query spreads over e^%.2f = %.1f of %d keys with the division, and "
                                      "over %.1f without it.",
                                      LARGEST, with, exp(with), T, exp(without)));
}

// %% [markdown]
// ## What passes back
// The derivative of a softmax is p·(1 − p) at each score: where one weight is near 1, nothing is left to learn from.

// %% The gradient that reaches the scores
CELL(gradient)
{
    double with = 0, without = 0;
    for (int d = 4; d <= LARGEST; d *= 2) {
        Tensor *raw = random_scores(nb, d),
               *patterns[] = { softmax(nb->tape, scale(nb->tape, raw, 1 / sqrtf((float)d)), NULL),
                               softmax(nb->tape, raw, NULL) };
        double mean[2] = { 0 };
        for (int i = 0; i < 2; i++) {
            const float *p = show_values(&nb->stage, patterns[i]);
            for (int j = 0; j < T * T; j++) mean[i] += (double)p[j] * (1 - (double)p[j]) / T;
        }
        plot_point(nb, "with √d", d, with = mean[0]);
        plot_point(nb, "without", d, without = mean[1]);
    }
    plot_show(nb, "Σ p·(1 − p) of a query", .x_axis = "d", .y_axis = "Σ ∂pᵢ/∂scoreᵢ", .log_x = true,
              .finding =
                  stage_format(&nb->stage, "At d = %d the softmax passes %.2f with the division and %.2f without.",
                               LARGEST, with, without));
}

// %% [markdown]
// ## To try
// - Replace `sqrtf(d)` by `d`: which way does the entropy err, and for which heads?
// - Let queries and keys be equal (draw both with `which` 0). Which scores grow like d now, and why?
// - Make T larger. Does the entropy's share of ln T change?

// %%
NOTEBOOK(variance_of_scores, entropy, gradient)
