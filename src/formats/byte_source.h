// Bytes that a writer asks for while it writes: a tensor on a device, or one that is converted on the way.
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdio.h>

// Writes bytes [offset, offset + size) to `out` (size ≤ 1 MiB, ascending); false and an error to give up.
typedef bool (*ByteSource)(void *user, size_t offset, void *out, size_t size, Error *err);

// The `bytes` bytes of a source, or those at `data` where `source` is NULL, to a stream, whose own error is for the caller
// to look at. False only when the source gave up.
bool byte_source_write(ByteSource source, void *user, const void *data, size_t bytes, FILE *stream, Error *err);
