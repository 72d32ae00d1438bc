// safetensors, the file of Hugging Face's models. Little-endian. Source: the format's description in the README of
// huggingface/safetensors.
//
//   u64 bytes of the header
//   the header: a JSON object { name: { "dtype": "F32", "shape": [out, in], "data_offsets": [begin, end] }, … }, with an
//   optional "__metadata__": { text: text }, followed by spaces
//   the tensors' bytes, at their offsets from here, without holes: every byte belongs to one tensor
//
// A large model is cut into shards; its model.safetensors.index.json says which tensor is in which file.
#pragma once
#include "base/error.h"
#include "base/file.h"
#include "base/string_map.h"
#include "base/string_view.h"
#include "formats/byte_source.h"
#include "formats/quants.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SafetensorsType {
    const char *name; // "BF16"
    uint32_t bytes;   // of an element
    bool readable;    // as one of ggml's types
    GgmlType ggml;
} SafetensorsType;

const SafetensorsType *safetensors_type(StringView name); // NULL for a type that isn't known

enum { SAFETENSORS_MAX_DIMS = 8 };

typedef struct SafetensorsTensor {
    StringView name;
    const SafetensorsType *type;
    int n_dims;                          // 0 for a single number
    int64_t shape[SAFETENSORS_MAX_DIMS]; // outermost first; 1 after n_dims; a dimension may be 0
    const uint8_t *data;                 // in the mapped file, not necessarily aligned
    size_t bytes;
    size_t file; // index of the file
} SafetensorsTensor;

typedef struct SafetensorsFile {
    char *path;
    FileMap map;
    json_t *header; // holds the names
} SafetensorsFile;

typedef struct Safetensors {
    char *path;
    SafetensorsFile *files; // one, or the shards
    size_t n_files, n_tensors;
    SafetensorsTensor *tensors; // by file and offset
    const json_t *metadata;     // of the first file, an object of strings; NULL when there is none
    StringMap index;
    size_t file_capacity, tensor_capacity;
} Safetensors;

// Opens a file, the index of a sharded model (a file that ends in .json), or a model's folder with either in it
// ("model.safetensors" first). Maps and checks the whole structure: the header's length and JSON, duplicate names, types,
// shapes, offsets, overlaps and holes, shards' names (files of the same folder) and that each has what the index promises.
// Everything in the result lies inside the files. NULL and one line naming file, tensor and value when anything is wrong.
// The files must not shrink while they are open (see file.h).
Safetensors *safetensors_open(const char *path, Error *err);

// One file's bytes in memory, which outlive the result; `name` stands for the path in messages.
Safetensors *safetensors_open_memory(const void *data, size_t size, const char *name, Error *err);
void safetensors_close(Safetensors *s);

const SafetensorsTensor *safetensors_tensor(const Safetensors *s, const char *name); // NULL when there is none

// --- Writing -------------------------------------------------------------------------------------------------------

// Collects tensors; nothing touches the disk before safetensors_writer_save. Names and texts are copied. A name given
// twice is a caller's mistake.
typedef struct SafetensorsWriter SafetensorsWriter;

SafetensorsWriter *safetensors_writer_new(void);
void safetensors_writer_free(SafetensorsWriter *writer);

void safetensors_put_metadata(SafetensorsWriter *writer, const char *key, const char *value);

// A tensor of `shape` (outermost first), in F32, F16 or BF16. Its bytes are asked for during the save, or lie at `data`
// until then.
void safetensors_put_tensor(SafetensorsWriter *writer, const char *name, GgmlType type, int n_dims,
                            const int64_t *shape, ByteSource source, void *user);
void safetensors_put_tensor_data(SafetensorsWriter *writer, const char *name, GgmlType type, int n_dims,
                                 const int64_t *shape, const void *data);

// Writes the file whole or not at all: on a full disk, or when a source gives up, what was at `path` stays. The first
// tensor begins at a multiple of 64 bytes.
bool safetensors_writer_save(SafetensorsWriter *writer, const char *path, Error *err);
