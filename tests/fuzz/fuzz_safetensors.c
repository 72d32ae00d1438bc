// Any bytes as a safetensors file: it is refused with an error, or everything that the list points to can be read.
#include "base/half.h"
#include "formats/safetensors.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = { "" };
    Safetensors *s = safetensors_open_memory(data, size, "fuzz", &err);
    if ((s == NULL) != error_is_set(&err)) abort();
    if (!s) return 0;
    size_t sum = 0, total = 0;
    for (size_t i = 0; i < s->n_tensors; i++) {
        const SafetensorsTensor *t = &s->tensors[i];
        size_t bytes = t->type->bytes;
        for (int d = 0; d < SAFETENSORS_MAX_DIMS; d++) bytes *= (size_t)t->shape[d];
        if (bytes != t->bytes || t->data < data || bytes > size || t->data > data + size - bytes) abort();
        if (safetensors_tensor(s, t->name.data) != t) abort();
        for (size_t at = 0; at < bytes; at += t->type->bytes) {
            float value = t->data[at];
            if (t->type->readable) ggml_dequantize(t->type->ggml, t->data + at, &value, 1);
            sum += float_bits(value);
        }
        total += bytes;
    }
    if (sum == SIZE_MAX || total > size) abort(); // no byte belongs to two tensors
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)s->metadata, key, value) if (!json_string_value(value)) abort();
    safetensors_close(s);
    return 0;
}
