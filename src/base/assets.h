// The files that come with the program: the small models of assets/.
#pragma once
#include "base/error.h"

// The path of a model that a user named: a file that is there; of a folder its best.gguf, else its model.gguf (a
// training run's), else the folder itself; else the asset of that name, looked for in $LECTERN_ASSETS, in assets/ of the
// source tree and in assets/ beside the executable. NULL and `err` if there is none. The caller frees it.
char *asset_find(const char *name, Error *err);
