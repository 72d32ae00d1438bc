// The reader. One pass over the file's head checks everything and leaves an index; later calls trust the index.
#include "formats/gguf.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's numbers are read as they lie");

enum { MAX_KEY_BYTES = 65535, MAX_NAME_BYTES = 64, MAX_NESTING = 4, MAX_ALIGNMENT = 1 << 20 };

// Bytes of one value; 0 where it has no fixed size.
static const uint8_t VALUE_BYTES[] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2,  [GGUF_I16] = 2,    [GGUF_U32] = 4,
    [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_STRING] = 0, [GGUF_ARRAY] = 0,
    [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

typedef struct Reader {
    const uint8_t *at, *end;
    const char *path;
    StringView field; // of the key or tensor being read, for messages
    Error *err;
} Reader;

#define FAIL(reader, format, ...) (error_set((reader)->err, "%s: " format, (reader)->path, __VA_ARGS__), false)

static size_t left(const Reader *r) { return (size_t)(r->end - r->at); }

static bool need(Reader *r, size_t size)
{
    return left(r) >= size || FAIL(r, "%.*s: the file ends inside it; it is cut short or damaged", VIEW_ARGS(r->field));
}

static bool read_bytes(Reader *r, void *out, size_t size)
{
    if (!need(r, size)) return false;
    memcpy(out, r->at, size);
    r->at += size;
    return true;
}

static bool read_u32(Reader *r, uint32_t *out) { return read_bytes(r, out, sizeof *out); }
static bool read_u64(Reader *r, uint64_t *out) { return read_bytes(r, out, sizeof *out); }

static bool read_string(Reader *r, StringView *out)
{
    uint64_t size;
    if (!read_u64(r, &size)) return false;
    if (size > left(r))
        return FAIL(r, "%.*s: a string of %llu bytes, but only %zu are left", VIEW_ARGS(r->field),
                    (unsigned long long)size, left(r));
    *out = (StringView){ (const char *)r->at, (size_t)size };
    r->at += size;
    return true;
}

static bool read_value_type(Reader *r, uint32_t *type)
{
    if (!read_u32(r, type)) return false;
    return *type < COUNT_OF(VALUE_BYTES) || FAIL(r, "%.*s: unknown value type %u", VIEW_ARGS(r->field), *type);
}

static bool read_array(Reader *r, GgufValue *value, int depth);

// `count` values of value->type from here on. Only those of the outermost level (depth 0) are kept.
static bool read_elements(Reader *r, GgufValue *value, int depth)
{
    value->data = r->at;
    if (value->type == GGUF_ARRAY) {
        for (size_t i = 0; i < value->count; i++) {
            GgufValue inner = { .key = value->key };
            if (!read_array(r, &inner, depth + 1)) return false;
        }
    } else if (value->type == GGUF_STRING) {
        if (depth == 0) value->strings = NEW_ARRAY(StringView, value->count);
        for (size_t i = 0; i < value->count; i++) {
            StringView string;
            if (!read_string(r, &string)) return false;
            if (depth == 0) value->strings[i] = string;
        }
    } else {
        for (size_t i = 0; value->type == GGUF_BOOL && i < value->count; i++)
            if (r->at[i] > 1) return FAIL(r, "%.*s: %u is no bool", VIEW_ARGS(r->field), r->at[i]);
        r->at += value->count * VALUE_BYTES[value->type];
    }
    value->bytes = (size_t)(r->at - value->data);
    return true;
}

static bool read_array(Reader *r, GgufValue *value, int depth)
{
    uint32_t type;
    uint64_t count;
    if (depth >= MAX_NESTING) return FAIL(r, "%.*s: arrays nested over %d deep", VIEW_ARGS(r->field), MAX_NESTING);
    if (!read_value_type(r, &type) || !read_u64(r, &count)) return false;
    // A string takes 8 bytes at least, an array 12.
    size_t smallest = type == GGUF_STRING ? 8 : type == GGUF_ARRAY ? 12 : VALUE_BYTES[type];
    if (count > left(r) / smallest)
        return FAIL(r, "%.*s: an array of %llu elements, but only %zu bytes are left", VIEW_ARGS(r->field),
                    (unsigned long long)count, left(r));
    value->type = (GgufType)type;
    value->is_array = true;
    value->count = (size_t)count;
    return read_elements(r, value, depth);
}

static bool read_value(Reader *r, Gguf *g, GgufValue *value)
{
    r->field = string_view("a metadata key");
    if (!read_string(r, &value->key)) return false;
    if (value->key.size == 0 || value->key.size > MAX_KEY_BYTES)
        return FAIL(r, "a metadata key of %zu bytes (1 to %d are allowed)", value->key.size, MAX_KEY_BYTES);
    r->field = value->key;
    if (memchr(value->key.data, 0, value->key.size)) return FAIL(r, "%.*s: the key has a NUL", VIEW_ARGS(value->key));
    if (!string_map_add(&g->value_index, value->key, value - g->values))
        return FAIL(r, "%.*s: the key is there twice", VIEW_ARGS(value->key));
    uint32_t type;
    if (!read_value_type(r, &type)) return false;
    if (type == GGUF_ARRAY) return read_array(r, value, 0);
    value->type = (GgufType)type;
    value->count = 1;
    return need(r, VALUE_BYTES[type]) && read_elements(r, value, 0);
}

// The shape, reversed, and from it the size, with every product checked.
static bool read_shape(Reader *r, GgufTensor *tensor)
{
    uint32_t n_dims, type;
    uint64_t dims[GGUF_MAX_DIMS] = { 0 };
    if (!read_u32(r, &n_dims)) return false;
    if (n_dims < 1 || n_dims > GGUF_MAX_DIMS)
        return FAIL(r, "tensor %.*s: %u dimensions (1 to %d are allowed)", VIEW_ARGS(tensor->name), n_dims,
                    GGUF_MAX_DIMS);
    if (!read_bytes(r, dims, n_dims * sizeof *dims) || !read_u32(r, &type)) return false;
    const GgmlTypeInfo *info = ggml_type_info(type);
    if (!info) return FAIL(r, "tensor %.*s: type %u is unknown here", VIEW_ARGS(tensor->name), type);
    if (dims[0] % info->elements)
        return FAIL(r, "tensor %.*s: rows of %llu elements are no whole %s blocks of %u", VIEW_ARGS(tensor->name),
                    (unsigned long long)dims[0], info->name, info->elements);
    int64_t elements = 1;
    tensor->n_dims = (int)n_dims;
    for (int i = 0; i < GGUF_MAX_DIMS; i++) tensor->shape[i] = 1;
    for (uint32_t i = 0; i < n_dims; i++) {
        if (dims[i] == 0 || dims[i] > INT64_MAX || __builtin_mul_overflow(elements, (int64_t)dims[i], &elements))
            return FAIL(r, "tensor %.*s: dimension %u is %llu", VIEW_ARGS(tensor->name), i,
                        (unsigned long long)dims[i]);
        tensor->shape[n_dims - 1 - i] = (int64_t)dims[i];
    }
    if (__builtin_mul_overflow((size_t)elements / info->elements, info->bytes, &tensor->bytes))
        return FAIL(r, "tensor %.*s: %lld elements are too many", VIEW_ARGS(tensor->name), (long long)elements);
    tensor->type = info->type;
    return true;
}

static bool read_tensor(Reader *r, Gguf *g, GgufTensor *tensor, uint64_t *offset)
{
    r->field = string_view("a tensor's name");
    if (!read_string(r, &tensor->name)) return false;
    if (tensor->name.size == 0 || tensor->name.size > MAX_NAME_BYTES)
        return FAIL(r, "a tensor's name of %zu bytes (1 to %d are allowed)", tensor->name.size, MAX_NAME_BYTES);
    r->field = tensor->name;
    if (memchr(tensor->name.data, 0, tensor->name.size))
        return FAIL(r, "tensor %.*s: the name has a NUL", VIEW_ARGS(tensor->name));
    if (!string_map_add(&g->tensor_index, tensor->name, tensor - g->tensors))
        return FAIL(r, "tensor %.*s: the name is there twice", VIEW_ARGS(tensor->name));
    return read_shape(r, tensor) && read_u64(r, offset);
}

static int compare_addresses(const void *a, const void *b)
{
    const GgufTensor *x = *(GgufTensor *const *)a, *y = *(GgufTensor *const *)b;
    return (x->data > y->data) - (x->data < y->data);
}

static bool check_overlaps(Reader *r, Gguf *g)
{
    GgufTensor **sorted = NEW_ARRAY(GgufTensor *, g->n_tensors);
    for (size_t i = 0; i < g->n_tensors; i++) sorted[i] = &g->tensors[i];
    if (g->n_tensors) qsort(sorted, g->n_tensors, sizeof *sorted, compare_addresses);
    bool ok = true;
    for (size_t i = 1; ok && i < g->n_tensors; i++)
        if (sorted[i - 1]->data + sorted[i - 1]->bytes > sorted[i]->data)
            ok = FAIL(r, "tensors %.*s and %.*s overlap", VIEW_ARGS(sorted[i - 1]->name), VIEW_ARGS(sorted[i]->name));
    free(sorted);
    return ok;
}

static bool place_tensors(Reader *r, Gguf *g, const uint64_t *offsets)
{
    size_t head = (size_t)(r->at - g->map.data), padding = -head & (g->alignment - 1);
    size_t room = padding < left(r) ? left(r) - padding : 0;
    for (size_t i = 0; i < g->n_tensors; i++) {
        GgufTensor *tensor = &g->tensors[i];
        if (offsets[i] % g->alignment)
            return FAIL(r, "tensor %.*s: offset %llu is not a multiple of the alignment %u", VIEW_ARGS(tensor->name),
                        (unsigned long long)offsets[i], g->alignment);
        if (offsets[i] > room || tensor->bytes > room - offsets[i])
            return FAIL(r, "tensor %.*s: %zu bytes at offset %llu, but the file has %zu; it is cut short or damaged",
                        VIEW_ARGS(tensor->name), tensor->bytes, (unsigned long long)offsets[i], room);
        tensor->data = r->at + padding + offsets[i];
    }
    return check_overlaps(r, g);
}

static bool read_alignment(Gguf *g, Error *err)
{
    g->alignment = 32;
    if (!gguf_value(g, "general.alignment")) return true;
    if (!gguf_get_u32(g, "general.alignment", &g->alignment, err)) return false;
    if (g->alignment == 0 || g->alignment & (g->alignment - 1) || g->alignment > MAX_ALIGNMENT)
        return error_set(err, "%s: general.alignment: %u is no power of two up to %d", g->path, g->alignment,
                         MAX_ALIGNMENT);
    return true;
}

// A model cut into files name-00001-of-00003.gguf says so in each; a part alone is no model.
static bool refuse_parts(Gguf *g, Error *err)
{
    uint32_t count = 0, number = 0;
    if (!gguf_value(g, "split.count")) return true;
    if (!gguf_get_u32(g, "split.count", &count, err)) return false;
    if (count <= 1) return true;
    if (gguf_value(g, "split.no") && !gguf_get_u32(g, "split.no", &number, err)) return false;
    return error_set(err,
                     "%s: part %llu of a model that is split into %u files; join them first (llama.cpp's "
                     "llama-gguf-split --merge does)",
                     g->path, number + 1ull, count);
}

static bool read_header(Reader *r, Gguf *g)
{
    uint64_t n_tensors, n_values;
    r->field = string_view("the header");
    if (left(r) < 4 || memcmp(r->at, "GGUF", 4)) return FAIL(r, "not a GGUF file (it doesn't begin with %s)", "GGUF");
    r->at += 4;
    if (!read_u32(r, &g->version)) return false;
    if (g->version == 0x02000000 || g->version == 0x03000000)
        return FAIL(r, "a big-endian GGUF file (version field 0x%08x); convert it to little-endian", g->version);
    if (g->version != 2 && g->version != 3) return FAIL(r, "GGUF version %u; 2 and 3 can be read", g->version);
    if (!read_u64(r, &n_tensors) || !read_u64(r, &n_values)) return false;
    // The smallest entries: a key of 1 byte with a bool, a tensor with a name of 1 byte and 1 dimension.
    if (n_values > left(r) / (8 + 1 + 4 + 1) || n_tensors > left(r) / (8 + 1 + 4 + 8 + 4 + 8))
        return FAIL(r, "%llu metadata entries and %llu tensors don't fit in %zu bytes", (unsigned long long)n_values,
                    (unsigned long long)n_tensors, left(r));
    g->n_values = (size_t)n_values;
    g->n_tensors = (size_t)n_tensors;
    return true;
}

static bool read_all(Reader *r, Gguf *g)
{
    if (!read_header(r, g)) return false;
    g->values = NEW_ARRAY(GgufValue, g->n_values);
    g->tensors = NEW_ARRAY(GgufTensor, g->n_tensors);
    for (size_t i = 0; i < g->n_values; i++)
        if (!read_value(r, g, &g->values[i])) return false;
    if (!read_alignment(g, r->err) || !refuse_parts(g, r->err)) return false;
    uint64_t *offsets = NEW_ARRAY(uint64_t, g->n_tensors);
    bool ok = true;
    for (size_t i = 0; ok && i < g->n_tensors; i++) ok = read_tensor(r, g, &g->tensors[i], &offsets[i]);
    ok = ok && place_tensors(r, g, offsets);
    free(offsets);
    return ok;
}

static Gguf *read_gguf(Gguf *g, const uint8_t *data, size_t size, Error *err)
{
    g->map.data = data;
    Reader reader = { data, data + size, g->path, { 0 }, err };
    if (read_all(&reader, g)) return g;
    gguf_close(g);
    return NULL;
}

Gguf *gguf_open_memory(const void *data, size_t size, const char *name, Error *err)
{
    Gguf *g = NEW(Gguf);
    g->path = mem_string(name);
    return read_gguf(g, data, size, err);
}

bool gguf_is(const char *path)
{
    char magic[4] = "";
    FILE *stream = dir_exists(path) ? NULL : fopen(path, "rbe");
    bool is = stream && fread(magic, 1, 4, stream) == 4 && !memcmp(magic, "GGUF", 4);
    if (stream) fclose(stream);
    return is;
}

Gguf *gguf_open(const char *path, Error *err)
{
    FileMap map;
    if (!file_map(path, &map, err)) return NULL;
    Gguf *g = NEW(Gguf);
    g->path = mem_string(path);
    g->map = map;
    return read_gguf(g, map.data, map.size, err);
}

void gguf_close(Gguf *g)
{
    if (!g) return;
    for (size_t i = 0; g->values && i < g->n_values; i++) free(g->values[i].strings);
    free(g->values);
    free(g->tensors);
    string_map_free(&g->value_index);
    string_map_free(&g->tensor_index);
    file_unmap(&g->map); // nothing to do for memory: its size is 0
    free(g->path);
    free(g);
}

const GgufTensor *gguf_tensor(const Gguf *g, const char *name)
{
    const int64_t *index = string_map_find(&g->tensor_index, string_view(name));
    return index ? &g->tensors[*index] : NULL;
}

const GgufValue *gguf_value(const Gguf *g, const char *key)
{
    const int64_t *index = string_map_find(&g->value_index, string_view(key));
    return index ? &g->values[*index] : NULL;
}
