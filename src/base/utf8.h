// UTF-8 as the Unicode Standard's table 3-7 defines it: no overlong forms, no surrogates, nothing over U+10FFFF.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The bytes of the character that starts at `text` (1 … 4); 0 when its first byte can't start one or the next ones
// don't fit; −1 when the text ends before the character does.
static inline int utf8_length(const char *text, size_t bytes)
{
    const uint8_t *at = (const uint8_t *)text;
    if (bytes == 0) return -1;
    uint8_t first = at[0];
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;  // shorter forms exist below
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf; // surrogates, or too large, above
    for (int i = 1; i < length; i++) {
        if ((size_t)i == bytes) return -1;
        if (at[i] < low || at[i] > high) return 0;
        low = 0x80, high = 0xbf;
    }
    return length;
}

// The code point of a character whose length utf8_length gave.
static inline uint32_t utf8_code_point(const char *text, int length)
{
    const uint8_t *at = (const uint8_t *)text;
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (int i = 1; i < length; i++) code = code << 6 | (at[i] & 0x3f);
    return code;
}

// Writes a code point up to U+10FFFF; returns its length.
static inline int utf8_write(uint32_t code, char out[4])
{
    int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(length == 1 ? code : (0xf00u >> length & 0xf0) | code);
    return length;
}
