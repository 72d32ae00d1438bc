// Is a page what a browser reads without guessing? Every tag is closed, in order, and every attribute quoted.
#pragma once
#include "base/memory.h"
#include <check.h>
#include <string.h>

static bool is_void(const char *name, size_t n)
{
    static const char *const names[] = { "meta", "img", "br" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == n && !strncmp(names[i], name, n)) return true;
    return false;
}

// Returns how many tags there are.
static int check_tags(const char *text)
{
    const char *open[64];
    size_t lengths[64];
    int depth = 0, elements = 0;
    for (const char *c = strchr(text, '\n'); (c = strchr(c, '<')); c++) {
        bool closing = c[1] == '/';
        const char *name = c + 1 + closing, *end = name;
        size_t n = strcspn(name, " \n/>");
        ck_assert_msg(n > 0 && n < 20, "a stray < before: %.40s", c);
        // Attributes: values are quoted, and nothing within them ends the tag.
        for (bool quoted = false; quoted || *end != '>'; end++) {
            ck_assert_msg(*end && (quoted || *end != '<'), "a tag that does not end: %.60s", c);
            quoted ^= *end == '"';
        }
        elements++;
        if (closing) {
            ck_assert_msg(depth > 0 && lengths[depth - 1] == n && !strncmp(open[depth - 1], name, n),
                          "</%.*s> closes <%.*s>", (int)n, name, depth ? (int)lengths[depth - 1] : 0,
                          depth ? open[depth - 1] : "");
            depth--;
        } else if (end[-1] != '/' && !is_void(name, n)) {
            ck_assert_int_lt(depth, 64);
            open[depth] = name;
            lengths[depth++] = n;
        }
        c = end;
    }
    ck_assert_int_eq(depth, 0);
    return elements;
}
