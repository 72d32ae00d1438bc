// Sequences that grow by pieces, are cut short and begun again.
#include "device.h"
#include "generate/decoder.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { V = 259, CONTEXT = 80 };

static Model *make_long(const char *arch, int n_layers, uint64_t seed, int seq_len)
{
    Error err = { "" };
    const Family *family = family_find(arch);
    Config config = { .n_layers = n_layers, .n_heads = 2, .d_model = 16, .vocab_size = V, .seq_len = seq_len };
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    ck_assert_msg(model_alloc(model, stream, &err), "%s", err.message);
    parameters_init(&model->parameters, stream, seed);
    return model;
}

static Model *make(const char *arch, int n_layers, uint64_t seed) { return make_long(arch, n_layers, seed, CONTEXT); }

static void open_generator(Generator *g, Model *model)
{
    Error err = { "" };
    ck_assert_msg(generator_open(g, model, stream, model->config.seq_len, &err), "%s", err.message);
}

static int32_t next(Decoder *d)
{
    Error err = { "" };
    int32_t id;
    double log_p;
    ck_assert_msg(decoder_next(d, &id, &log_p, &err), "%s", err.message);
    ck_assert(id >= 0 && id < V && log_p <= 0 && isfinite(log_p));
    return id;
}

static const SamplerOptions greedy = { .temperature = 0, .top_p = 1, .repeat_penalty = 1 };
static const int32_t prompt[] = { 3, 200, 17, 4, 99, 31, 7 };

// n tokens after `count` ids of the prompt
static void greedy_tokens(Decoder *d, size_t count, int n, int32_t *out)
{
    decoder_push(d, prompt, count);
    for (int i = 0; i < n; i++) {
        out[i] = next(d);
        decoder_push(d, &out[i], 1);
    }
}

START_TEST(pieces_are_the_whole)
{
    Model *model = make("llama", 2, 5);
    Generator g;
    Sampler sampler;
    Decoder d;
    int32_t whole[20], again[20];
    open_generator(&g, model);
    sampler_open(&sampler, greedy, V, 1);
    decoder_open(&d, &g, &sampler);
    greedy_tokens(&d, 7, 20, whole);
    ck_assert_int_eq(g.past, 26); // the last token has not gone through the model
    ck_assert_int_eq(decoder_room(&d), CONTEXT - 27);
    decoder_restart(&d);
    ck_assert_int_eq(decoder_room(&d), CONTEXT);
    for (size_t i = 0; i < 7; i++) {
        decoder_push(&d, &prompt[i], 1);
        int64_t before = g.past;
        int32_t id = next(&d); // looked at, and something else said
        ck_assert_int_eq(next(&d), id);
        ck_assert_int_eq(g.past, before + 1);
    }
    greedy_tokens(&d, 0, 20, again);
    ck_assert_mem_eq(whole, again, sizeof whole);
    decoder_close(&d);
    sampler_close(&sampler);
    generator_close(&g);
    model_free(model);
}
END_TEST

// With and without a draft: tokens that are taken back have never been there, for the sampler neither.
START_TEST(what_is_taken_back_was_never_there)
{
    Model *model = make("gpt2", 2, 5), *small = make("gpt2", 1, 6);
    int32_t expected[12], got[12], first[4], other[8];
    for (int drafts = 0; drafts < 2; drafts++)
        for (int pops = 0; pops < 2; pops++) {
            Generator g, draft;
            Sampler sampler;
            Decoder d;
            open_generator(&g, model);
            open_generator(&draft, small);
            sampler_open(&sampler, greedy, V, 1);
            decoder_open(&d, &g, &sampler);
            if (drafts) decoder_set_draft(&d, &draft, 3);
            greedy_tokens(&d, 5, 4, first);
            if (pops) {
                greedy_tokens(&d, 0, 8, other);
                next(&d); // what is drawn in advance goes too
                decoder_pop(&d, 8);
                ck_assert_int_eq(decoder_room(&d), CONTEXT - 9);
                for (int32_t id = 0; id < V; id++) {
                    int times = 0;
                    for (size_t i = 0; i < d.sequence.count; i++) times += d.sequence.ids[i] == id;
                    ck_assert_int_eq(sampler.seen[id], times);
                }
            }
            greedy_tokens(&d, 7, 12, pops ? got : expected);
            if (pops) ck_assert_mem_eq(got, expected, sizeof got);
            decoder_close(&d);
            sampler_close(&sampler);
            generator_close(&g);
            generator_close(&draft);
        }
    model_free(model);
    model_free(small);
}
END_TEST

START_TEST(what_does_not_fit_is_said)
{
    Error err = { "" };
    Model *model = make("gpt2", 2, 5);
    Generator g;
    Sampler sampler;
    Decoder d;
    int32_t id;
    double log_p;
    open_generator(&g, model);
    sampler_open(&sampler, greedy, V, 1);
    decoder_open(&d, &g, &sampler);
    ck_assert(!decoder_next(&d, &id, &log_p, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "the prompt is empty"));
    err = (Error){ "" };
    for (int i = 0; i < CONTEXT; i++) decoder_push(&d, prompt, 1);
    ck_assert_int_eq(decoder_room(&d), 0);
    next(&d);
    decoder_push(&d, prompt, 1);
    ck_assert(!decoder_next(&d, &id, &log_p, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "81 tokens do not fit: the model's context is 80"));
    decoder_close(&d);
    sampler_close(&sampler);
    generator_close(&g);
    model_free(model);
}
END_TEST

// What is pushed is penalised, what was only drawn is not, and a new sequence forgets.
START_TEST(the_sampler_sees_what_is_pushed)
{
    Model *model = make("gpt2", 2, 5);
    Generator g;
    Sampler sampler;
    Decoder d;
    SamplerOptions o = greedy;
    o.repeat_penalty = 100;
    open_generator(&g, model);
    sampler_open(&sampler, o, V, 1);
    decoder_open(&d, &g, &sampler);
    decoder_push(&d, prompt, 7);
    int32_t id = next(&d);
    ck_assert(sampler.seen[17] && !sampler.seen[id]);
    decoder_push(&d, &id, 1);
    ck_assert(sampler.seen[id]);
    decoder_restart(&d);
    ck_assert(!sampler.seen[17] && !sampler.seen[id]);
    decoder_close(&d);
    sampler_close(&sampler);
    generator_close(&g);
    model_free(model);
}
END_TEST

// The logits behind the last ids of a long prompt are the same as behind each of them fed alone.
START_TEST(rows_of_a_long_prompt)
{
    enum { ROWS = 5 };
    static const int sizes[] = { 5, 256, 257, 260, 261, 262, 400, 512, 513 };
    Error err = { "" };
    Model *model = make_long("llama", 1, 5, 520);
    Generator g;
    int32_t ids[520];
    float rows[ROWS][V];
    for (int i = 0; i < 520; i++) ids[i] = (i * 37 + i / 7) % V;
    open_generator(&g, model);
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        int n = sizes[k];
        generator_rewind(&g, 0);
        ck_assert_msg(generator_feed_rows(&g, ids, n, ROWS, &err), "%s", err.message);
        ck_assert_int_eq(g.past, n);
        memcpy(rows, g.logits, sizeof rows);
        generator_rewind(&g, n - ROWS);
        for (int r = 0; r < ROWS; r++) {
            ck_assert_msg(generator_feed(&g, &ids[n - ROWS + r], 1, &err), "%s", err.message);
            for (int i = 0; i < V; i++)
                ck_assert_msg(fabsf(rows[r][i] - g.logits[i]) <= 2e-5f, "%d ids, row %d, token %d: %g and %g", n, r, i,
                              (double)rows[r][i], (double)g.logits[i]);
        }
    }
    generator_close(&g);
    model_free(model);
}
END_TEST

// ---- Drafts --------------------------------------------------------------------------------------------------------

// With the model's seed and a layer less a draft says nearly the same.
static const struct {
    const char *model, *draft;
    int layers;
    uint64_t seed; // the model's is 5
    int tokens;
} drafts[] = {
    { "llama", "llama", 1, 5, 1 }, { "llama", "llama", 1, 5, 4 }, { "gpt2", "gpt2", 1, 5, 2 },
    { "llama", "gpt2", 2, 6, 70 }, { "gpt2", "gpt2", 2, 5, 7 }, // these two: nothing is right, and everything
};

typedef struct Pair {
    Model *model, *small;
    Generator g, draft;
    Sampler sampler;
    Decoder d;
} Pair;

static void open_pair(Pair *p, int i, SamplerOptions o, uint64_t seed, bool with_draft)
{
    *p = (Pair){ .model = make(drafts[i].model, 2, 5),
                 .small = make(drafts[i].draft, drafts[i].layers, drafts[i].seed) };
    open_generator(&p->g, p->model);
    open_generator(&p->draft, p->small);
    sampler_open(&p->sampler, o, V, seed);
    decoder_open(&p->d, &p->g, &p->sampler);
    if (with_draft) decoder_set_draft(&p->d, &p->draft, drafts[i].tokens);
}

static void close_pair(Pair *p)
{
    decoder_close(&p->d);
    sampler_close(&p->sampler);
    generator_close(&p->g);
    generator_close(&p->draft);
    model_free(p->model);
    model_free(p->small);
}

// To the last token that the context allows. On the way other tokens than the drawn ones are pushed, and more than they.
static int whole_context(Decoder *d, int32_t *out)
{
    int n = 0;
    decoder_push(d, prompt, 7);
    for (; decoder_room(d) >= 0; n++) {
        out[n] = next(d);
        if (n % 7 != 2 || decoder_room(d) < 5) decoder_push(d, &out[n], 1);
        if (n % 7 >= 2 && n % 7 <= 3 && decoder_room(d) >= 4) decoder_push(d, prompt, 4);
    }
    ck_assert_int_eq(decoder_room(d), -1);
    return n;
}

START_TEST(drafts_change_no_greedy_token)
{
    Pair with, without;
    int32_t a[CONTEXT], b[CONTEXT];
    open_pair(&with, _i, greedy, 1, true);
    open_pair(&without, _i, greedy, 1, false);
    int n = whole_context(&without.d, b);
    for (int again = 0; again < 2; again++) {
        decoder_restart(&with.d);
        ck_assert_int_eq(whole_context(&with.d, a), n);
        for (int i = 0; i < n; i++) ck_assert_int_eq(a[i], b[i]);
    }
    ck_assert_int_gt(with.d.drafted, n);
    if (drafts[_i].seed == 5 && drafts[_i].layers == 2) {
        ck_assert_int_lt(with.d.passes, without.d.passes);
        ck_assert_int_eq(with.d.accepted, with.d.drafted);
    }
    close_pair(&with);
    close_pair(&without);
}
END_TEST

// The first two tokens behind a prompt, of three candidates each, against the model's own distribution.
START_TEST(drafts_change_no_distribution)
{
    enum { DRAWS = 600, FEW = 3 };
    SamplerOptions o = { .temperature = 0.03, .top_k = FEW, .top_p = 1, .repeat_penalty = 1 };
    Pair p, plain;
    Error err = { "" };
    open_pair(&plain, _i, o, 1, false);
    open_pair(&p, _i, o, 12, true);
    ck_assert_msg(generator_feed(&plain.g, prompt, 3, &err), "%s", err.message);
    Candidate first[FEW], second[FEW][FEW];
    ck_assert_int_eq(sampler_distribution(&plain.sampler, plain.g.logits), FEW);
    memcpy(first, plain.sampler.candidates, sizeof first);
    for (int i = 0; i < FEW; i++) {
        ck_assert_msg(generator_feed(&plain.g, &first[i].id, 1, &err), "%s", err.message);
        ck_assert_int_eq(sampler_distribution(&plain.sampler, plain.g.logits), FEW);
        memcpy(second[i], plain.sampler.candidates, sizeof second[i]);
        generator_rewind(&plain.g, 3);
    }
    int counts[FEW][FEW] = { 0 }, all = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        int32_t ids[2];
        decoder_restart(&p.d);
        decoder_push(&p.d, prompt, 3);
        for (int k = 0; k < 2; k++) {
            ids[k] = next(&p.d);
            decoder_push(&p.d, &ids[k], 1);
        }
        for (int i = 0; i < FEW; i++)
            for (int k = 0; k < FEW; k++)
                if (first[i].id == ids[0] && second[i][k].id == ids[1]) counts[i][k]++, all++;
    }
    ck_assert_int_eq(all, DRAWS); // nothing else was drawn
    double statistic = 0;
    for (int i = 0; i < FEW; i++)
        for (int k = 0; k < FEW; k++) {
            double expected = DRAWS * first[i].p * second[i][k].p;
            ck_assert_double_gt(expected, 4);
            statistic += (counts[i][k] - expected) * (counts[i][k] - expected) / expected;
        }
    ck_assert_msg(statistic < 26.12, "chi-squared is %g with 8 degrees of freedom", statistic); // its 0.1 % point
    ck_assert(p.d.accepted > DRAWS / 10 && p.d.accepted < p.d.drafted - DRAWS / 10);
    close_pair(&p);
    close_pair(&plain);
}
END_TEST

Suite *suite_decoder(void);
Suite *suite_decoder(void)
{
    Suite *suite = suite_create("decoder");
    TCase *tests = tcase_create("decoder");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_test(tests, pieces_are_the_whole);
    tcase_add_test(tests, what_is_taken_back_was_never_there);
    tcase_add_test(tests, what_does_not_fit_is_said);
    tcase_add_test(tests, the_sampler_sees_what_is_pushed);
    tcase_add_test(tests, rows_of_a_long_prompt);
    tcase_add_loop_test(tests, drafts_change_no_greedy_token, 0, COUNT_OF(drafts));
    tcase_add_loop_test(tests, drafts_change_no_distribution, 1, 3);
    suite_add_tcase(suite, tests);
    return suite;
}
