// A synthetic lecture that shows every kind of exhibit, with the labels that break careless writers: a tag, a quote,
// a newline, an escape sequence, a wide character, invalid UTF-8. Its numbers are formulas, so every run prints the
// same. The includer defines LECTURE_SYMBOL.
#pragma once
#include "stage/stage.h"
#include <math.h>
#include <string.h>

struct Demo {
    int layer;
    float scale;
    const char *text;
    int computed; // left by the first step for the others
};

static const char *const WORDS[] = { "The", " dragon", " <b>\"sleeps\"", " in", "\n", " 北京", "\x1b[31m", "\xff" };
enum { N_WORDS = 8 };

static void step_maps(Stage *s, Demo *d)
{
    float scores[N_WORDS * N_WORDS], heads[4 * N_WORDS * N_WORDS], weights[24 * 36], large[150 * 400];
    unsigned char absent[24 * 36];
    for (int i = 0; i < N_WORDS * N_WORDS; i++) {
        int row = i / N_WORDS, column = i % N_WORDS;
        scores[i] = column > row ? -INFINITY : d->scale * sinf((float)(3 * row + column)) * (float)(row + 1) / 3;
    }
    for (int i = 0; i < 4 * N_WORDS * N_WORDS; i++) {
        int row = i / N_WORDS % N_WORDS, column = i % N_WORDS, head = i / (N_WORDS * N_WORDS);
        heads[i] = column > row ? 0 : expf(-fabsf((float)(row - column - head)));
    }
    for (int i = 0; i < 24 * 36; i++) {
        weights[i] = 1e-4F * cosf((float)(i / 36) / 3) * sinf((float)(i % 36) / 4);
        absent[i] = i % 36 > i / 36 + 20;
    }
    for (int i = 0; i < 150 * 400; i++) large[i] = sinf((float)(i / 400) / 9) + cosf((float)(i % 400) / 31);
    exhibit_heatmap(s, .title = "QKᵀ/√d with a causal mask", .values = scores, .n_rows = N_WORDS, .n_columns = N_WORDS,
                    .rows = WORDS, .columns = WORDS, .row_axis = "query", .column_axis = "key", .unit = "nats",
                    .diverging = true);
    exhibit_heatmap(s, .title = "Four heads side by side", .finding = "Head h looks h tokens back.", .values = heads,
                    .n_maps = 4, .n_rows = N_WORDS, .n_columns = N_WORDS, .rows = WORDS, .columns = WORDS,
                    .maps = (const char *const[]){ "head 0", "head 1", "head 2", "head 3" });
    exhibit_heatmap(s, .title = "Small numbers with cells that are not there", .values = weights, .n_rows = 24,
                    .n_columns = 36, .absent = absent, .diverging = true);
    exhibit_heatmap(s, .title = "A map larger than any terminal", .values = large, .n_rows = 150, .n_columns = 400,
                    .row_axis = "row", .column_axis = "column");
    d->computed = 7 + d->layer;
}

static void step_strips(Stage *s, Demo *d)
{
    const float p[N_WORDS] = { 0.91F, 0.42F, 0.07F, 0.66F, 0.99F, 0.31F, 0.002F, 0.5F };
    const char *const ids[N_WORDS] = { "464", "10441", "38", "287", "198", "12859", "27", "255" };
    const char *const places[] = { " castle", " forest", " cave", " sea", " garden" };
    const float share[] = { 0.41F, 0.3F, 0.18F, 0.1F, 0.01F }, exact[] = { 0.4F, 0.32F, 0.17F, 0.08F, 0.03F };
    const float change[] = { 1.5F, -0.75F, 0.25F, -2 };
    const char *const cells[] = {
        "majority",   "12.5", "always the most frequent class",
        "bigram",     "48.1", "the tag seen most after this word",
        "this model", "93.4", "biaffine scores over a GRU with two layers, trained for 2,000 steps"
    };
    exhibit_tokens(s, .title = stage_format(s, "“%s”, token by token", d->text), .tokens = WORDS, .values = p,
                   .notes = ids, .n = N_WORDS, .unit = "probability", .high = 1);
    exhibit_tokens(s, .title = "The same without values", .tokens = WORDS, .n = N_WORDS);
    exhibit_bars(s, .title = "Draws against exact probabilities", .labels = places, .values = share, .reference = exact,
                 .n = 5, .name = "2,000 draws", .reference_name = "exact");
    exhibit_bars(s, .title = "Changes of both signs", .values = change, .n = 4, .unit = "nats");
    exhibit_table(s, .title = "Beside its baselines", .finding = "The model beats the bigram by 45 points.",
                  .header = (const char *const[]){ "model", "F1", "what it does" }, .cells = cells, .n_rows = 3,
                  .n_columns = 3);
    exhibit_text(
        s, .title = stage_format(s, "State %d", d->computed),
        .text = "Running text wraps at the width of the terminal, is never longer than a comfortable line, and keeps "
                "its paragraphs.\n\nThis is the second one, with a <tag> & an \x1b[1mescape\x1b[0m.");
}

static void step_plots(Stage *s, Demo *d)
{
    float steps[100], train[100], held_out[100], xs[5] = { -1, -0.4F, 0.1F, 0.8F, 1.2F };
    float ys[5] = { 0.2F, 0.9F, -0.6F, 0.5F, -0.1F }, angles[8], radii[8];
    for (int i = 0; i < 100; i++) {
        steps[i] = 1 + 20 * (float)i;
        train[i] = 1.2F + 3 * expf(-(float)i / 18) + 0.05F * sinf((float)i);
        held_out[i] = 1.45F + 2.8F * expf(-(float)i / 20);
    }
    for (int i = 0; i < 8; i++)
        angles[i] = (i % 2 ? 3.0F : 5.0F) * powf(10, -(float)(i / 2) / 2), radii[i] = i % 2 ? 0.8F : 1;
    const Series losses[] = { { "training", steps, train, 100 }, { "held out", steps, held_out, 100 } };
    const char *const names[] = { "king", "queen", "man", "woman", "<tree>" };
    const Series points = { "words", xs, ys, 5, true, names };
    exhibit_curve(s, .title = "Loss", .series = losses, .n_series = 2, .x_axis = "step", .y_axis = "loss (nats)");
    exhibit_curve(s, .title = "Loss on logarithmic axes", .series = losses, .n_series = 2, .x_axis = "step",
                  .y_axis = "loss (nats)", .log_x = true, .log_y = true);
    exhibit_curve(s, .title = "Vectors of words", .series = &points, .n_series = 1, .x_axis = "first component",
                  .y_axis = "second component");
    exhibit_vectors(s, .title = "Pairs turned by position", .angles = angles, .radii = radii, .n_dials = 4,
                    .n_hands = 2, .dials = (const char *const[]){ "pair 0", "pair 1", "pair 2", "pair 3" },
                    .hands = (const char *const[]){ "q", "k" });
    const GraphNode nodes[] = { { "x", "[8 × 64]" },  { "W_Q", "64 → 64" }, { "W_K", "64 → 64" },
                                { "W_V", "64 → 64" }, { "softmax", NULL },  { "z", "[8 × 64]" } };
    const GraphEdge edges[] = { { 0, 1, NULL }, { 0, 2, NULL }, { 0, 3, NULL }, { 1, 4, "Q" },
                                { 2, 4, "K" },  { 4, 5, NULL }, { 3, 5, "V" } };
    exhibit_graph(s, .title = "One head", .nodes = nodes, .edges = edges, .n_nodes = 6, .n_edges = 7);
    const GraphNode words[] = { { "the" }, { "old" }, { "dragon" }, { "sleeps" }, { "soundly" } };
    const GraphEdge arcs[] = {
        { 2, 0, "det", 0.9F }, { 2, 1, "amod", 0.8F }, { 3, 2, "nsubj", 0.97F }, { 3, 4, "advmod", 0.5F }
    };
    exhibit_graph(s, .title = "A dependency tree", .nodes = words, .edges = arcs, .n_nodes = 5, .n_edges = 4,
                  .line = true);
    (void)d;
}

static void step_machine(Stage *s, Demo *d)
{
    unsigned char rgb[12 * 16 * 3];
    for (int i = 0; i < 12 * 16; i++) {
        int y = i / 16, x = i % 16;
        bool inside = (x - 8) * (x - 8) + (y - 6) * (y - 6) < 20;
        unsigned char ground[] = { (unsigned char)(15 * x), (unsigned char)(18 * y), 160 }, shape[] = { 220, 60, 40 };
        memcpy(rgb + 3 * i, inside ? shape : ground, 3);
    }
    const Dispatch dispatches[] = { { "matmul_nt", 4, 412e-6, 8.4e6, 1.1e6 },
                                    { "softmax_rows", 1, 31e-6, 5e4, 3.3e4 },
                                    { "matmul_nn", 1, 130e-6, 2.1e6, 5e5 } };
    exhibit_image(s, .title = "A shape", .rgb = rgb, .height = 12, .width = 16);
    exhibit_code(
        s, .title = "shaders/matmul/naive.comp", .kernel = true,
        .source =
            "#version 460\n// one invocation per element of C = A·Bᵀ\nlayout(local_size_x = 64) in;\n\nvoid main()\n{\n"
            "    uint row = gl_GlobalInvocationID.x / N, column = gl_GlobalInvocationID.x % N;\n    float sum = 0.0;\n"
            "    for (uint k = 0; k < K; k++) sum = fma(a[row * K + k], b[column * K + k], sum); /* < & > */\n"
            "    c[gl_GlobalInvocationID.x] = sum;\n}\n");
    exhibit_code(s, .title = "A snippet", .source = "int x = 1; // one\nif (x < 2) x++;");
    exhibit_cost(s, .title = "Time and bytes of the step", .dispatches = dispatches, .n = 3, .roof_flops = 150e9,
                 .roof_bytes = 20e9, .device = "a device that does not exist");
    (void)d;
}

static const Step everything_steps[] = {
    { "Maps of numbers", "Cells, blocks and halves: what fits decides.", step_maps, NULL },
    { "Strips, bars and tables", "A strip shows one value for each token; bars stand beside what they should be.",
      step_strips, "Which token is the most probable?" },
    { "Curves, dials and graphs", "Several series share two axes.", step_plots, NULL },
    { "The machine", "What ran, and what it cost.", step_machine, NULL },
};

static int open_demos; // set up and not yet torn down

static bool everything_setup(Stage *stage, Demo *demo, Error *err)
{
    (void)stage;
    if (demo->layer == 3) return error_set(err, "layer 3: the model has layers 0 to 2");
    open_demos++;
    return true;
}

static void everything_teardown(Demo *demo)
{
    (void)demo;
    open_demos--;
}

LECTURE("99-everything", "Everything at once", everything_steps, everything_setup, everything_teardown,
        PARAM_INT(layer, .max = 3, .help = "which layer"),
        PARAM_FLOAT(scale, .value = 1, .min = 0.5, .max = 4, .help = "how steep"),
        PARAM_TEXT(text, .text = "The dragon sleeps", .help = "what to look at"));
