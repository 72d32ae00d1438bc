#include "text/specials.h"
#include "base/utf8.h"
#include "text/normalize.h"
#include <stdlib.h>

void specials_add(Specials *s, Special special)
{
    if (!special.text.size) return;
    GROW(s->list, s->count, s->capacity);
    s->list[s->count++] = special;
    s->starts[(uint8_t)special.text.data[0]] = true;
}

static int compare(const void *a, const void *b)
{
    return string_view_compare(((const Special *)a)->text, ((const Special *)b)->text);
}

void specials_sort(Specials *s)
{
    if (s->count) qsort(s->list, s->count, sizeof *s->list, compare);
}

void specials_free(Specials *s)
{
    free(s->list);
    *s = (Specials){ 0 };
}

// How many of [low, high), which share their first `depth` bytes, have a byte there below `limit`.
static size_t split(const Specials *s, size_t low, size_t high, size_t depth, int limit)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint8_t)s->list[middle].text.data[depth] < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_chosen(const SpecialChoice *choice, const Special *special)
{
    return (choice->control || !special->control) && !(choice->is_text && choice->is_text(choice->user, special->id));
}

// The longest that the text begins with.
static const Special *match(const Specials *s, StringView text, const SpecialChoice *choice)
{
    const Special *best = NULL;
    size_t low = 0, high = s->count;
    for (size_t depth = 0; low < high; depth++) {
        while (low < high && s->list[low].text.size == depth) { // those that end here sort before those that go on
            if (is_chosen(choice, &s->list[low])) best = &s->list[low];
            low++;
        }
        if (depth == text.size) break;
        int byte = (uint8_t)text.data[depth];
        low = split(s, low, high, depth, byte);
        high = split(s, low, high, depth, byte + 1);
    }
    return best;
}

// --- What surrounds a match ------------------------------------------------------------------------------------------

// The character that ends at `end` or starts at `at`, and its length; 0 at the text's ends and where there is no UTF-8.
static int character_before(StringView text, size_t end, uint32_t *code)
{
    for (int n = 1; n <= 4 && (size_t)n <= end; n++)
        if (utf8_length(text.data + end - n, (size_t)n) == n) {
            *code = utf8_code_point(text.data + end - n, n);
            return n;
        }
    return 0;
}

static int character_at(StringView text, size_t at, uint32_t *code)
{
    int n = utf8_length(text.data + at, text.size - at);
    if (n > 0) *code = utf8_code_point(text.data + at, n);
    return n > 0 ? n : 0;
}

static bool stands_alone(StringView text, size_t start, size_t end)
{
    uint32_t code;
    return !(character_before(text, start, &code) && code_is_word(code)) &&
           !(character_at(text, end, &code) && code_is_word(code));
}

const Special *specials_next(const Specials *s, StringView text, size_t at, const SpecialChoice *choice,
                             StringView *place)
{
    size_t first = at;
    while (at < text.size) {
        const Special *found = NULL;
        if (s->starts[(uint8_t)text.data[at]]) found = match(s, (StringView){ text.data + at, text.size - at }, choice);
        size_t end = at + (found ? found->text.size : 1);
        if (found && (!(found->flags & ADDED_SINGLE_WORD) || stands_alone(text, at, end))) {
            uint32_t code;
            if (found->flags & ADDED_LSTRIP)
                for (int n; at > first && (n = character_before(text, at, &code)) && code_is_space(code) &&
                            (size_t)n <= at - first;)
                    at -= (size_t)n;
            if (found->flags & ADDED_RSTRIP)
                for (int n; (n = character_at(text, end, &code)) && code_is_space(code);) end += (size_t)n;
            *place = (StringView){ text.data + at, end - at };
            return found;
        }
        at = end;
    }
    return NULL;
}
