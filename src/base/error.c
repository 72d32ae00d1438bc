#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Messages quote names and values of files that may be hostile: no escape sequence reaches the terminal.
static void replace_control_characters(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) *c = '?';
}

bool error_set(Error *err, const char *format, ...)
{
    if (!err || error_is_set(err)) return false;
    va_list list;
    va_start(list, format);
    vsnprintf(err->message, sizeof err->message, format, list);
    va_end(list);
    replace_control_characters(err->message);
    return false;
}

bool error_prefix(Error *err, const char *format, ...)
{
    if (!err || !error_is_set(err)) return false;
    Error inner = *err;
    va_list list;
    va_start(list, format);
    int used = vsnprintf(err->message, sizeof err->message, format, list);
    va_end(list);
    if (used >= 0 && (size_t)used < sizeof err->message)
        snprintf(err->message + used, sizeof err->message - (size_t)used, ": %.*s",
                 (int)(sizeof err->message - (size_t)used), inner.message);
    replace_control_characters(err->message);
    return false;
}

void fatal(const char *file, int line, const char *format, ...)
{
    fprintf(stderr, "%s:%d: ", file, line);
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}
