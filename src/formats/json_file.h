// JSON files that a user may have edited or a stranger made.
#pragma once
#include "base/error.h"
#include <jansson.h>

enum { JSON_FILE_BYTES = 64 << 20 }; // at most: the largest tokenizer.json has half of it

// The object in a regular file, no key of which is there twice. NULL and an error naming the file, with the line where
// it is no JSON.
json_t *json_file_read(const char *path, Error *err);

// The same of bytes in memory; `name` stands for the path in messages.
json_t *json_file_parse(const void *text, size_t size, const char *name, Error *err);

// Writes folder/name, whole or not at all.
bool json_file_write(const char *folder, const char *name, const json_t *json, Error *err);

// A value as messages quote it: on one line, in ASCII, cut where it is long.
typedef struct JsonQuote {
    char text[72];
} JsonQuote;
JsonQuote json_quote(const json_t *value);
