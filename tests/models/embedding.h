// A model that makes vectors, for one suite: opened, asked for the vectors of texts, closed.
#pragma once
#include "formats/json_file.h"
#include "models/embedder.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

static Gpu *gpu;
static Stream *stream;
static Model *model;
static Tokenizer *tokenizer;
static Embedder embedder;

static inline void open_model(const char *path)
{
    Error err = { "" };
    EmbedderSettings settings;
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    model = model_load(gpu, stream, path, false, &tokenizer, &err);
    ck_assert_msg(model && embedder_settings(path, model->family, &model->config, &settings, &err) &&
                      embedder_open(&embedder, model, tokenizer, stream, settings, &err),
                  "%s", err.message);
}

static inline void close_model(void)
{
    embedder_close(&embedder);
    model_free(model);
    tokenizer_free(tokenizer);
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

// Vectors of a list of JSON strings; the caller frees them.
static inline float *embed(const json_t *texts)
{
    Error err = { "" };
    size_t n = json_array_size(texts), C = (size_t)model->config.d_model;
    TokenList *ids = NEW_ARRAY(TokenList, n);
    float *out = NEW_ARRAY(float, n *C);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(texts, i);
        embedder_encode(&embedder, json_string_value(text), json_string_length(text), &ids[i]);
    }
    ck_assert_msg(embedder_run(&embedder, ids, (int64_t)n, out, &err), "%s", err.message);
    for (size_t i = 0; i < n; i++) free(ids[i].ids);
    free(ids);
    return out;
}

static inline double largest_difference(const float *x, const json_t *numbers)
{
    double off = 0;
    for (size_t i = 0; i < json_array_size(numbers); i++)
        off = fmax(off, fabs((double)x[i] - json_real_value(json_array_get(numbers, i))));
    return off;
}
