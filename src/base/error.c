#include "base/error.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Messages quote names and values of files that may be hostile: no escape sequence reaches the terminal, and no
// byte that is not UTF-8.
static void replace_control_characters(char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0, n; i < size; i += n) {
        int length = utf8_length(text + i, size - i);
        n = length > 0 ? (size_t)length : 1;
        uint32_t code = length > 0 ? utf8_code_point(text + i, length) : 0;
        if (code < 0x20 || (code >= 0x7f && code < 0xa0)) memset(text + i, '?', n);
    }
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
