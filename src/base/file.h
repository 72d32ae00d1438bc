// Files and folders. Paths are UTF-8; every error names the path and what the system said.
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// A file's bytes, mapped read-only. An empty file has data "" and size 0. Regular files only. While it is open the
// file may still shrink under us on a hostile machine: readers of checkpoints copy what they keep.
typedef struct FileMap {
    const uint8_t *data;
    size_t size;
} FileMap;

bool file_map(const char *path, FileMap *map, Error *err);
void file_unmap(FileMap *map);

// The whole file in one buffer of size + 1 bytes, ending in a 0; the caller frees it. Pipes too.
char *file_read(const char *path, size_t *size, Error *err);

// Writes beside the target and renames over it once flushed to the disk: after a crash at any moment the target holds
// the old bytes or the new ones. `file_write_begin` removes what killed processes left of it and opens file_part(path);
// commit flushes, syncs and renames; abandon removes it.
typedef struct FileWriter {
    FILE *stream;
    char *path, *part;
} FileWriter;

bool file_write_begin(FileWriter *writer, const char *path, Error *err);
bool file_write_commit(FileWriter *writer, Error *err);
void file_write_abandon(FileWriter *writer);
bool file_write(const char *path, const void *data, size_t size, Error *err); // all of it in one call

char *file_part(const char *path); // "path.lectern-1234.part", of this process alone; the caller frees it

// Removes the parts of `path` that nobody writes any more. Whoever writes one holds a lock on it (flock), which goes with
// the process; where the file system has no locks, they stay.
void file_remove_parts(const char *path);

bool file_exists(const char *path);
bool dir_exists(const char *path);
bool dir_create(const char *path, Error *err);         // with its parents; no error if it is there
bool dir_sync(const char *path, Error *err);           // renames in it reach the disk
bool dir_remove(const char *path, Error *err);         // with the files in it (one level); of a link, only the link
bool dir_remove_tree(const char *path, Error *err);    // with all that is in it; links are not followed
char *path_join(const char *folder, const char *name); // the caller frees it
char *cache_dir(Error *err);                           // $XDG_CACHE_HOME/lectern or ~/.cache/lectern, created
