// Texts of the exhibits made fit to be shown: what is invisible becomes visible, numbers are short, and lines wrap.
#pragma once
#include "stage/exhibit.h"

// A label that may come from a hostile prompt: newline ⏎, tab ⇥, spaces at its ends ␣, an empty text ∅, anything else
// that has no glyph (controls, marks that reorder text, bytes that are not UTF-8) as \x1b or \u202e.
const char *label_visible(Arena *arena, const char *text);

// The same, cut to `columns` with … at the end.
const char *label_fit(Arena *arena, const char *text, int columns);

// Running text: newlines and spaces stay, the rest is as above.
const char *label_text(Arena *arena, const char *text);

// labels[i] made visible, or the number i.
const char *label_of(Arena *arena, const char *const *labels, long i);

// A number in a few characters, about 3 significant digits, with its unit (NULL: none).
const char *label_number(Arena *arena, double value, const char *unit);

// The same with as many decimals as the largest of its column wants, so that the points stand below one another.
const char *label_among(Arena *arena, double value, double most);

// Up to `most` round numbers in low … high (1, 2 or 5 times a power of ten; powers of ten when `log`). Returns how
// many.
int nice_ticks(double low, double high, bool log, int most, double ticks[]);

// The next line of at most `columns` columns of `*text`, broken at spaces where it can be; moves `*text` behind it and
// returns the line's bytes, or −1 at the end.
int wrap_line(const char **text, int columns, const char **line);
