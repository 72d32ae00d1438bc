#include "data/corpus.h"
#include "base/file.h"
#include <stdlib.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

// Length of the character at the front of `p` (1–4), or 0 if it is none. RFC 3629, section 4: the second byte's range
// depends on the first, which rules out overlong forms, surrogates and what lies over U+10FFFF.
static size_t character_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, low, high;
        size_t length;
    } forms[] = { { 0x00, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
                  { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
                  { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 } };
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        if (p[0] < forms[form].first || p[0] > forms[form].last) continue;
        size_t length = forms[form].length;
        if (left < length) return 0;
        if (length > 1 && (p[1] < forms[form].low || p[1] > forms[form].high)) return 0;
        for (size_t i = 2; i < length; i++)
            if ((p[i] & 0xc0) != 0x80) return 0;
        return length;
    }
    return 0;
}

size_t utf8_valid_prefix(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t length = character_length((const unsigned char *)text + at, size - at);
        if (!length) break;
        at += length;
    }
    return at;
}

static bool text_is_clean(const char *path, const char *text, size_t size, Error *err)
{
    if (size == 0) return error_set(err, "%s: is empty; name a file with text in it", path);
    const char *nul = memchr(text, '\0', size);
    if (nul)
        return error_set(err, "%s: byte %zu is 0, so this is a binary file; name a UTF-8 text file", path,
                         (size_t)(nul - text));
    size_t valid = utf8_valid_prefix(text, size);
    if (valid < size)
        return error_set(err, "%s: byte %zu (0x%02x) is not UTF-8; convert the file first, for example with iconv",
                         path, valid, (unsigned char)text[valid]);
    return true;
}

bool corpus_load(const char *path, Corpus *corpus, Error *err)
{
    *corpus = (Corpus){ 0 };
    if (dir_exists(path)) return error_set(err, "%s: is a folder; name one text file", path);
    size_t size;
    char *text = file_read(path, &size, err);
    if (!text) return false;
    if (!text_is_clean(path, text, size, err)) return free(text), false;
    if (!strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK))) {
        size -= strlen(BYTE_ORDER_MARK);
        memmove(text, text + strlen(BYTE_ORDER_MARK), size + 1);
        if (size == 0) return free(text), error_set(err, "%s: is empty; name a file with text in it", path);
    }
    *corpus = (Corpus){ text, size };
    return true;
}

void corpus_free(Corpus *corpus)
{
    free(corpus->text);
    *corpus = (Corpus){ 0 };
}

size_t corpus_split(const Corpus *corpus, double val_fraction)
{
    CHECK(val_fraction >= 0 && val_fraction < 1, "corpus_split: the fraction %g is not in [0, 1)", val_fraction);
    size_t at = corpus->size - (size_t)((double)corpus->size * val_fraction);
    while (at > 0 && ((unsigned char)corpus->text[at] & 0xc0) == 0x80) at--;
    return at;
}
