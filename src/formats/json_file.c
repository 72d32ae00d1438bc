#include "formats/json_file.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_file_parse(const void *text, size_t size, const char *name, Error *err)
{
    json_error_t where;
    if (size > JSON_FILE_BYTES)
        return error_set(err, "%s: it has %zu bytes; at most %d are read", name, size, JSON_FILE_BYTES), NULL;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!root) return error_set(err, "%s: line %d: %s", name, where.line, where.text), NULL;
    if (json_is_object(root)) return root;
    json_decref(root);
    return error_set(err, "%s: line 1: it does not start with {", name), NULL;
}

json_t *json_file_read(const char *path, Error *err)
{
    FileMap map;
    if (!file_map(path, &map, err)) return NULL;
    json_t *root = json_file_parse(map.data, map.size, path, err);
    file_unmap(&map);
    return root;
}

bool json_file_write(const char *folder, const char *name, const json_t *json, Error *err)
{
    char *path = path_join(folder, name), *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    CHECK(text, "json_file_write: %s is no object or list", path);
    bool ok = file_write(path, text, strlen(text), err);
    free(text);
    free(path);
    return ok;
}

JsonQuote json_quote(const json_t *value)
{
    JsonQuote quote;
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    int most = (int)sizeof quote.text - 8, length = snprintf(quote.text, sizeof quote.text, "%.*s", most, text);
    if (text[length]) snprintf(quote.text + length, 8, "…");
    free(text);
    return quote;
}
