// Bytes that somebody else owns, not ended by a 0 and not necessarily text.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct StringView {
    const char *data;
    size_t size;
} StringView;

static inline StringView string_view(const char *text) { return (StringView){ text, strlen(text) }; }

static inline bool string_view_equal(StringView a, StringView b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

// memcmp's order; of two where one begins the other the shorter comes first.
static inline int string_view_compare(StringView a, StringView b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

// For "%.*s" in messages: long names are cut.
#define VIEW_ARGS(view) (int)((view).size < 80 ? (view).size : 80), (view).data
