#include "base/file.h"
#include "base/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(Error *err, const char *path, const char *doing)
{
    return error_set(err, "%s: %s: %s", path, doing, strerror(errno));
}

bool file_map(const char *path, FileMap *map, Error *err)
{
    *map = (FileMap){ .data = (const uint8_t *)"" };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe's open would wait for its writer
    if (fd < 0) return fail(err, path, "cannot open");
    struct stat info;
    bool ok = fstat(fd, &info) == 0 || fail(err, path, "cannot read");
    if (ok && !S_ISREG(info.st_mode))
        ok = error_set(err, "%s: is %s, not a file", path, S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    if (ok && info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            ok = fail(err, path, "cannot map");
        else
            *map = (FileMap){ data, (size_t)info.st_size };
    }
    close(fd);
    return ok;
}

void file_unmap(FileMap *map)
{
    if (map->size) munmap((void *)map->data, map->size);
    *map = (FileMap){ .data = (const uint8_t *)"" };
}

char *file_read(const char *path, size_t *size, Error *err)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream) return fail(err, path, "cannot open"), NULL;
    char *data = NULL;
    size_t used = 0, capacity = 0;
    do {
        if (capacity - used < 4096) data = mem_resize(data, capacity = capacity ? 2 * capacity : 65536, 1);
        used += fread(data + used, 1, capacity - used - 1, stream);
    } while (!feof(stream) && !ferror(stream));
    bool bad = ferror(stream);
    if (bad) fail(err, path, "cannot read");
    fclose(stream);
    if (bad) return free(data), NULL;
    data[used] = '\0';
    *size = used;
    return data;
}

#define PART_MARK ".lectern-"

char *file_part(const char *path) { return mem_format("%s" PART_MARK "%ld.part", path, (long)getpid()); }

static bool is_part(const char *entry, const char *name)
{
    size_t length = strlen(name), mark = strlen(PART_MARK);
    if (strncmp(entry, name, length) != 0 || strncmp(entry + length, PART_MARK, mark) != 0) return false;
    const char *process = entry + length + mark;
    size_t digits = strspn(process, "0123456789");
    return digits > 0 && !strcmp(process + digits, ".part");
}

void file_remove_parts(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash ? mem_string_n(path, (size_t)(slash - path) + 1) : mem_string(".");
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_part(entry->d_name, name)) continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) unlinkat(dirfd(dir), entry->d_name, 0);
        if (fd >= 0) close(fd);
    }
    if (dir) closedir(dir);
    free(folder);
}

// Locked; and anew, where another process took it for a left one before it was.
static FILE *open_part(const char *part)
{
    for (;;) {
        FILE *stream = fopen(part, "wbe");
        if (!stream) return NULL;
        while (flock(fileno(stream), LOCK_SH) != 0 && errno == EINTR) continue;
        if (file_exists(part)) return stream;
        fclose(stream);
    }
}

bool file_write_begin(FileWriter *writer, const char *path, Error *err)
{
    // A link's target is replaced, not the link; a device or pipe is written to as it is.
    char *target = realpath(path, NULL);
    struct stat info;
    bool special = target && stat(target, &info) == 0 && !S_ISREG(info.st_mode);
    *writer = (FileWriter){ .path = mem_string(target ? target : path) };
    if (!special) writer->part = file_part(writer->path);
    free(target);
    if (writer->part) file_remove_parts(writer->path);
    writer->stream = writer->part ? open_part(writer->part) : fopen(writer->path, "wbe");
    if (writer->stream) return true;
    fail(err, path, "cannot write");
    file_write_abandon(writer);
    return false;
}

bool file_write_commit(FileWriter *writer, Error *err)
{
    bool ok =
        !ferror(writer->stream) && fflush(writer->stream) == 0 && (!writer->part || fsync(fileno(writer->stream)) == 0);
    if (!ok) fail(err, writer->path, "cannot write");
    if (fclose(writer->stream) != 0 && ok) ok = fail(err, writer->path, "cannot write");
    writer->stream = NULL;
    if (ok && writer->part && rename(writer->part, writer->path) != 0)
        ok = fail(err, writer->path, "cannot rename onto it");
    if (ok) {
        free(writer->part);
        writer->part = NULL;
    }
    file_write_abandon(writer);
    return ok;
}

void file_write_abandon(FileWriter *writer)
{
    if (writer->stream) fclose(writer->stream);
    if (writer->part) unlink(writer->part);
    free(writer->part);
    free(writer->path);
    *writer = (FileWriter){ 0 };
}

bool file_write(const char *path, const void *data, size_t size, Error *err)
{
    FileWriter writer;
    if (!file_write_begin(&writer, path, err)) return false;
    fwrite(data, 1, size, writer.stream);
    return file_write_commit(&writer, err);
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

bool dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool dir_create(const char *path, Error *err)
{
    char *copy = mem_string(path);
    for (char *slash = copy + 1; *slash; slash++)
        if (*slash == '/') {
            *slash = '\0';
            mkdir(copy, 0777);
            *slash = '/';
        }
    free(copy);
    if (mkdir(path, 0777) == 0) return true;
    int cause = errno;
    if (dir_exists(path)) return true;
    errno = cause;
    return fail(err, path, "cannot create the folder");
}

bool dir_sync(const char *path, Error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(err, path, "cannot open the folder");
    bool ok = fsync(fd) == 0 || errno == EINVAL || fail(err, path, "cannot flush the folder");
    close(fd);
    return ok;
}

bool dir_remove(const char *path, Error *err)
{
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
        return unlink(path) == 0 || fail(err, path, "cannot remove the link");
    DIR *dir = opendir(path);
    if (!dir) return fail(err, path, "cannot open the folder");
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        ok = unlinkat(dirfd(dir), entry->d_name, 0) == 0 || fail(err, path, "cannot empty the folder");
    }
    closedir(dir);
    return ok && (rmdir(path) == 0 || fail(err, path, "cannot remove the folder"));
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

bool dir_remove_tree(const char *path, Error *err)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || fail(err, path, "cannot remove the folder");
}

char *path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    return mem_format("%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
}

char *cache_dir(Error *err)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (base && base[0] == '/')
        path = path_join(base, "lectern");
    else if (home && home[0] == '/')
        path = path_join(home, ".cache/lectern");
    else
        return error_set(err, "no cache folder: neither XDG_CACHE_HOME nor HOME is set"), NULL;
    if (dir_create(path, err)) return path;
    free(path);
    return NULL;
}
