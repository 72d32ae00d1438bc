#include "formats/png.h"
#include "base/file.h"
#include "base/memory.h"
#include <png.h>
#include <stdlib.h>

uint8_t *png_encode(const Picture *picture, size_t *size, Error *err)
{
    CHECK(picture->width > 0 && picture->height > 0 && (picture->channels == 3 || picture->channels == 4),
          "png: a picture of %d x %d with %d channels", picture->width, picture->height, picture->channels);
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = (png_uint_32)picture->width,
        .height = (png_uint_32)picture->height,
        .format = picture->channels == 4 ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB,
    };
    png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *file = mem_alloc(bytes);
    if (!png_image_write_to_memory(&image, file, &bytes, 0, picture->pixels, 0, NULL)) {
        error_set(err, "PNG of %d x %d pixels: %s", picture->width, picture->height, image.message);
        free(file);
        return NULL;
    }
    *size = bytes;
    return mem_resize(file, bytes, 1);
}

bool png_save(const Picture *picture, const char *path, Error *err)
{
    size_t size;
    uint8_t *file = png_encode(picture, &size, err);
    bool ok = file && file_write(path, file, size, err);
    free(file);
    return ok;
}
