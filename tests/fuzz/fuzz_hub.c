// Any bytes as the safetensors of a small model of each family: refused with an error, or all its weights can be read in
// GGUF's order.
#include "models/weights.h"
#include <stdlib.h>

static const char *const fuzz_families[] = { "gpt2", "llama", "qwen2", "bert" };

static Config fuzz_config_of(const Family *family)
{
    Config config = { .n_layers = 1, .n_heads = 2, .d_model = 4, .d_ff = 3, .vocab_size = 3, .seq_len = 2 };
    family->defaults(&config);
    return config;
}

static void read_weight(Weight *w)
{
    Conversion *c = &w->conversion;
    float part[3];
    c->name = w->name.data;
    c->to = GGML_F32;
    size_t bytes = conversion_bytes(c), count = sizeof(float);
    for (int i = 0; i < w->n_dims; i++) count *= (size_t)w->shape[i];
    if (bytes != count) abort();
    for (size_t at = 0, size; at < bytes; at += size) {
        size = bytes - at < sizeof part ? bytes - at : sizeof part;
        if (!conversion_read(c, at, part, size, NULL)) return; // a number that is none
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Safetensors *s = safetensors_open_memory(data, size, "fuzz", NULL);
    for (size_t i = 0; s && i < COUNT_OF(fuzz_families); i++) {
        const Family *family = family_find(fuzz_families[i]);
        Config config = fuzz_config_of(family);
        Error err = { "" };
        Weights weights;
        bool ok = weights_of_hub(&weights, s, family, &config, &err);
        if (ok == error_is_set(&err)) abort();
        for (size_t k = 0; ok && k < weights.count; k++) read_weight(&weights.list[k]);
        weights_free(&weights);
    }
    safetensors_close(s);
    return 0;
}
