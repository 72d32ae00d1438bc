#include "formats/zip.h"
#include "base/memory.h"
#include <stdlib.h>
#include <zlib.h>

enum { END_BYTES = 22, DIRECTORY_BYTES = 46, LOCAL_BYTES = 30, MAX_COMMENT = 65535, CHUNK_BYTES = 1 << 18 };

static uint32_t load(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

#define FAIL(zip, ...) (error_set(err, __VA_ARGS__), error_prefix(err, "%s", (zip)->path), false)

// The record at the end: the last one whose comment reaches to the end of the file.
static const uint8_t *find_end(const Zip *zip)
{
    size_t size = zip->map.size;
    for (size_t comment = 0; comment <= MAX_COMMENT && END_BYTES + comment <= size; comment++) {
        const uint8_t *at = zip->map.data + size - END_BYTES - comment;
        if (!memcmp(at, "PK\5\6", 4) && load(at + 20, 2) == comment) return at;
    }
    return NULL;
}

// The data behind an entry's own header, which must name the same file.
static bool find_data(Zip *zip, ZipEntry *e, size_t offset, size_t limit, Error *err)
{
    const uint8_t *local = zip->map.data + offset;
    if (offset > limit || limit - offset < LOCAL_BYTES || memcmp(local, "PK\3\4", 4))
        return FAIL(zip, "%.*s: its header is not where the directory says", VIEW_ARGS(e->name));
    size_t names = load(local + 26, 2), begin = LOCAL_BYTES + names + load(local + 28, 2);
    if (begin > limit - offset || e->packed_bytes > limit - offset - begin)
        return FAIL(zip, "%.*s: %zu bytes at %zu do not fit before the directory at %zu", VIEW_ARGS(e->name),
                    e->packed_bytes, offset, limit);
    if (!string_view_equal(e->name, (StringView){ (const char *)local + LOCAL_BYTES, names }))
        return FAIL(zip, "%.*s: its header has another name", VIEW_ARGS(e->name));
    e->data = local + begin;
    return true;
}

static bool read_entry(Zip *zip, ZipEntry *e, const uint8_t **at, const uint8_t *end, size_t limit, Error *err)
{
    const uint8_t *p = *at;
    if (end - p < DIRECTORY_BYTES || memcmp(p, "PK\1\2", 4)) return FAIL(zip, "the directory is damaged");
    size_t names = load(p + 28, 2), length = DIRECTORY_BYTES + names + load(p + 30, 2) + load(p + 32, 2);
    if (length > (size_t)(end - p)) return FAIL(zip, "the directory is damaged");
    uint32_t flags = load(p + 8, 2), method = load(p + 10, 2), packed = load(p + 20, 4), bytes = load(p + 24, 4);
    uint32_t offset = load(p + 42, 4);
    *e = (ZipEntry){ .name = { (const char *)p + DIRECTORY_BYTES, names },
                     .bytes = bytes,
                     .packed_bytes = packed,
                     .crc = load(p + 16, 4),
                     .deflated = method == 8 };
    if (flags & 1) return FAIL(zip, "%.*s: it is encrypted", VIEW_ARGS(e->name));
    if (method != 0 && method != 8) return FAIL(zip, "%.*s: method %u is not known here", VIEW_ARGS(e->name), method);
    if (packed == UINT32_MAX || bytes == UINT32_MAX || offset == UINT32_MAX)
        return FAIL(zip, "%.*s: it is of ZIP64, which is not read", VIEW_ARGS(e->name));
    if (!e->deflated && packed != bytes)
        return FAIL(zip, "%.*s: %u bytes stored as %u", VIEW_ARGS(e->name), bytes, packed);
    *at += length;
    return find_data(zip, e, offset, limit, err);
}

static bool read_directory(Zip *zip, Error *err)
{
    const uint8_t *end = find_end(zip);
    if (!end) return FAIL(zip, "no ZIP archive: it has no directory");
    size_t count = load(end + 10, 2), bytes = load(end + 12, 4), offset = load(end + 16, 4);
    size_t limit = (size_t)(end - zip->map.data);
    if (load(end + 4, 2) || load(end + 6, 2) || load(end + 8, 2) != count)
        return FAIL(zip, "an archive of several volumes");
    if (count == UINT16_MAX || offset == UINT32_MAX) return FAIL(zip, "an archive of ZIP64, which is not read");
    if (offset > limit || bytes > limit - offset || count > bytes / DIRECTORY_BYTES)
        return FAIL(zip, "a directory of %zu entries in %zu bytes at %zu, but the file has %zu", count, bytes, offset,
                    limit);
    const uint8_t *at = zip->map.data + offset;
    zip->entries = NEW_ARRAY(ZipEntry, count);
    for (size_t i = 0; i < count; i++)
        if (!read_entry(zip, &zip->entries[i], &at, end, offset, err)) return false;
    zip->count = count;
    return true;
}

static Zip *open_map(FileMap map, const char *path, bool owned, Error *err)
{
    Zip *zip = NEW(Zip);
    *zip = (Zip){ .path = mem_string(path), .map = map };
    bool ok = read_directory(zip, err);
    if (!owned) zip->map.size = 0;
    if (ok) return zip;
    zip_close(zip);
    return NULL;
}

Zip *zip_open(const char *path, Error *err)
{
    FileMap map;
    return file_map(path, &map, err) ? open_map(map, path, true, err) : NULL;
}

Zip *zip_open_memory(const void *data, size_t size, const char *name, Error *err)
{
    return open_map((FileMap){ data, size }, name, false, err);
}

void zip_close(Zip *zip)
{
    if (!zip) return;
    file_unmap(&zip->map);
    free(zip->entries);
    free(zip->path);
    free(zip);
}

const ZipEntry *zip_entry(const Zip *zip, const char *name)
{
    const ZipEntry *found = NULL;
    for (size_t i = 0; i < zip->count; i++)
        if (string_view_equal(zip->entries[i].name, string_view(name))) {
            if (found) return NULL;
            found = &zip->entries[i];
        }
    return found;
}

// ---- Unpacking -----------------------------------------------------------------------------------------------------

// The next piece of an entry into `chunk`: its size, or −1 when the data is damaged. `*last` says that it was the last.
static long next_piece(z_stream *z, const ZipEntry *e, void *chunk, bool *last)
{
    if (!e->deflated) {
        size_t size = z->avail_in < CHUNK_BYTES ? z->avail_in : CHUNK_BYTES;
        if (size) memcpy(chunk, z->next_in, size);
        z->next_in += size;
        z->avail_in -= (uInt)size;
        *last = z->avail_in == 0;
        return (long)size;
    }
    z->next_out = chunk;
    z->avail_out = CHUNK_BYTES;
    int status = inflate(z, Z_NO_FLUSH);
    *last = status == Z_STREAM_END;
    return status == Z_OK || status == Z_STREAM_END ? (long)(CHUNK_BYTES - z->avail_out) : -1;
}

bool zip_unpack(const Zip *zip, const ZipEntry *e, ZipWrite write, void *user, Error *err)
{
    z_stream z = { .next_in = (z_const Bytef *)e->data, .avail_in = (uInt)e->packed_bytes };
    CHECK(inflateInit2(&z, -MAX_WBITS) == Z_OK, "zip: zlib does not start");
    void *chunk = mem_alloc(CHUNK_BYTES);
    uLong crc = crc32(0, NULL, 0);
    size_t done = 0;
    bool ok = true, last = false;
    while (ok && !last) {
        long size = next_piece(&z, e, chunk, &last);
        if (size < 0 || (size_t)size > e->bytes - done || (last && done + (size_t)size != e->bytes)) {
            ok = FAIL(zip, "%.*s: it does not unpack to %zu bytes; the file is damaged", VIEW_ARGS(e->name), e->bytes);
            break;
        }
        crc = crc32(crc, chunk, (uInt)size);
        done += (size_t)size;
        if (last && crc != e->crc)
            ok = FAIL(zip, "%.*s: its checksum is wrong; the file is damaged", VIEW_ARGS(e->name));
        ok = ok && (size == 0 || write(user, chunk, (size_t)size, err));
    }
    inflateEnd(&z);
    free(chunk);
    return ok;
}
