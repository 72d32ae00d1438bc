#include "text/byte_alphabet.h"
#include "base/utf8.h"

static bool printable(uint32_t byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

// 0x00 … 0x20, 0x7f … 0xa0 and 0xad become U+0100 … U+0143.
static uint32_t code_of_byte(uint32_t byte)
{
    if (printable(byte)) return byte;
    return 0x100 + (byte <= 0x20 ? byte : byte <= 0xa0 ? byte - 0x7f + 33 : 67);
}

static int byte_of_code(uint32_t code)
{
    if (code < 0x100) return printable(code) ? (int)code : -1;
    uint32_t index = code - 0x100;
    return index < 33 ? (int)index : index < 67 ? (int)(index - 33 + 0x7f) : index == 67 ? 0xad : -1;
}

StringView alphabet_spell(StringView bytes, Arena *arena)
{
    char *spelling = arena_alloc(arena, 2 * bytes.size + 4); // characters up to U+07FF take two bytes at most
    size_t size = 0;
    for (size_t i = 0; i < bytes.size; i++)
        size += (size_t)utf8_write(code_of_byte((uint8_t)bytes.data[i]), spelling + size);
    return (StringView){ spelling, size };
}

bool alphabet_bytes(StringView spelling, Arena *arena, StringView *bytes)
{
    char *out = arena_alloc(arena, spelling.size + 1);
    *bytes = (StringView){ out, 0 };
    for (size_t at = 0; at < spelling.size;) {
        int length = utf8_length(spelling.data + at, spelling.size - at);
        int byte = length > 0 ? byte_of_code(utf8_code_point(spelling.data + at, length)) : -1;
        if (byte < 0) return false;
        out[bytes->size++] = (char)byte;
        at += (size_t)length;
    }
    return true;
}
