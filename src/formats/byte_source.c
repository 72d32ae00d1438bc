#include "formats/byte_source.h"
#include "base/memory.h"
#include <stdlib.h>

enum { CHUNK_BYTES = 1 << 20 };

bool byte_source_write(ByteSource source, void *user, const void *data, size_t bytes, FILE *stream, Error *err)
{
    char *chunk = source ? mem_alloc(CHUNK_BYTES) : NULL;
    bool ok = true;
    for (size_t offset = 0, size; ok && offset < bytes && !ferror(stream); offset += size) {
        size = bytes - offset < CHUNK_BYTES ? bytes - offset : CHUNK_BYTES;
        ok = !source || source(user, offset, chunk, size, err);
        if (ok) fwrite(source ? chunk : (const char *)data + offset, 1, size, stream);
    }
    free(chunk);
    return ok;
}
