// A folder of a test's own, which goes with it.
#pragma once
#include "base/file.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static char folder[64];

static inline void open_folder(void)
{
    strcpy(folder, "/tmp/lectern-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void close_folder(void) { dir_remove_tree(folder, NULL); }
