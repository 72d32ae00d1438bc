#include "text/normalize.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/bert_classes.h"
#include <stdlib.h>
#include <utf8proc.h>

enum { STRAY = 0x110000, REPLACEMENT = 0xfffd }; // STRAY + b is byte b where it is no UTF-8

void text_append(TextBuffer *buffer, const char *data, size_t size)
{
    if (buffer->size + size > buffer->capacity)
        buffer->data = mem_resize(buffer->data, buffer->capacity = 2 * (buffer->size + size), 1);
    if (size) memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

// --- Classes ---------------------------------------------------------------------------------------------------------

bool code_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static utf8proc_category_t category(uint32_t code)
{
    return code < STRAY ? utf8proc_category((utf8proc_int32_t)code) : UTF8PROC_CATEGORY_CN;
}

bool code_is_word(uint32_t c)
{
    utf8proc_category_t of = category(c);
    return (of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_NL) || of == UTF8PROC_CATEGORY_PC || c == 0x200c ||
           c == 0x200d;
}

static bool is_ideograph(uint32_t c)
{
    static const uint32_t ranges[][2] = { { 0x4e00, 0x9fff },   { 0x3400, 0x4dbf },   { 0x20000, 0x2a6df },
                                          { 0x2a700, 0x2b73f }, { 0x2b740, 0x2b81f }, { 0x2b920, 0x2ceaf },
                                          { 0xf900, 0xfaff },   { 0x2f800, 0x2fa1f } };
    for (size_t i = 0; c >= 0x3400 && i < COUNT_OF(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

// --- Code points -----------------------------------------------------------------------------------------------------

typedef struct Codes {
    int32_t *list;
    size_t count, capacity;
} Codes;

static void push(Codes *codes, uint32_t code)
{
    GROW(codes->list, codes->count, codes->capacity);
    codes->list[codes->count++] = (int32_t)code;
}

static void read_codes(StringView text, Codes *out)
{
    for (size_t at = 0; at < text.size;) {
        int length = utf8_length(text.data + at, text.size - at);
        push(out, length > 0 ? utf8_code_point(text.data + at, length) : (uint32_t)STRAY + (uint8_t)text.data[at]);
        at += length > 0 ? (size_t)length : 1;
    }
}

static void write_codes(const Codes *codes, TextBuffer *out)
{
    for (size_t i = 0; i < codes->count; i++) {
        char bytes[4] = { (char)(codes->list[i] - STRAY) };
        text_append(out, bytes, codes->list[i] >= STRAY ? 1 : (size_t)utf8_write((uint32_t)codes->list[i], bytes));
    }
}

// --- Decomposition and composition -----------------------------------------------------------------------------------

static int combining_class(int32_t code) { return code < STRAY ? utf8proc_get_property(code)->combining_class : 0; }

// Sorts marks by their combining class; those of one class keep their order. (utf8proc does this too, but by swapping
// neighbours: a text of a million marks would take it days.)
static void sort_marks(int32_t *marks, int32_t *spare, size_t n)
{
    if (n < 2) return;
    size_t half = n / 2, left = 0, right = half;
    sort_marks(marks, spare, half);
    sort_marks(marks + half, spare, n - half);
    if (combining_class(marks[half - 1]) <= combining_class(marks[half])) return;
    for (size_t i = 0; i < n; i++) {
        bool from_right = left == half || (right < n && combining_class(marks[right]) < combining_class(marks[left]));
        spare[i] = from_right ? marks[right++] : marks[left++];
    }
    memcpy(marks, spare, n * sizeof *marks);
}

static void decompose(const Codes *in, Codes *out)
{
    enum { MOST = 8 }; // a canonical decomposition has four characters at most
    for (size_t i = 0; i < in->count; i++) {
        int32_t parts[MOST];
        int bound = 0;
        utf8proc_ssize_t n =
            in->list[i] >= STRAY
                ? -1
                : utf8proc_decompose_char(in->list[i], parts, MOST, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &bound);
        if (n < 0 || n > MOST) n = 1, parts[0] = in->list[i];
        for (utf8proc_ssize_t j = 0; j < n; j++) push(out, (uint32_t)parts[j]);
    }
    int32_t *spare = NEW_ARRAY(int32_t, out->count + 1);
    for (size_t i = 0, start; i < out->count; i += i == start) {
        for (start = i; i < out->count && combining_class(out->list[i]) > 0;) i++;
        sort_marks(out->list + start, spare, i - start);
    }
    free(spare);
}

// Composes the stretches between stray bytes, in place.
static void compose(Codes *codes)
{
    size_t count = 0;
    for (size_t i = 0; i < codes->count;) {
        size_t start = i;
        while (i < codes->count && codes->list[i] < STRAY) i++;
        utf8proc_ssize_t n = utf8proc_normalize_utf32(codes->list + start, (utf8proc_ssize_t)(i - start),
                                                      UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        CHECK(n >= 0, "NFC: %s", utf8proc_errmsg(n));
        memmove(codes->list + count, codes->list + start, (size_t)n * sizeof *codes->list);
        count += (size_t)n;
        if (i < codes->count) codes->list[count++] = codes->list[i++];
    }
    codes->count = count;
}

// --- BERT's ----------------------------------------------------------------------------------------------------------

static void clean(uint32_t set, const Codes *in, Codes *out)
{
    for (size_t i = 0; i < in->count; i++) {
        uint32_t code = in->list[i] < STRAY ? (uint32_t)in->list[i] : REPLACEMENT;
        bool kept =
            code == '\t' || code == '\n' || code == '\r'; // the only control characters that are white space here
        if (set & NORMALIZE_CLEAN && !kept && (code == REPLACEMENT || bert_class(code) == BERT_CONTROL)) continue;
        bool alone = set & NORMALIZE_CJK && is_ideograph(code);
        if (alone) push(out, ' ');
        push(out, set & NORMALIZE_CLEAN && code_is_space(code) ? ' ' : code);
        if (alone) push(out, ' ');
    }
}

static void drop_marks(Codes *codes)
{
    size_t count = 0;
    for (size_t i = 0; i < codes->count; i++)
        if (bert_class((uint32_t)codes->list[i]) != BERT_MARK) codes->list[count++] = codes->list[i];
    codes->count = count;
}

// İ is the only character whose lower case is two.
static void lower(const Codes *in, Codes *out)
{
    for (size_t i = 0; i < in->count; i++) {
        push(out, (uint32_t)(in->list[i] == 0x130 ? 'i' : utf8proc_tolower(in->list[i])));
        if (in->list[i] == 0x130) push(out, 0x307);
    }
}

static void swap(Codes *a, Codes *b)
{
    Codes c = *a;
    *a = *b, *b = c;
    b->count = 0;
}

// Below U+0300 there is nothing to compose.
static bool is_composed(StringView text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((uint8_t)text.data[i] >= 0xcc) return false; // U+0300 is CC 80
    return true;
}

StringView text_normalize(uint32_t set, StringView text, TextBuffer *buffer)
{
    if (!set || (set == NORMALIZE_NFC && is_composed(text))) return text;
    Codes a = { 0 }, b = { 0 };
    read_codes(text, &a);
    if (set & ~(uint32_t)NORMALIZE_NFC) clean(set, &a, &b), swap(&a, &b);
    if (set & (NORMALIZE_ACCENTS | NORMALIZE_NFC)) decompose(&a, &b), swap(&a, &b);
    if (set & NORMALIZE_ACCENTS) drop_marks(&a);
    if (set & NORMALIZE_LOWER) lower(&a, &b), swap(&a, &b);
    if (set & NORMALIZE_NFC) compose(&a);
    buffer->size = 0;
    write_codes(&a, buffer);
    free(a.list);
    free(b.list);
    return (StringView){ buffer->data ? buffer->data : "", buffer->size };
}
