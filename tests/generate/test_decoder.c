// Sequences that grow by pieces, are cut short and begun again.
#include "generate/decoder.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { V = 259, CONTEXT = 80 };

static Gpu *gpu;
static Stream *stream;

static void open_device(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
}

static void close_device(void)
{
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

// Weights large enough that no two logits are near each other.
static Model *make(const char *arch, uint64_t seed)
{
    Error err = { "" };
    const Family *family = family_find(arch);
    Config config = { .n_layers = 2, .n_heads = 2, .d_model = 16, .vocab_size = V, .seq_len = CONTEXT };
    family->defaults(&config);
    Model *model = model_new(gpu, family, &config);
    ck_assert_msg(model_alloc(model, stream, &err), "%s", err.message);
    parameters_init(&model->parameters, stream, seed);
    return model;
}

static void open_generator(Generator *g, const Model *model)
{
    Error err = { "" };
    ck_assert_msg(generator_open(g, model, stream, CONTEXT, &err), "%s", err.message);
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
    Model *model = make("llama", 5);
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

START_TEST(what_does_not_fit_is_said)
{
    Error err = { "" };
    Model *model = make("gpt2", 5);
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
    Model *model = make("gpt2", 5);
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

Suite *suite_decoder(void);
Suite *suite_decoder(void)
{
    Suite *suite = suite_create("decoder");
    TCase *tests = tcase_create("decoder");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_test(tests, pieces_are_the_whole);
    tcase_add_test(tests, what_does_not_fit_is_said);
    tcase_add_test(tests, the_sampler_sees_what_is_pushed);
    suite_add_tcase(suite, tests);
    return suite;
}
