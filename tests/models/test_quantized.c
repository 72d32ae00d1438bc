// Quantised files: each type's blocks mean the same in planes, and a model of them gives the logits of the same weights in
// f32, in a prefill and token by token.
#include "base/file.h"
#include "base/half.h"
#include "base/random.h"
#include "device.h"
#include "folder.h"
#include "formats/quants.h"
#include "generate/generator.h"
#include "tensor/planes.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    GgmlType type;
    DType dtype;
    int halves[2]; // where a block's f16s are; −1: none
} types[] = {
    { GGML_Q8_0, Q8_0, { 0, -1 } }, { GGML_Q4_0, Q4_0, { 0, -1 } },   { GGML_Q4_1, Q4_1, { 0, 2 } },
    { GGML_Q5_0, Q5_0, { 0, -1 } }, { GGML_Q5_1, Q5_1, { 0, 2 } },    { GGML_Q4_K, Q4_K, { 0, 2 } },
    { GGML_Q5_K, Q5_K, { 0, 2 } },  { GGML_Q6_K, Q6_K, { 208, -1 } },
};

// Blocks of random bits, with scales by which weights are of size 0.05.
static uint8_t *random_blocks(int i, int64_t n, Random *random, size_t *bytes)
{
    const GgmlTypeInfo *info = ggml_type_info(types[i].type);
    int64_t blocks = n / info->elements;
    uint8_t *data = malloc(*bytes = (size_t)blocks * info->bytes);
    for (size_t b = 0; b < *bytes; b++) data[b] = (uint8_t)random_below(random, 256);
    double largest = types[i].type == GGML_Q8_0   ? 128
                     : types[i].type == GGML_Q6_K ? 32 * 128
                     : info->elements == 256      ? 31 * 63
                                                  : 16;
    for (int64_t b = 0; b < blocks; b++)
        for (int h = 0; h < 2 && types[i].halves[h] >= 0; h++) {
            uint16_t half = f32_to_f16((float)(0.1 * (random_uniform(random) - 0.5) / (h ? 1 : largest)));
            if (h && info->elements == 256) half = f32_to_f16((float)(0.1 / 63 * random_uniform(random)));
            memcpy(data + b * info->bytes + types[i].halves[h], &half, 2);
        }
    return data;
}

START_TEST(planes_hold_the_blocks)
{
    enum { N = 7, K = 768 };
    const GgmlTypeInfo *info = ggml_type_info(types[_i].type);
    DType dtype = types[_i].dtype;
    Random random = { .key = 11 };
    size_t bytes;
    uint8_t *blocks = random_blocks(_i, N * K, &random, &bytes), *data = calloc(planes_bytes(dtype, N, K), 1);
    float *want = malloc(N * K * sizeof *want);
    ggml_dequantize(types[_i].type, blocks, want, N * K);
    QuantGroup groups[GGML_MAX_GROUPS] = { 0 };
    int per_row = K / (int)info->elements, size = plane_format(dtype)->group;
    for (int row = 0; row < N; row++)
        for (int b = 0; b < per_row; b++) {
            info->split(blocks + (row * per_row + b) * (int)info->bytes, groups);
            for (int g = 0; g < info->groups; g++) planes_put(data, dtype, N, K, row, b * info->groups + g, &groups[g]);
        }
    for (int row = 0; row < N; row++)
        for (int k = 0; k < K; k++) {
            QuantGroup group;
            planes_get(data, dtype, N, K, row, k / size, &group);
            double got = quant_value(dtype, &group, k % size), is = (double)want[row * K + k];
            ck_assert_msg(fabs(got - is) <= 1e-6 * (0.05 + fabs(is)), "%s [%d, %d] is %g, not %g", info->name, row, k,
                          got, is);
        }
    ck_assert(planes_bytes(dtype, 64, K) <= (uint64_t)(1.05 * (64.0 * K / info->elements * info->bytes)));
    free(blocks), free(data), free(want);
}
END_TEST

// The same weights twice: matrices as blocks of a type, and as the floats that they mean.
static void write_files(const char *arch, int i, bool mixed, const char *blocks_path, const char *floats_path)
{
    Error err = { "" };
    const Family *family = family_find(arch);
    Config config = { .n_layers = 2,
                      .n_heads = 8,
                      .n_kv_heads = !strcmp(arch, "gpt2") ? 8 : 2,
                      .d_model = 256,
                      .d_ff = 512,
                      .vocab_size = 257,
                      .seq_len = 32,
                      .tied = true };
    family->defaults(&config);
    Model *model = model_new(NULL, family, &config);
    Tokenizer *tokenizer = tokenizer_byte();
    GgufWriter *writers[] = { gguf_writer_new(), gguf_writer_new() };
    const char *paths[] = { blocks_path, floats_path };
    void *kept[256];
    int n_kept = 0;
    Random random = { .key = 5 };
    for (int p = 0; p < model->parameters.count; p++) {
        const Parameter *parameter = model->parameters.list[p];
        Shape shape = parameter->tensor.shape;
        int64_t n = shape_count(shape);
        float *floats = kept[n_kept++] = malloc((size_t)n * sizeof *floats);
        void *data = floats;
        GgmlType type = GGML_F32;
        for (int64_t j = 0; j < n; j++) floats[j] = (float)(parameter->value + 0.05 * random_normal(&random));
        if (shape.rank == 2 && strcmp(parameter->name, "position_embd.weight") != 0) {
            size_t bytes;
            // as in files of mixed types, where queries, keys and values cannot lie together
            int of = mixed && strstr(parameter->name, "attn_v") ? (i + 1) % 3 : i;
            data = kept[n_kept++] = random_blocks(of, n, &random, &bytes);
            type = types[of].type;
            ggml_dequantize(type, data, floats, (size_t)n);
        }
        gguf_put_tensor_data(writers[0], parameter->name, type, shape.rank, shape.dim, data);
        gguf_put_tensor_data(writers[1], parameter->name, GGML_F32, shape.rank, shape.dim, floats);
    }
    for (int w = 0; w < 2; w++) {
        model_put_config(writers[w], family, &config);
        tokenizer_to_gguf(tokenizer, writers[w]);
        ck_assert_msg(gguf_writer_save(writers[w], paths[w], &err), "%s", err.message);
        gguf_writer_free(writers[w]);
    }
    for (int k = 0; k < n_kept; k++) free(kept[k]);
    tokenizer_free(tokenizer);
    model_free(model);
}

static const char *const archs[] = { "llama", "gpt2", "qwen2" };

START_TEST(a_quantised_model_equals_its_floats)
{
    Error err = { "" };
    int i = _i / (int)COUNT_OF(archs) % (int)COUNT_OF(types);
    bool mixed = _i >= (int)(COUNT_OF(archs) * COUNT_OF(types));
    char *paths[] = { path_join(folder, "blocks.gguf"), path_join(folder, "floats.gguf") };
    write_files(archs[_i % (int)COUNT_OF(archs)], i, mixed, paths[0], paths[1]);
    Model *model[2];
    Generator g[2];
    int32_t ids[16];
    for (int k = 0; k < 16; k++) ids[k] = 15 * k;
    for (int m = 0; m < 2; m++) {
        model[m] = model_load(gpu, stream, paths[m], false, NULL, &err);
        ck_assert_msg(model[m] != NULL, "%s", err.message);
        ck_assert(generator_open(&g[m], model[m], stream, 32, &err));
    }
    ck_assert_int_eq(model[0]->layers[1].attention.q.weight->dtype, types[i].dtype);
    if (strcmp(model[0]->family->arch, "gpt2") != 0)
        ck_assert_int_eq(model[0]->layers[0].attention.qkv.weight->span.bytes > 0, !mixed);
    ck_assert_int_eq(model[0]->token_embedding->dtype, types[i].dtype);
    const int feeds[] = { 9, 1, 3, 1 }; // many rows, one, a few
    for (int f = 0, at = 0; f < 4; at += feeds[f++]) {
        for (int m = 0; m < 2; m++) ck_assert_msg(generator_feed(&g[m], ids + at, feeds[f], &err), "%s", err.message);
        for (int v = 0; v < 257; v++)
            ck_assert_msg(fabsf(g[0].logits[v] - g[1].logits[v]) <= 1e-4f * (1 + fabsf(g[1].logits[v])),
                          "after %d tokens: logit %d is %g, not %g", at + feeds[f], v, (double)g[0].logits[v],
                          (double)g[1].logits[v]);
    }
    for (int m = 0; m < 2; m++) {
        generator_close(&g[m]);
        model_free(model[m]);
        free(paths[m]);
    }
}
END_TEST

Suite *suite_quantized(void);
Suite *suite_quantized(void)
{
    Suite *suite = suite_create("quantized");
    TCase *blocks = tcase_create("blocks"), *files = tcase_create("files");
    tcase_add_loop_test(blocks, planes_hold_the_blocks, 0, (int)COUNT_OF(types));
    suite_add_tcase(suite, blocks);
    tcase_add_checked_fixture(files, open_device, close_device);
    tcase_add_checked_fixture(files, open_folder, close_folder);
    tcase_set_timeout(files, 120);
    tcase_add_loop_test(files, a_quantised_model_equals_its_floats, 0,
                        (int)((COUNT_OF(types) + 1) * COUNT_OF(archs))); // the last ones with two types
    suite_add_tcase(suite, files);
    return suite;
}
