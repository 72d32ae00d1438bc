// ZIP archives, enough for Python wheels: entries that are stored or deflated, one volume, up to 4 GiB. Source: PKWARE's
// APPNOTE.TXT, §4.3.
//
//   entries       × { "PK\3\4", 26 bytes, name, extra field, data }
//   the directory × { "PK\1\2", 42 bytes, name, extra field, comment }
//   "PK\5\6", 18 bytes that say where the directory is, comment
#pragma once
#include "base/error.h"
#include "base/file.h"
#include "base/string_view.h"
#include <stddef.h>
#include <stdint.h>

typedef struct ZipEntry {
    StringView name;
    size_t bytes;        // unpacked, as the directory says
    const uint8_t *data; // packed
    size_t packed_bytes;
    uint32_t crc;
    bool deflated;
} ZipEntry;

typedef struct Zip {
    char *path;
    FileMap map;
    ZipEntry *entries;
    size_t count;
} Zip;

// Maps and checks an archive's structure. Refused: what is encrypted, split into volumes, of ZIP64 or of another method;
// an entry that does not lie before the directory, and one whose own header has another name. Names are not checked
// otherwise: they may hold "..": whoever unpacks chooses where to. NULL and one line when anything is wrong.
Zip *zip_open(const char *path, Error *err);
Zip *zip_open_memory(const void *data, size_t size, const char *name, Error *err); // the bytes outlive the result
void zip_close(Zip *zip);

// The entry of a name; NULL when there is none, or more than one.
const ZipEntry *zip_entry(const Zip *zip, const char *name);

// Unpacks an entry piece by piece. Never more than entry->bytes; false when it gives fewer or would give more, when the
// checksum differs, and when `write` returns false.
typedef bool (*ZipWrite)(void *user, const void *data, size_t size, Error *err);
bool zip_unpack(const Zip *zip, const ZipEntry *entry, ZipWrite write, void *user, Error *err);
