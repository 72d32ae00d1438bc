// What the terminal at the end of a stream can show, and how wide text is on it.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum TermColors { TERM_MONO, TERM_256, TERM_TRUECOLOR } TermColors;

typedef struct Term {
    FILE *stream;
    bool tty;          // a person may be looking: progress may be drawn over itself
    int width, height; // columns and lines; 80 × 24 where nothing says
    TermColors colors; // TERM_MONO: no escape sequence at all, and pictures in ASCII
    bool unicode;      // block elements and braille can be drawn
} Term;

// Looks at the stream and the environment: a pipe, a file, TERM=dumb or a non-empty NO_COLOR (no-color.org) give
// TERM_MONO; COLORTERM=truecolor|24bit or TERM ending in -direct give 16 million colours, any other terminal 256. The
// width is the terminal's, else COLUMNS, else 80.
Term term_open(FILE *stream);

// The next code point of a text, which may be hostile: a byte that is not valid UTF-8 (base/utf8.h) gives U+FFFD and
// moves on by one. `*text` must not be at the end.
int32_t text_next(const char **text);

// Columns that a text takes (wide East Asian characters two, combining marks none); control characters count as 0.
int text_width(const char *text);

// The bytes of the longest prefix that fits into `columns`, whole characters with their combining marks.
size_t text_fit(const char *text, int columns);
