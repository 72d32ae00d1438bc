// The writer: metadata is encoded as it comes, tensors are listed; the save lays them out and streams their bytes.
#include "base/memory.h"
#include "formats/gguf.h"
#include <stdlib.h>

enum { ALIGNMENT = 32 };

typedef struct Bytes {
    uint8_t *data;
    size_t size, capacity;
} Bytes;

typedef struct Entry {
    GgufTensor tensor; // data: where the bytes lie, NULL where `source` gives them
    ByteSource source;
    void *user;
} Entry;

struct GgufWriter {
    Bytes metadata;
    Entry *entries;
    size_t n_values, n_entries, capacity;
    StringMap keys, names;
    Arena arena; // of the keys and names
};

static void append(Bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->data = mem_resize(bytes->data, bytes->capacity, 1);
    }
    if (size) memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void append_u32(Bytes *bytes, uint32_t value) { append(bytes, &value, sizeof value); }
static void append_u64(Bytes *bytes, uint64_t value) { append(bytes, &value, sizeof value); }

static void append_string(Bytes *bytes, StringView string)
{
    append_u64(bytes, string.size);
    append(bytes, string.data, string.size);
}

GgufWriter *gguf_writer_new(void) { return NEW(GgufWriter); }

void gguf_writer_free(GgufWriter *w)
{
    if (!w) return;
    free(w->metadata.data);
    free(w->entries);
    string_map_free(&w->keys);
    string_map_free(&w->names);
    arena_free(&w->arena);
    free(w);
}

static void put_key(GgufWriter *w, const char *key, GgufType type)
{
    StringView copy = string_view(arena_format(&w->arena, "%s", key));
    CHECK(copy.size > 0 && string_map_add(&w->keys, copy, 0), "gguf: the key \"%s\" is empty or there twice", key);
    append_string(&w->metadata, copy);
    append_u32(&w->metadata, (uint32_t)type);
    w->n_values++;
}

static void put_array(GgufWriter *w, const char *key, GgufType type, size_t count)
{
    put_key(w, key, GGUF_ARRAY);
    append_u32(&w->metadata, (uint32_t)type);
    append_u64(&w->metadata, count);
}

void gguf_put_string(GgufWriter *w, const char *key, StringView value)
{
    put_key(w, key, GGUF_STRING);
    append_string(&w->metadata, value);
}

void gguf_put_u32(GgufWriter *w, const char *key, uint32_t value)
{
    put_key(w, key, GGUF_U32);
    append_u32(&w->metadata, value);
}

void gguf_put_u64(GgufWriter *w, const char *key, uint64_t value)
{
    put_key(w, key, GGUF_U64);
    append_u64(&w->metadata, value);
}

void gguf_put_f32(GgufWriter *w, const char *key, float value)
{
    put_key(w, key, GGUF_F32);
    append(&w->metadata, &value, sizeof value);
}

void gguf_put_bool(GgufWriter *w, const char *key, bool value)
{
    put_key(w, key, GGUF_BOOL);
    append(&w->metadata, &(uint8_t){ value }, 1);
}

void gguf_put_strings(GgufWriter *w, const char *key, const StringView *values, size_t count)
{
    put_array(w, key, GGUF_STRING, count);
    for (size_t i = 0; i < count; i++) append_string(&w->metadata, values[i]);
}

void gguf_put_i32s(GgufWriter *w, const char *key, const int32_t *values, size_t count)
{
    put_array(w, key, GGUF_I32, count);
    append(&w->metadata, values, count * sizeof *values);
}

void gguf_put_f32s(GgufWriter *w, const char *key, const float *values, size_t count)
{
    put_array(w, key, GGUF_F32, count);
    append(&w->metadata, values, count * sizeof *values);
}

void gguf_put_value(GgufWriter *w, const GgufValue *value)
{
    char *key = mem_string_n(value->key.data, value->key.size);
    if (value->is_array)
        put_array(w, key, value->type, value->count);
    else
        put_key(w, key, value->type);
    append(&w->metadata, value->data, value->bytes);
    free(key);
}

static void put_entry(GgufWriter *w, const char *name, GgmlType type, int n_dims, const int64_t *shape, Entry entry)
{
    StringView copy = string_view(arena_format(&w->arena, "%s", name));
    const GgmlTypeInfo *info = ggml_type_info(type);
    CHECK(copy.size > 0 && copy.size <= 64 && string_map_add(&w->names, copy, 0),
          "gguf: tensor \"%s\": the name is empty, over 64 bytes or there twice", name);
    CHECK(info && n_dims >= 1 && n_dims <= GGUF_MAX_DIMS, "gguf: tensor %s: type %d, %d dimensions", name, (int)type,
          n_dims);
    entry.tensor.name = copy;
    entry.tensor.type = type;
    entry.tensor.n_dims = n_dims;
    size_t elements = 1;
    for (int i = 0; i < n_dims; i++) {
        CHECK(shape[i] > 0, "gguf: tensor %s: dimension %d is %lld", name, i, (long long)shape[i]);
        entry.tensor.shape[i] = shape[i];
        elements *= (size_t)shape[i];
    }
    CHECK(shape[n_dims - 1] % info->elements == 0, "gguf: tensor %s: rows of %lld elements are no whole %s blocks",
          name, (long long)shape[n_dims - 1], info->name);
    entry.tensor.bytes = elements / info->elements * info->bytes;
    GROW(w->entries, w->n_entries, w->capacity);
    w->entries[w->n_entries++] = entry;
}

void gguf_put_tensor(GgufWriter *w, const char *name, GgmlType type, int n_dims, const int64_t *shape,
                     ByteSource source, void *user)
{
    put_entry(w, name, type, n_dims, shape, (Entry){ .source = source, .user = user });
}

void gguf_put_tensor_data(GgufWriter *w, const char *name, GgmlType type, int n_dims, const int64_t *shape,
                          const void *data)
{
    put_entry(w, name, type, n_dims, shape, (Entry){ .tensor.data = data });
}

// Everything before the tensors' bytes, padded.
static Bytes encode_head(const GgufWriter *w)
{
    Bytes head = { 0 };
    append(&head, "GGUF", 4);
    append_u32(&head, 3);
    append_u64(&head, w->n_entries);
    append_u64(&head, w->n_values);
    append(&head, w->metadata.data, w->metadata.size);
    uint64_t offset = 0;
    for (size_t i = 0; i < w->n_entries; i++) {
        const GgufTensor *tensor = &w->entries[i].tensor;
        append_string(&head, tensor->name);
        append_u32(&head, (uint32_t)tensor->n_dims);
        for (int d = tensor->n_dims - 1; d >= 0; d--) append_u64(&head, (uint64_t)tensor->shape[d]);
        append_u32(&head, (uint32_t)tensor->type);
        append_u64(&head, offset);
        offset += (tensor->bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    }
    append(&head, (char[ALIGNMENT]){ 0 }, -head.size & (ALIGNMENT - 1));
    return head;
}

static bool write_tensor(const Entry *entry, FILE *stream, Error *err)
{
    const GgufTensor *tensor = &entry->tensor;
    if (!byte_source_write(entry->source, entry->user, tensor->data, tensor->bytes, stream, err)) return false;
    fwrite((char[ALIGNMENT]){ 0 }, 1, -tensor->bytes & (ALIGNMENT - 1), stream);
    return true;
}

bool gguf_writer_save(GgufWriter *w, const char *path, Error *err)
{
    FileWriter file;
    if (!file_write_begin(&file, path, err)) return false;
    Bytes head = encode_head(w);
    fwrite(head.data, 1, head.size, file.stream);
    bool ok = true;
    for (size_t i = 0; ok && i < w->n_entries; i++) ok = write_tensor(&w->entries[i], file.stream, err);
    free(head.data);
    if (ok) return file_write_commit(&file, err);
    file_write_abandon(&file);
    return false;
}
