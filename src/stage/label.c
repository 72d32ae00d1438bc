#include "stage/label.h"
#include "base/term.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

static bool has_glyph(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    default: return true;
    }
}

// One character of `*text` written to `out` (at most 12 bytes); `bare` keeps newlines as they are.
static size_t put_visible(const char **text, char *out, bool bare)
{
    const char *from = *text;
    int32_t c = text_next(text);
    if (bare && c == '\n') return out[0] = '\n', 1;
    if (c == '\n') return (size_t)sprintf(out, "⏎");
    if (c == '\t') return (size_t)sprintf(out, "%s", bare ? "    " : "⇥");
    if (c == 0xfffd && *text - from == 1) return (size_t)sprintf(out, "\\x%02x", (unsigned char)*from);
    if (has_glyph(c)) return memcpy(out, from, (size_t)(*text - from)), (size_t)(*text - from);
    return (size_t)sprintf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

const char *label_visible(Arena *arena, const char *text)
{
    if (!*text) return "∅";
    size_t length = strlen(text), n = 0;
    const char *first = text + strspn(text, " "), *last = text + length;
    while (last > first && last[-1] == ' ') last--;
    char *out = arena_alloc(arena, 12 * length + 1);
    while (*text) {
        if (*text == ' ' && (text < first || text >= last)) {
            n += (size_t)sprintf(out + n, "␣");
            text++;
        } else {
            n += put_visible(&text, out + n, false);
        }
    }
    out[n] = '\0';
    return out;
}

const char *label_text(Arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 12 * strlen(text) + 1);
    size_t n = 0;
    while (*text) n += put_visible(&text, out + n, true);
    out[n] = '\0';
    return out;
}

const char *label_fit(Arena *arena, const char *text, int columns)
{
    text = label_visible(arena, text);
    if (text_width(text) <= columns) return text;
    if (columns < 1) return "";
    return arena_format(arena, "%.*s…", (int)text_fit(text, columns - 1), text);
}

const char *label_of(Arena *arena, const char *const *labels, long i)
{
    return labels ? label_visible(arena, labels[i]) : arena_format(arena, "%ld", i);
}

const char *label_number(Arena *arena, double value, const char *unit)
{
    const char *gap = unit && *unit ? " " : "", *name = unit ? unit : "";
    bool whole = fabs(value) >= 99.95 && fabs(value) < 1e6;
    return arena_format(arena, whole ? "%.0f%s%s" : "%.3g%s%s", value + 0.0, gap, name);
}

const char *label_among(Arena *arena, double value, double most)
{
    most = fabs(most);
    if (!isfinite(value) || most < 0.0995 || most >= 1e6) return label_number(arena, value, NULL);
    return arena_format(arena, "%.*f", most < 0.9995 ? 3 : most < 9.995 ? 2 : most < 99.95 ? 1 : 0, value);
}

int nice_ticks(double low, double high, bool log, int most, double ticks[])
{
    int n = 0;
    if (log) {
        int first = (int)ceil(log10(low) - 1e-9), last = (int)floor(log10(high) + 1e-9);
        int stride = (last - first) / most + 1;
        for (int e = first; e <= last && n < most; e += stride) ticks[n++] = pow(10, e);
        if (n >= 2) return n;
        n = 0;
    }
    double rough = (high - low) / most;
    if (!(rough > 0) || !isfinite(rough)) return ticks[0] = low, 1;
    double power = pow(10, floor(log10(rough)));
    double step = power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10);
    for (double i = ceil(low / step - 1e-9); i * step <= high + 1e-9 * step && n < most; i++)
        ticks[n++] = i * step + 0.0;
    return n;
}

int wrap_line(const char **text, int columns, const char **line)
{
    const char *from = *text;
    if (!*from) return -1;
    *line = from;
    size_t whole = strcspn(from, "\n"), fits = text_fit(from, columns);
    if (fits >= whole) {
        *text = from + whole + (from[whole] == '\n');
        return (int)whole;
    }
    size_t cut = fits;
    while (cut > 0 && from[cut] != ' ') cut--;
    if (cut == 0) { // one word longer than the line
        cut = fits;
        if (cut == 0) text_next(text), cut = (size_t)(*text - from);
        *text = from + cut;
        return (int)cut;
    }
    *text = from + cut + strspn(from + cut, " ");
    while (cut > 0 && from[cut - 1] == ' ') cut--;
    return (int)cut;
}
