// Archives put together for tests, field by field, so that each field can be spoilt.
#pragma once
#include <check.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

typedef struct ZipBuilder {
    uint8_t data[1 << 16], directory[1 << 14];
    size_t size, directory_size;
    unsigned count;
} ZipBuilder;

static inline void zip_put(uint8_t *data, size_t *size, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) data[(*size)++] = (uint8_t)(value >> 8 * i);
}

static inline void zip_put_text(uint8_t *data, size_t *size, const void *text, size_t length)
{
    memcpy(data + *size, text, length);
    *size += length;
}

// One entry, stored or deflated; `attributes` are the directory's external ones (a Unix mode above 16 bits).
static inline void zip_add_entry(ZipBuilder *z, const char *name, const void *content, size_t bytes, bool deflated,
                                 uint32_t attributes)
{
    uint8_t packed[1 << 15];
    uint32_t offset = (uint32_t)z->size, crc = (uint32_t)crc32(0, content, (uInt)bytes),
             length = (uint32_t)strlen(name);
    size_t packed_size = bytes;
    ck_assert_uint_lt(bytes, sizeof packed);
    memcpy(packed, content, bytes);
    if (deflated) {
        z_stream s = {
            .next_in = (z_const Bytef *)content, .avail_in = (uInt)bytes, .next_out = packed, .avail_out = sizeof packed
        };
        ck_assert_int_eq(deflateInit2(&s, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
        ck_assert_int_eq(deflate(&s, Z_FINISH), Z_STREAM_END);
        packed_size = s.total_out;
        deflateEnd(&s);
    }
    for (int local = 1; local >= 0; local--) {
        uint8_t *at = local ? z->data : z->directory;
        size_t *size = local ? &z->size : &z->directory_size;
        zip_put_text(at, size, local ? "PK\3\4" : "PK\1\2", 4);
        if (!local) zip_put(at, size, 20 | 3 << 8, 2); // made by Unix
        zip_put(at, size, 20, 2), zip_put(at, size, 0, 2), zip_put(at, size, deflated ? 8 : 0, 2);
        zip_put(at, size, 0, 4), zip_put(at, size, crc, 4);
        zip_put(at, size, (uint32_t)packed_size, 4), zip_put(at, size, (uint32_t)bytes, 4);
        zip_put(at, size, length, 2), zip_put(at, size, 0, 2);
        if (!local)
            zip_put(at, size, 0, 4), zip_put(at, size, 0, 2), zip_put(at, size, attributes, 4),
                zip_put(at, size, offset, 4);
        zip_put_text(at, size, name, length);
    }
    zip_put_text(z->data, &z->size, packed, packed_size);
    z->count++;
}

static inline void zip_end(ZipBuilder *z)
{
    uint32_t offset = (uint32_t)z->size;
    zip_put_text(z->data, &z->size, z->directory, z->directory_size);
    zip_put_text(z->data, &z->size, "PK\5\6", 4);
    zip_put(z->data, &z->size, 0, 4), zip_put(z->data, &z->size, z->count, 2), zip_put(z->data, &z->size, z->count, 2);
    zip_put(z->data, &z->size, (uint32_t)z->directory_size, 4), zip_put(z->data, &z->size, offset, 4);
    zip_put(z->data, &z->size, 0, 2);
}
