#include "base/memory.h"
#include "formats/zip.h"
#include "formats/zip_builder.h"
#include <check.h>
#include <stdlib.h>

static char text[20000]; // packs well

static void set_up(void)
{
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i / 100 % 7);
}

typedef struct Sink {
    char data[sizeof text];
    size_t size, limit;
} Sink;

static bool sink(void *user, const void *data, size_t size, Error *err)
{
    Sink *s = user;
    if (s->size + size > s->limit) return error_set(err, "the sink is full");
    memcpy(s->data + s->size, data, size);
    s->size += size;
    return true;
}

static ZipBuilder *good(void)
{
    ZipBuilder *z = NEW(ZipBuilder);
    zip_add_entry(z, "stored", "hello", 5, false, 0);
    zip_add_entry(z, "folder/deflated", text, sizeof text, true, 0);
    zip_add_entry(z, "empty", "", 0, false, 0);
    zip_add_entry(z, "twice", "1", 1, false, 0);
    zip_add_entry(z, "twice", "2", 1, false, 0);
    zip_end(z);
    return z;
}

START_TEST(entries_unpack)
{
    Error err = { "" };
    ZipBuilder *z = good();
    Sink *s = NEW(Sink);
    Zip *zip = zip_open_memory(z->data, z->size, "file", &err);
    ck_assert_msg(zip != NULL, "%s", err.message);
    ck_assert_uint_eq(zip->count, 5);
    ck_assert(!zip_entry(zip, "twice") && !zip_entry(zip, "nothing") && !zip_entry(zip, "deflated"));
    s->limit = sizeof text;
    ck_assert_msg(zip_unpack(zip, zip_entry(zip, "stored"), sink, s, &err), "%s", err.message);
    ck_assert(s->size == 5 && !memcmp(s->data, "hello", 5));
    s->size = 0;
    ck_assert(zip_unpack(zip, zip_entry(zip, "empty"), sink, s, &err) && s->size == 0);
    ck_assert_msg(zip_unpack(zip, zip_entry(zip, "folder/deflated"), sink, s, &err), "%s", err.message);
    ck_assert(s->size == sizeof text && !memcmp(s->data, text, sizeof text));
    s->size = 0, s->limit = 100;
    ck_assert(!zip_unpack(zip, zip_entry(zip, "folder/deflated"), sink, s, &err));
    ck_assert_str_eq(err.message, "the sink is full");
    zip_close(zip);
    free(s);
    free(z);
}
END_TEST

// Bytes of the good archive that are set to something else. Where they lie: counted from the first entry, from the
// directory, or from the end record.
enum { LOCAL, DIRECTORY, END };
static const struct {
    int from, at;
    uint32_t value;
    int bytes;
    const char *message; // of opening
    const char *unpack;  // of unpacking "stored", when it opens
} SPOILT[] = {
    { END, 0, 0, 4, "file: no ZIP archive: it has no directory", NULL },
    { END, 4, 1, 2, "file: an archive of several volumes", NULL },
    { END, 8, 4, 2, "file: an archive of several volumes", NULL },
    { END, 10, 6, 2, "file: an archive of several volumes", NULL },
    { END, 12, UINT32_MAX, 4, "file: a directory of 5 entries in 4294967295 bytes", NULL },
    { END, 12, 100, 4, "file: a directory of 5 entries in 100 bytes", NULL },
    { END, 16, UINT32_MAX, 4, "file: an archive of ZIP64, which is not read", NULL },
    { END, 16, UINT32_MAX - 1, 4, "file: a directory of 5 entries in", NULL },
    { END, 16, 3, 4, "file: the directory is damaged", NULL },
    { DIRECTORY, 0, 0, 4, "file: the directory is damaged", NULL },
    { DIRECTORY, 8, 1, 2, "file: stored: it is encrypted", NULL },
    { DIRECTORY, 10, 12, 2, "file: stored: method 12 is not known here", NULL },
    { DIRECTORY, 20, UINT32_MAX, 4, "file: stored: it is of ZIP64", NULL },
    { DIRECTORY, 24, 6, 4, "file: stored: 6 bytes stored as 5", NULL },
    { DIRECTORY, 28, 65535, 2, "file: the directory is damaged", NULL },
    { DIRECTORY, 42, 2, 4, "file: stored: its header is not where the directory says", NULL },
    { DIRECTORY, 42, 0x7fffffff, 4, "file: stored: its header is not where the directory says", NULL },
    { DIRECTORY, 46, 'x', 1, "file: xtored: its header has another name", NULL },
    { LOCAL, 0, 0, 1, "file: stored: its header is not where the directory says", NULL },
    { LOCAL, 26, 65535, 2, "file: stored: 5 bytes at 0 do not fit before the directory", NULL },
    { LOCAL, 30, 'x', 1, "file: stored: its header has another name", NULL },
    { DIRECTORY, 16, 7, 4, NULL, "file: stored: its checksum is wrong" },
    { LOCAL, 36, 'H', 1, NULL, "file: stored: its checksum is wrong" },
    { DIRECTORY, 10, 8, 2, NULL, "file: stored: it does not unpack to 5 bytes" },
};

START_TEST(spoilt_archives_are_named)
{
    Error err = { "" };
    ZipBuilder *z = good();
    size_t end = z->size - 22, directory = end - z->directory_size;
    size_t at = (size_t[]){ 0, directory, end }[SPOILT[_i].from] + (size_t)SPOILT[_i].at;
    zip_put(z->data, &at, SPOILT[_i].value, SPOILT[_i].bytes);
    Zip *zip = zip_open_memory(z->data, z->size, "file", &err);
    const char *wanted = SPOILT[_i].message;
    if (!wanted) {
        Sink *s = NEW(Sink);
        s->limit = sizeof text;
        ck_assert_msg(zip != NULL, "%s", err.message);
        ck_assert(!zip_unpack(zip, zip_entry(zip, "stored"), sink, s, &err));
        wanted = SPOILT[_i].unpack;
        free(s);
    }
    ck_assert(SPOILT[_i].message == NULL || zip == NULL);
    ck_assert_msg(!strncmp(err.message, wanted, strlen(wanted)), "\"%s\" is not \"%s\"", err.message, wanted);
    zip_close(zip);
    free(z);
}
END_TEST

// What says that it unpacks to 19999 or 20001 bytes, or is cut, gives neither more nor less.
START_TEST(sizes_that_are_not_true)
{
    for (int change = -1; change <= 1; change += 2) {
        Error err = { "" };
        ZipBuilder *z = good();
        Sink *s = NEW(Sink);
        s->limit = sizeof text;
        Zip *zip = zip_open_memory(z->data, z->size, "file", &err);
        ZipEntry entry = *zip_entry(zip, "folder/deflated");
        entry.bytes += (size_t)change;
        ck_assert(!zip_unpack(zip, &entry, sink, s, &err));
        ck_assert_ptr_nonnull(strstr(err.message, "it does not unpack to"));
        ck_assert_uint_le(s->size, entry.bytes);
        err = (Error){ "" };
        entry = *zip_entry(zip, "folder/deflated");
        entry.packed_bytes--;
        s->size = 0;
        ck_assert(!zip_unpack(zip, &entry, sink, s, &err));
        zip_close(zip);
        free(s);
        free(z);
    }
}
END_TEST

Suite *suite_zip(void)
{
    Suite *suite = suite_create("zip");
    TCase *tests = tcase_create("zip");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, entries_unpack);
    tcase_add_loop_test(tests, spoilt_archives_are_named, 0, COUNT_OF(SPOILT));
    tcase_add_test(tests, sizes_that_are_not_true);
    suite_add_tcase(suite, tests);
    return suite;
}
