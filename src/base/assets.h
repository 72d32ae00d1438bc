// The files that come with the program: the small models of assets/.
#pragma once
#include "base/error.h"

// The path of a file that a user named: itself if it is there, else the asset of that name, looked for in
// $LECTERN_ASSETS, in assets/ of the source tree and in assets/ beside the executable. NULL and `err` if there is none.
// The caller frees it.
char *asset_find(const char *name, Error *err);
