#include "formats/base64.h"
#include "base/memory.h"
#include <stdint.h>

char *base64_encode(const void *data, size_t size)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    char *text = mem_alloc((size + 2) / 3 * 4 + 1), *out = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t group =
            (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0u);
        for (size_t j = 0; j < 4; j++) *out++ = j <= n ? DIGITS[group >> (18 - 6 * j) & 63] : '=';
    }
    *out = '\0';
    return text;
}
