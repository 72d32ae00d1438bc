// GGUF, the file of llama.cpp and its relatives: metadata (keys with typed values), then tensors. Little-endian.
// Reader of versions 2 and 3, writer of version 3. Source: the GGUF specification in ggml's docs/gguf.md.
//
//   "GGUF" u32 version  u64 n_tensors  u64 n_values
//   n_values  × { string key, u32 type, value }            string: u64 bytes, then the bytes
//   n_tensors × { string name, u32 n_dims, u64 dims[n_dims] innermost first, u32 type, u64 offset }
//   padding to general.alignment (32), then each tensor's bytes at its offset from here
#pragma once
#include "base/error.h"
#include "base/file.h"
#include "base/string_map.h"
#include "base/string_view.h"
#include "formats/byte_source.h"
#include "formats/quants.h"
#include <stddef.h>
#include <stdint.h>

enum { GGUF_MAX_DIMS = 4 };

typedef struct GgufTensor {
    StringView name;
    GgmlType type;
    int n_dims;
    int64_t shape[GGUF_MAX_DIMS]; // outermost first: a weight is [out, in] (the file has the reverse); 1 after n_dims
    const uint8_t *data;          // in the mapped file, aligned as the file is (32 bytes as a rule)
    size_t bytes;
} GgufTensor;

typedef enum GgufType {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
} GgufType;

// One entry of the metadata.
typedef struct GgufValue {
    StringView key;
    GgufType type; // of the value; of the elements where is_array
    bool is_array;
    size_t count;        // elements; 1 for a scalar
    const uint8_t *data; // the elements as they lie in the file, not aligned
    size_t bytes;        // of them
    StringView *strings; // the elements where type is GGUF_STRING
} GgufValue;

typedef struct Gguf {
    char *path;
    uint32_t version, alignment;
    size_t n_values, n_tensors;
    GgufValue *values;   // in the file's order
    GgufTensor *tensors; // in the file's order
    FileMap map;
    StringMap value_index, tensor_index;
} Gguf;

bool gguf_is(const char *path); // a file that begins as GGUF does

// Maps and checks the whole of a file's structure: magic, version, counts, lengths, types, nesting, alignment,
// duplicate keys and names, shapes, offsets and overlaps. Everything in the result lies inside the file. NULL and one
// line naming file, field and value when anything is wrong. The file must not shrink while it is open (see file.h).
Gguf *gguf_open(const char *path, Error *err);

// The same of bytes in memory, which outlive the result; `name` stands for the path in messages.
Gguf *gguf_open_memory(const void *data, size_t size, const char *name, Error *err);
void gguf_close(Gguf *gguf);

const GgufTensor *gguf_tensor(const Gguf *gguf, const char *name); // NULL when there is none
const GgufValue *gguf_value(const Gguf *gguf, const char *key);    // NULL when there is none

// A key's value; false and an error naming file and key when it is missing, of another type or out of range. Integers
// of any width and sign are accepted where the value fits. Views point into the file.
bool gguf_get_string(const Gguf *gguf, const char *key, StringView *value, Error *err);
bool gguf_get_u32(const Gguf *gguf, const char *key, uint32_t *value, Error *err);
bool gguf_get_u64(const Gguf *gguf, const char *key, uint64_t *value, Error *err);
bool gguf_get_i32(const Gguf *gguf, const char *key, int32_t *value, Error *err);
bool gguf_get_f32(const Gguf *gguf, const char *key, float *value, Error *err); // f64 too, rounded
bool gguf_get_bool(const Gguf *gguf, const char *key, bool *value, Error *err);

// Arrays. The strings belong to the Gguf; the numbers are copied (the file's are not aligned) and the caller frees them.
bool gguf_get_strings(const Gguf *gguf, const char *key, const StringView **values, size_t *count, Error *err);
bool gguf_get_i32s(const Gguf *gguf, const char *key, int32_t **values, size_t *count, Error *err);
bool gguf_get_f32s(const Gguf *gguf, const char *key, float **values, size_t *count, Error *err);

// --- Writing -------------------------------------------------------------------------------------------------------

// Collects metadata and tensors; nothing touches the disk before gguf_writer_save. Keys and names are copied. A key or
// name given twice is a caller's mistake.
typedef struct GgufWriter GgufWriter;

GgufWriter *gguf_writer_new(void);
void gguf_writer_free(GgufWriter *writer);

void gguf_put_string(GgufWriter *writer, const char *key, StringView value);
void gguf_put_u32(GgufWriter *writer, const char *key, uint32_t value);
void gguf_put_u64(GgufWriter *writer, const char *key, uint64_t value);
void gguf_put_f32(GgufWriter *writer, const char *key, float value);
void gguf_put_bool(GgufWriter *writer, const char *key, bool value);
void gguf_put_strings(GgufWriter *writer, const char *key, const StringView *values, size_t count);
void gguf_put_i32s(GgufWriter *writer, const char *key, const int32_t *values, size_t count);
void gguf_put_f32s(GgufWriter *writer, const char *key, const float *values, size_t count);

// A value of another file, of any type, under its key.
void gguf_put_value(GgufWriter *writer, const GgufValue *value);

// A tensor of `shape` (outermost first, 1 … 4 dimensions). Its bytes are asked for during the save, or lie at `data`
// until then.
void gguf_put_tensor(GgufWriter *writer, const char *name, GgmlType type, int n_dims, const int64_t *shape,
                     ByteSource source, void *user);
void gguf_put_tensor_data(GgufWriter *writer, const char *name, GgmlType type, int n_dims, const int64_t *shape,
                          const void *data);

// Writes the file whole or not at all: on a full disk, or when a source gives up, what was at `path` stays.
bool gguf_writer_save(GgufWriter *writer, const char *path, Error *err);
