// NumPy's file of one array. Little-endian. Source: the description of format version 1.0 in numpy.lib.format.
//
//   "\x93NUMPY" u8 1  u8 0  u16 bytes of the header
//   the header: a Python dictionary as text, { 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, then spaces and a
//   line end, so that the numbers begin at a multiple of 64 bytes
//   the numbers, the last dimension innermost
#pragma once
#include "base/error.h"
#include <stdint.h>

// f32 numbers of `shape`, outermost first. The file is written whole or not at all; one that is there is replaced.
bool npy_write(const char *path, const float *values, int n_dims, const int64_t *shape, Error *err);
