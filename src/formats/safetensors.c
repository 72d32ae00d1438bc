// The reader. Each file's header is parsed and checked as a whole; later calls trust the list that it leaves.
#include "formats/safetensors.h"
#include "base/memory.h"
#include "formats/json_file.h"
#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's numbers are read as they lie");

enum {
    MAX_HEADER_BYTES = 16 << 20, // some 100,000 tensors; parsed JSON takes several times its text
    MAX_NAME_BYTES = 1024,
};

static const SafetensorsType TYPES[] = {
    { "F32", 4, true, GGML_F32 }, { "F16", 2, true, GGML_F16 }, { "BF16", 2, true, GGML_BF16 }, { "F64", 8, false, 0 },
    { "I64", 8, false, 0 },       { "U64", 8, false, 0 },       { "I32", 4, false, 0 },         { "U32", 4, false, 0 },
    { "I16", 2, false, 0 },       { "U16", 2, false, 0 },       { "I8", 1, false, 0 },          { "U8", 1, false, 0 },
    { "BOOL", 1, false, 0 },      { "F8_E4M3", 1, false, 0 },   { "F8_E5M2", 1, false, 0 },
};

const SafetensorsType *safetensors_type(StringView name)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (string_view_equal(string_view(TYPES[i].name), name)) return &TYPES[i];
    return NULL;
}

typedef struct Reader {
    Safetensors *s;
    const char *path;      // of the file being read
    const uint8_t *data;   // the tensors' bytes
    size_t bytes;          // of them
    SafetensorsTensor *at; // the tensor being read
    Error *err;
} Reader;

#define FAIL(reader, format, ...) (error_set((reader)->err, "%s: " format, (reader)->path, __VA_ARGS__), false)
#define FAIL_TENSOR(reader, format, ...) \
    FAIL(reader, "tensor %.*s: " format, VIEW_ARGS((reader)->at->name), __VA_ARGS__)

static bool read_type(Reader *r, const json_t *entry)
{
    const json_t *dtype = json_object_get(entry, "dtype");
    if (!json_is_string(dtype)) return FAIL_TENSOR(r, "%s", "it has no \"dtype\"");
    StringView name = { json_string_value(dtype), json_string_length(dtype) };
    r->at->type = safetensors_type(name);
    return r->at->type || FAIL_TENSOR(r, "the dtype %.*s is not known", VIEW_ARGS(name));
}

// The shape, and from it the size, with every product checked.
static bool read_shape(Reader *r, const json_t *entry)
{
    const json_t *shape = json_object_get(entry, "shape");
    SafetensorsTensor *t = r->at;
    if (!json_is_array(shape)) return FAIL_TENSOR(r, "%s", "it has no \"shape\"");
    if (json_array_size(shape) > SAFETENSORS_MAX_DIMS)
        return FAIL_TENSOR(r, "%zu dimensions (%d are allowed)", json_array_size(shape), SAFETENSORS_MAX_DIMS);
    t->n_dims = (int)json_array_size(shape);
    t->bytes = t->type->bytes;
    for (int i = 0; i < SAFETENSORS_MAX_DIMS; i++) t->shape[i] = 1;
    for (int i = 0; i < t->n_dims; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dim)) return FAIL_TENSOR(r, "dimension %d is no whole number", i);
        t->shape[i] = json_integer_value(dim);
        if (t->shape[i] < 0) return FAIL_TENSOR(r, "dimension %d is %lld", i, (long long)t->shape[i]);
        if (__builtin_mul_overflow(t->bytes, (uint64_t)t->shape[i], &t->bytes) || t->bytes > INT64_MAX)
            return FAIL_TENSOR(r, "dimension %d is %lld: too large", i, (long long)t->shape[i]);
    }
    return true;
}

static bool read_offsets(Reader *r, const json_t *entry)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return FAIL_TENSOR(r, "%s", "its \"data_offsets\" are not two whole numbers");
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > r->bytes)
        return FAIL_TENSOR(r, "bytes %lld to %lld, but the file has %zu; it is cut short or damaged", (long long)begin,
                           (long long)end, r->bytes);
    if ((uint64_t)(end - begin) != r->at->bytes)
        return FAIL_TENSOR(r, "its shape takes %zu bytes, but bytes %lld to %lld are given", r->at->bytes,
                           (long long)begin, (long long)end);
    r->at->data = r->data + begin;
    return true;
}

static bool read_tensor(Reader *r, const char *name, const json_t *entry)
{
    SafetensorsTensor tensor = { .name = string_view(name), .file = r->s->n_files - 1 };
    r->at = &tensor;
    if (tensor.name.size == 0 || tensor.name.size > MAX_NAME_BYTES)
        return FAIL(r, "a tensor's name of %zu bytes (1 to %d are allowed)", tensor.name.size, MAX_NAME_BYTES);
    if (!json_is_object(entry)) return FAIL_TENSOR(r, "%s", "its entry is no JSON object");
    Safetensors *s = r->s;
    if (!read_type(r, entry) || !read_shape(r, entry) || !read_offsets(r, entry)) return false;
    GROW(s->tensors, s->n_tensors, s->tensor_capacity);
    s->tensors[s->n_tensors++] = tensor;
    return true;
}

static bool read_metadata(Reader *r, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) return FAIL(r, "%s is no JSON object", "__metadata__");
    json_object_foreach(metadata, key, value)
    {
        StringView name = string_view(key);
        if (!json_is_string(value)) return FAIL(r, "__metadata__: the value of %.*s is no text", VIEW_ARGS(name));
    }
    if (r->s->n_files == 1) r->s->metadata = metadata;
    return true;
}

static int compare_offsets(const void *a, const void *b)
{
    const SafetensorsTensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); // empty ones before what starts there too
}

// Sorts a file's tensors, from `first` on, and sees that they follow each other from the first byte to the last.
static bool check_layout(Reader *r, size_t first)
{
    Safetensors *s = r->s;
    const uint8_t *end = r->data;
    size_t n = s->n_tensors - first;
    if (n) qsort(s->tensors + first, n, sizeof *s->tensors, compare_offsets);
    for (size_t i = first; i < s->n_tensors; i++) {
        r->at = &s->tensors[i];
        if (r->at->data < end)
            return FAIL_TENSOR(r, "it begins at byte %td, inside tensor %.*s", r->at->data - r->data,
                               VIEW_ARGS(s->tensors[i - 1].name));
        if (r->at->data > end) return FAIL_TENSOR(r, "%td bytes before it belong to no tensor", r->at->data - end);
        end = r->at->data + r->at->bytes;
    }
    size_t rest = r->bytes - (size_t)(end - r->data);
    return rest == 0 || FAIL(r, "the last %zu bytes belong to no tensor", rest);
}

static bool parse_header(Reader *r, const uint8_t *data, size_t size, json_t **header)
{
    uint64_t length;
    if (size < sizeof length) return FAIL(r, "not a safetensors file (it has %zu bytes)", size);
    memcpy(&length, data, sizeof length);
    size -= sizeof length;
    if (length > size)
        return FAIL(r, "a header of %llu bytes, but the file has %zu; it is cut short, or no safetensors file",
                    (unsigned long long)length, size);
    if (length > MAX_HEADER_BYTES)
        return FAIL(r, "a header of %llu bytes (at most %d are read)", (unsigned long long)length, MAX_HEADER_BYTES);
    const char *text = (const char *)data + sizeof length;
    if (length == 0 || text[0] != '{') return FAIL(r, "not a safetensors file (its header doesn't begin with %c)", '{');
    json_error_t error;
    *header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!*header) return FAIL(r, "its header is no JSON object: %s at byte %d", error.text, error.position);
    r->data = (const uint8_t *)text + length;
    r->bytes = size - (size_t)length;
    return true;
}

// Adds the tensors of one file, whose bytes are mapped, to the list.
static bool read_file(Safetensors *s, SafetensorsFile *file, Error *err)
{
    Reader r = { .s = s, .path = file->path, .err = err };
    const char *name;
    json_t *entry;
    size_t first = s->n_tensors;
    if (!parse_header(&r, file->map.data, file->map.size, &file->header)) return false;
    json_object_foreach(file->header, name,
                        entry) if (!(strcmp(name, "__metadata__") ? read_tensor(&r, name, entry)
                                                                  : read_metadata(&r, entry))) return false;
    if (!check_layout(&r, first)) return false;
    for (size_t i = first; i < s->n_tensors; i++)
        if (!string_map_add(&s->index, s->tensors[i].name, (int64_t)i))
            return FAIL(&r, "tensor %.*s is in another of the model's files too", VIEW_ARGS(s->tensors[i].name));
    return true;
}

static SafetensorsFile *add_file(Safetensors *s, const char *path)
{
    GROW(s->files, s->n_files, s->file_capacity);
    s->files[s->n_files] = (SafetensorsFile){ .path = mem_string(path) };
    return &s->files[s->n_files++];
}

static bool open_file(Safetensors *s, const char *path, Error *err)
{
    SafetensorsFile *file = add_file(s, path);
    return file_map(path, &file->map, err) && read_file(s, file, err);
}

// ---- Shards --------------------------------------------------------------------------------------------------------

// A shard is a file beside its index: no other folder is reached through it.
static bool is_plain_name(StringView name)
{
    return name.size > 0 && name.size < 256 && name.data[0] != '.' && !memchr(name.data, '/', name.size);
}

// weight_map: { tensor: file }. Opens every file once, then looks for each tensor in the one that it was promised in.
static bool read_weight_map(Safetensors *s, const char *path, json_t *weights, Error *err)
{
    const char *tensor;
    json_t *file;
    StringMap shards = { 0 }; // file → number
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_string_n(path, (size_t)(slash - path) + 1) : mem_string("");
    bool ok = true;
    json_object_foreach(weights, tensor, file)
    {
        StringView name = { json_string_value(file), json_string_length(file) };
        if (!json_is_string(file) || !is_plain_name(name))
            ok = error_set(err, "%s: weight_map: %.200s is not in a file of the same folder", path, tensor);
        else if (string_map_add(&shards, name, (int64_t)s->n_files)) {
            char *shard = mem_format("%s%s", folder, name.data);
            ok = open_file(s, shard, err);
            free(shard);
        }
        if (!ok) break;
    }
    if (ok) json_object_foreach(weights, tensor, file)
        {
            const SafetensorsTensor *found = safetensors_tensor(s, tensor);
            const StringView name = { json_string_value(file), json_string_length(file) };
            const FileMap *map = &s->files[*string_map_find(&shards, name)].map;
            if (!found || found->data < map->data || found->data > map->data + map->size)
                ok = error_set(err, "%s: weight_map: tensor %.200s is not in %.200s", path, tensor, name.data);
            if (!ok) break;
        }
    string_map_free(&shards);
    free(folder);
    return ok;
}

static bool open_index(Safetensors *s, const char *path, Error *err)
{
    json_t *root = json_file_read(path, err), *weights = json_object_get(root, "weight_map");
    bool ok = root && (json_object_size(weights) > 0 || error_set(err, "%s: there is no \"weight_map\" in it", path)) &&
              read_weight_map(s, path, weights, err);
    json_decref(root);
    return ok;
}

// ---- Opening -------------------------------------------------------------------------------------------------------

static bool open_folder(Safetensors *s, const char *path, Error *err)
{
    char *single = path_join(path, "model.safetensors"), *index = path_join(path, "model.safetensors.index.json");
    bool ok = file_exists(single) ? open_file(s, single, err)
              : file_exists(index)
                  ? open_index(s, index, err)
                  : error_set(err, "%s: no model.safetensors and no index of one in this folder", path);
    free(single);
    free(index);
    return ok;
}

static bool ends_in(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && !strcmp(text + n - m, tail);
}

Safetensors *safetensors_open(const char *path, Error *err)
{
    Safetensors *s = NEW(Safetensors);
    s->path = mem_string(path);
    if (dir_exists(path)         ? open_folder(s, path, err)
        : ends_in(path, ".json") ? open_index(s, path, err)
                                 : open_file(s, path, err))
        return s;
    safetensors_close(s);
    return NULL;
}

Safetensors *safetensors_open_memory(const void *data, size_t size, const char *name, Error *err)
{
    Safetensors *s = NEW(Safetensors);
    s->path = mem_string(name);
    SafetensorsFile *file = add_file(s, name);
    file->map = (FileMap){ data, size };
    bool ok = read_file(s, file, err);
    file->map.size = 0; // not ours to unmap
    if (ok) return s;
    safetensors_close(s);
    return NULL;
}

void safetensors_close(Safetensors *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_files; i++) {
        json_decref(s->files[i].header);
        file_unmap(&s->files[i].map);
        free(s->files[i].path);
    }
    free(s->files);
    free(s->tensors);
    string_map_free(&s->index);
    free(s->path);
    free(s);
}

const SafetensorsTensor *safetensors_tensor(const Safetensors *s, const char *name)
{
    const int64_t *index = string_map_find(&s->index, string_view(name));
    return index ? &s->tensors[*index] : NULL;
}
