// Any bytes as a ZIP archive: it is refused with an error, or its entries unpack to their size or are refused.
#include "formats/zip.h"
#include <stdlib.h>

static bool count_bytes(void *user, const void *data, size_t size, Error *err)
{
    (void)err;
    size_t *bytes = user;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const uint8_t *)data)[i];
    *bytes += size + (sum == UINT32_MAX);
    return *bytes < 1 << 22; // a small archive can hold gigabytes
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = { "" };
    Zip *zip = zip_open_memory(data, size, "fuzz", &err);
    if ((zip == NULL) != error_is_set(&err)) abort();
    for (size_t i = 0; zip && i < zip->count; i++) {
        const ZipEntry *e = &zip->entries[i];
        size_t bytes = 0;
        bool ok = zip_unpack(zip, e, count_bytes, &bytes, NULL);
        if (bytes > e->bytes || (ok && bytes != e->bytes)) abort();
        char name[64] = "";
        if (e->name.size < sizeof name) memcpy(name, e->name.data, e->name.size);
        zip_entry(zip, name);
    }
    zip_close(zip);
    return 0;
}
