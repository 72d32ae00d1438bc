#include "base/file.h"
#include "base/random.h"
#include "formats/base64.h"
#include "formats/png.h"
#include <check.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

// libpng's reader gives back the pixels that were written.
START_TEST(pictures_come_back)
{
    int channels = _i, width = 37, height = 11;
    uint8_t pixels[37 * 11 * 4], back[sizeof pixels];
    Random random = { .key = 5 };
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)random_u32(&random);
    Error err = { "" };
    size_t size;
    uint8_t *file = png_encode(&(Picture){ pixels, width, height, channels }, &size, &err);
    ck_assert_msg(file != NULL, "%s", err.message);
    png_image image = { .version = PNG_IMAGE_VERSION };
    ck_assert(png_image_begin_read_from_memory(&image, file, size));
    ck_assert_int_eq((int)image.width, width);
    ck_assert_int_eq((int)image.height, height);
    ck_assert_uint_eq(image.format, channels == 4 ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB);
    ck_assert(png_image_finish_read(&image, NULL, back, 0, NULL));
    ck_assert_mem_eq(back, pixels, (size_t)(width * height * channels));
    free(file);
}
END_TEST

START_TEST(a_folder_that_is_not_there)
{
    Error err = { "" };
    ck_assert(!png_save(&(Picture){ (uint8_t[3]){ 0 }, 1, 1, 3 }, "/nonexistent/a.png", &err));
    ck_assert_str_eq(err.message, "/nonexistent/a.png: cannot write: No such file or directory");
}
END_TEST

// The vectors of RFC 4648, section 10, and the two last digits.
START_TEST(base64_vectors)
{
    const char *vectors[][2] = { { "", "" },
                                 { "f", "Zg==" },
                                 { "fo", "Zm8=" },
                                 { "foo", "Zm9v" },
                                 { "foob", "Zm9vYg==" },
                                 { "fooba", "Zm9vYmE=" },
                                 { "foobar", "Zm9vYmFy" },
                                 { "\xfb\xff", "+/8=" } };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char *text = base64_encode(vectors[i][0], strlen(vectors[i][0]));
        ck_assert_str_eq(text, vectors[i][1]);
        free(text);
    }
}
END_TEST

Suite *suite_png(void)
{
    Suite *suite = suite_create("png");
    TCase *tests = tcase_create("png");
    tcase_add_loop_test(tests, pictures_come_back, 3, 5);
    tcase_add_test(tests, a_folder_that_is_not_there);
    tcase_add_test(tests, base64_vectors);
    suite_add_tcase(suite, tests);
    return suite;
}
