#include "base/term.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static bool ends_in(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && !strcmp(text + n - m, tail);
}

static TermColors find_colors(void)
{
    if (*env("NO_COLOR") || !strcmp(env("TERM"), "dumb")) return TERM_MONO;
    if (!strcmp(env("COLORTERM"), "truecolor") || !strcmp(env("COLORTERM"), "24bit") || ends_in(env("TERM"), "-direct"))
        return TERM_TRUECOLOR;
    return TERM_256;
}

// A container's locale is often not set at all while its terminal is UTF-8: only a locale that names another charset
// counts.
static bool find_unicode(void)
{
    if (!strcmp(env("TERM"), "linux")) return false; // the kernel's console has no braille
    const char *names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *charset = strchr(env(names[i]), '.');
        if (*env(names[i])) return !charset || strcasestr(charset, "utf");
    }
    return true;
}

Term term_open(FILE *stream)
{
    Term term = { .stream = stream, .tty = isatty(fileno(stream)), .width = 80, .height = 24 };
    struct winsize size = { 0 };
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        term.width = size.ws_col;
        if (size.ws_row > 0) term.height = size.ws_row;
    } else {
        long columns = strtol(env("COLUMNS"), NULL, 10);
        if (columns >= 20 && columns <= 1000) term.width = (int)columns;
    }
    if (term.width < 20) term.width = 20;
    if (term.tty) term.colors = find_colors();
    term.unicode = term.colors != TERM_MONO && find_unicode();
    return term;
}

int32_t text_next(const char **text)
{
    int length = utf8_length(*text, strnlen(*text, 4));
    if (length <= 0) {
        *text += 1;
        return 0xfffd;
    }
    *text += length;
    return (int32_t)utf8_code_point(*text - length, length);
}

int text_width(const char *text)
{
    int width = 0;
    while (*text) width += utf8proc_charwidth(text_next(&text));
    return width;
}

size_t text_fit(const char *text, int columns)
{
    const char *next = text;
    while (*next) {
        const char *from = next;
        columns -= utf8proc_charwidth(text_next(&next));
        if (columns < 0) return (size_t)(from - text);
    }
    return (size_t)(next - text);
}
