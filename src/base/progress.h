// One line that says how far a long job is: label, bar, done/total, whatever else matters (a loss), rate, time left. It
// is redrawn over itself at most ten times a second on standard error, is not drawn at all where that is not a terminal,
// and leaves nothing behind. On a narrow terminal the bar shrinks, then whole fields go, the last one first.
#pragma once
#include "base/term.h"
#include <stdint.h>

typedef struct Progress {
    Term term;
    const char *label, *unit; // "tokenizer", "tokens"; either may be "": without a unit there is no rate
    uint64_t done, total;     // total 0: not known, then no bar and no time left
    double start, drawn;      // seconds of the monotonic clock
    uint64_t start_done;      // `done` of the first call: a resumed job's rate counts only what this run did
    bool visible, started;
} Progress;

void progress_begin(Progress *progress, const char *label, uint64_t total, const char *unit);

// `extra` (printf's rules, or NULL) holds fields with a | between them, shown behind the count: "loss 2.3456|850 tokens/s".
void progress_update(Progress *progress, uint64_t done, const char *extra, ...) __attribute__((format(printf, 3, 4)));

// The line as it is drawn at the time `now` (clock_seconds), for progress->term.width columns.
enum { PROGRESS_BYTES = 1024 };
void progress_line(const Progress *progress, double now, const char *extra, char out[PROGRESS_BYTES]);

// Clears the line, so that something else can be printed; the next update draws it again at once.
void progress_clear(Progress *progress);
void progress_end(Progress *progress);

double clock_seconds(void); // of the monotonic clock

// "850 ", "12.3 k", "4.56 M", "1.20 G": three digits and a prefix, for rates and sizes.
void format_si(double value, char out[16]);
void format_seconds(double seconds, char out[16]); // "0:07", "12:34", "3:05:00"
