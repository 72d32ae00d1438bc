#include "formats/npy.h"
#include "base/file.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 10, ALIGNMENT = 64 };

static char *header_text(int n_dims, const int64_t *shape)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    fprintf(stream, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < n_dims; i++) fprintf(stream, "%lld,%s", (long long)shape[i], i + 1 < n_dims ? " " : "");
    fprintf(stream, "), }");
    while (((size_t)ftell(stream) + PREFIX + 1) % ALIGNMENT) fputc(' ', stream);
    fputc('\n', stream);
    fclose(stream);
    return text;
}

bool npy_write(const char *path, const float *values, int n_dims, const int64_t *shape, Error *err)
{
    FileWriter writer;
    if (!file_write_begin(&writer, path, err)) return false;
    char *header = header_text(n_dims, shape);
    size_t size = strlen(header), count = 1;
    for (int i = 0; i < n_dims; i++) count *= (size_t)shape[i];
    uint8_t prefix[PREFIX] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)size, (uint8_t)(size >> 8) };
    fwrite(prefix, 1, sizeof prefix, writer.stream);
    fwrite(header, 1, size, writer.stream);
    fwrite(values, sizeof *values, count, writer.stream);
    free(header);
    return file_write_commit(&writer, err);
}
