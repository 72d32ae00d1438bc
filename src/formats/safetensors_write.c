// The writer: tensors are listed; the save makes the header and streams their bytes.
#include "base/memory.h"
#include "formats/safetensors.h"
#include <stdlib.h>

enum { ALIGNMENT = 64 };

typedef struct Entry {
    size_t bytes;
    ByteSource source;
    void *user;
    const void *data; // where the bytes lie when there is no source
} Entry;

struct SafetensorsWriter {
    json_t *header;
    Entry *entries;
    size_t count, capacity, offset;
};

SafetensorsWriter *safetensors_writer_new(void)
{
    SafetensorsWriter *w = NEW(SafetensorsWriter);
    w->header = json_object();
    return w;
}

void safetensors_writer_free(SafetensorsWriter *w)
{
    if (!w) return;
    json_decref(w->header);
    free(w->entries);
    free(w);
}

void safetensors_put_metadata(SafetensorsWriter *w, const char *key, const char *value)
{
    json_t *metadata = json_object_get(w->header, "__metadata__");
    if (!metadata) json_object_set_new(w->header, "__metadata__", metadata = json_object());
    CHECK(json_object_set_new(metadata, key, json_string(value)) == 0, "safetensors: metadata that is no UTF-8");
}

static void put_entry(SafetensorsWriter *w, const char *name, GgmlType type, int n_dims, const int64_t *shape, Entry e)
{
    const GgmlTypeInfo *info = ggml_type_info(type);
    CHECK(*name && !json_object_get(w->header, name), "safetensors: the tensor \"%s\" has no name or is there twice",
          name);
    CHECK(info && info->elements == 1 && n_dims >= 0 && n_dims <= SAFETENSORS_MAX_DIMS,
          "safetensors: tensor %s: type %d, %d dimensions", name, (int)type, n_dims);
    json_t *dims = json_array();
    e.bytes = info->bytes;
    for (int i = 0; i < n_dims; i++) {
        CHECK(shape[i] >= 0, "safetensors: tensor %s: dimension %d is %lld", name, i, (long long)shape[i]);
        json_array_append_new(dims, json_integer(shape[i]));
        e.bytes *= (size_t)shape[i];
    }
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", info->name, "shape", dims, "data_offsets",
                              (json_int_t)w->offset, (json_int_t)(w->offset + e.bytes));
    CHECK(json_object_set_new(w->header, name, entry) == 0, "safetensors: a tensor's name is no UTF-8");
    w->offset += e.bytes;
    GROW(w->entries, w->count, w->capacity);
    w->entries[w->count++] = e;
}

void safetensors_put_tensor(SafetensorsWriter *w, const char *name, GgmlType type, int n_dims, const int64_t *shape,
                            ByteSource source, void *user)
{
    put_entry(w, name, type, n_dims, shape, (Entry){ .source = source, .user = user });
}

void safetensors_put_tensor_data(SafetensorsWriter *w, const char *name, GgmlType type, int n_dims,
                                 const int64_t *shape, const void *data)
{
    put_entry(w, name, type, n_dims, shape, (Entry){ .data = data });
}

bool safetensors_writer_save(SafetensorsWriter *w, const char *path, Error *err)
{
    FileWriter file;
    if (!file_write_begin(&file, path, err)) return false;
    char *header = json_dumps(w->header, JSON_COMPACT); // jansson keeps the order of insertion
    CHECK(header, "safetensors: the header can't be written as JSON");
    size_t size = strlen(header), padding = -(sizeof(uint64_t) + size) & (ALIGNMENT - 1);
    fwrite(&(uint64_t){ size + padding }, sizeof(uint64_t), 1, file.stream);
    fprintf(file.stream, "%s%*s", header, (int)padding, "");
    free(header);
    bool ok = true;
    for (size_t i = 0; ok && i < w->count; i++)
        ok = byte_source_write(w->entries[i].source, w->entries[i].user, w->entries[i].data, w->entries[i].bytes,
                               file.stream, err);
    if (ok) return file_write_commit(&file, err);
    file_write_abandon(&file);
    return false;
}
