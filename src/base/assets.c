#include "base/assets.h"
#include "base/file.h"
#include "base/memory.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The folder of the running program, or "".
static const char *program_folder(char path[static PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(path, '/');
    if (slash) *slash = '\0';
    return path;
}

// The model of a training run's folder; a folder that is none stays itself.
static char *model_in(const char *folder)
{
    static const char *const names[] = { "best.gguf", "model.gguf" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path = path_join(folder, names[i]);
        if (file_exists(path)) return path;
        free(path);
    }
    return mem_string(folder);
}

char *asset_find(const char *name, Error *err)
{
    if (dir_exists(name)) return model_in(name);
    if (file_exists(name) || errno == EACCES) return mem_string(name); // whoever opens it says why it cannot
    char program[PATH_MAX], *beside = path_join(program_folder(program), "assets"), *found = NULL;
    const char *const folders[] = { getenv("LECTERN_ASSETS"), LECTERN_SOURCE "/assets", beside };
    for (size_t i = 0; i < COUNT_OF(folders) && !found; i++) {
        if (!folders[i] || !*name || *name == '/') continue;
        char *path = path_join(folders[i], name);
        if (file_exists(path))
            found = path;
        else
            free(path);
    }
    free(beside);
    if (!found)
        error_set(err, "%s: there is no such file, nor an asset of that name in " LECTERN_SOURCE "/assets", name);
    return found;
}
