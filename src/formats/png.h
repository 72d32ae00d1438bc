// PNG pictures, written through libpng. Pixels are rows from the top, 8 bits a channel: 3 channels RGB, 4 RGBA (alpha
// not premultiplied).
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Picture {
    const uint8_t *pixels; // [height, width, channels]
    int width, height, channels;
} Picture;

// The file in memory (the caller frees it) and its size; NULL and err when libpng refuses (a side over 2³¹ − 1 …).
uint8_t *png_encode(const Picture *picture, size_t *size, Error *err);
bool png_save(const Picture *picture, const char *path, Error *err); // whole or not at all
