#include "stage/pages.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

void pages_clear(Pages *pages)
{
    for (int i = 0; i < pages->n; i++) free(pages->blocks[i]);
    free(pages->blocks);
    *pages = (Pages){ 0 };
}

void pages_add(Pages *pages, char *block)
{
    GROW(pages->blocks, pages->n, pages->capacity);
    pages->blocks[pages->n++] = block;
}

void pages_turn(Pages *pages) { pages->used = 0; }

bool pages_left(const Pages *pages) { return pages->block < pages->n; }

// The screen's lines that the first line of a text takes: a terminal goes on below where one is too wide, and a style
// behind the last newline takes none. Writes how many bytes it has, its newline included.
static int line_rows(const char *text, int width, size_t *bytes)
{
    size_t n = strcspn(text, "\n"), kept = 0;
    char *plain = mem_string_n(text, n);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\x1b' && text[i + 1] == '[') // the writers' styles: ESC [ numbers m
            i += 2 + strspn(text + i + 2, "0123456789;");
        else
            plain[kept++] = text[i];
    }
    plain[kept] = '\0';
    int columns = text_width(plain);
    free(plain);
    *bytes = n + (text[n] == '\n');
    if (columns == 0) return text[n] == '\n';
    return (columns + width - 1) / width;
}

// Nothing but styles and newlines.
static bool is_empty(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\x1b')
            i += strcspn(text + i, "m");
        else if (text[i] != '\n')
            return false;
    }
    return true;
}

// Those of a whole block, without the empty lines at its end, which only keep it from the next one.
static int block_rows(const char *text, int width)
{
    int rows = 0, full = 0;
    for (size_t bytes; *text; text += bytes) {
        rows += line_rows(text, width, &bytes);
        if (!is_empty(text, bytes)) full = rows;
    }
    return full;
}

// The styles alone.
static void write_styles(const char *text, FILE *stream)
{
    for (; *text; text++)
        if (*text != '\n') fputc(*text, stream);
}

bool pages_show(Pages *pages, const Term *term)
{
    int room = term->height > 2 ? term->height - 1 : 1;
    for (; pages_left(pages); pages->block++, pages->at = 0) {
        const char *rest = pages->blocks[pages->block] + pages->at;
        bool begun = pages->at > 0;
        if (!begun && pages->used > 0 && pages->used + block_rows(rest, term->width) > room) return false;
        for (size_t bytes; *rest; rest += bytes) {
            int rows = line_rows(rest, term->width, &bytes);
            bool fits = pages->used == 0 || pages->used + rows <= room;
            if (!fits && is_empty(rest, strlen(rest))) {
                write_styles(rest, term->stream);
                break;
            }
            if (!fits) return false;
            fwrite(rest, 1, bytes, term->stream);
            pages->used += rows;
            pages->at += (int)bytes;
        }
    }
    return true;
}
