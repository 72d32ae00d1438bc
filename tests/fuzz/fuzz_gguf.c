// Any bytes as a GGUF file: it is refused with an error, or everything that the index points to can be read.
#include "base/half.h"
#include "formats/gguf.h"
#include <stdlib.h>

static void read_value_by_every_type(const Gguf *g, const char *key)
{
    StringView text;
    const StringView *texts;
    uint32_t u32;
    uint64_t u64;
    int32_t i32, *i32s;
    float f32, *f32s;
    bool flag;
    size_t count, sum = 0;
    gguf_get_u32(g, key, &u32, NULL);
    gguf_get_u64(g, key, &u64, NULL);
    gguf_get_i32(g, key, &i32, NULL);
    gguf_get_f32(g, key, &f32, NULL);
    gguf_get_bool(g, key, &flag, NULL);
    if (gguf_get_string(g, key, &text, NULL))
        for (size_t i = 0; i < text.size; i++) sum += (uint8_t)text.data[i];
    if (gguf_get_strings(g, key, &texts, &count, NULL))
        for (size_t i = 0; i < count; i++) sum += texts[i].size ? (uint8_t)texts[i].data[texts[i].size - 1] : 0;
    if (gguf_get_i32s(g, key, &i32s, &count, NULL)) free(i32s);
    if (gguf_get_f32s(g, key, &f32s, &count, NULL)) free(f32s);
    if (sum == SIZE_MAX) abort(); // uses what was read
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = { "" };
    Gguf *g = gguf_open_memory(data, size, "fuzz", &err);
    if ((g == NULL) != error_is_set(&err)) abort();
    if (!g) return 0;
    for (size_t i = 0; i < g->n_values; i++) {
        char key[64] = "";
        if (g->values[i].key.size < sizeof key) memcpy(key, g->values[i].key.data, g->values[i].key.size);
        read_value_by_every_type(g, key);
    }
    size_t sum = 0;
    for (size_t i = 0; i < g->n_tensors; i++) {
        const GgufTensor *t = &g->tensors[i];
        size_t elements = (size_t)(t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3]);
        const GgmlTypeInfo *info = ggml_type_info(t->type);
        if (elements / info->elements * info->bytes != t->bytes) abort();
        if (t->data < data || t->bytes > size || t->data > data + size - t->bytes) abort();
        float values[GGML_MAX_BLOCK];
        for (size_t at = 0; at < t->bytes; at += info->bytes) {
            ggml_dequantize(t->type, t->data + at, values, info->elements);
            sum += float_bits(values[info->elements - 1]);
        }
    }
    if (sum == SIZE_MAX) abort();
    gguf_close(g);
    return 0;
}
