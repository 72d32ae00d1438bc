// A user's text file, checked before anything is trained on it.
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Corpus {
    char *text;  // valid UTF-8 without NUL bytes, ends in a 0
    size_t size; // bytes
} Corpus;

// Reads the whole of `path`, but for a byte order mark at its start, which some editors write. Errors, each one line: a missing or unreadable file, a folder, an empty file, a NUL byte
// (a binary file) and a byte that is not UTF-8 (both with their offset, counted from 0).
bool corpus_load(const char *path, Corpus *corpus, Error *err);
void corpus_free(Corpus *corpus);

// The byte where the validation part begins when the last `val_fraction` (0 ≤ f < 1) of the text is kept for it:
// size · (1 − f), moved back to the start of the character that it falls in.
size_t corpus_split(const Corpus *corpus, double val_fraction);

// The offset of the first byte that doesn't begin or continue a UTF-8 character (RFC 3629: shortest form, no
// surrogates, up to U+10FFFF), or `size` when all of it is valid. A sequence cut off by the end is invalid from its
// first byte.
size_t utf8_valid_prefix(const char *text, size_t size);
