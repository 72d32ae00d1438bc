#include "base/progress.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { BAR_CELLS = 20 };
static const double REDRAW_SECONDS = 0.1;

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void format_si(double value, char out[16])
{
    static const char *const prefixes[] = { "", "k", "M", "G", "T", "P", "E" };
    size_t i = 0;
    double size = fabs(value);
    // 999.5 would print as 1000, so the next prefix starts there.
    while (size >= 999.5 && i + 1 < sizeof prefixes / sizeof *prefixes) size /= 1000, value /= 1000, i++;
    int decimals = i == 0 && value == floor(value) ? 0 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    snprintf(out, 16, "%.*f %s", decimals, value, prefixes[i]);
}

void format_seconds(double seconds, char out[16])
{
    if (!(seconds >= 0 && seconds < 3.6e8)) {
        snprintf(out, 16, "?");
        return;
    }
    unsigned s = (unsigned)(seconds + 0.5);
    if (s < 3600)
        snprintf(out, 16, "%u:%02u", s / 60, s % 60);
    else
        snprintf(out, 16, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
}

void progress_begin(Progress *progress, const char *label, uint64_t total, const char *unit)
{
    *progress = (Progress){ .term = term_open(stderr), .label = label, .total = total, .unit = unit };
    progress->start = clock_seconds();
    progress->drawn = -1;
}

// "█████▍              " or "#####               "
static size_t draw_bar(const Progress *p, char *out)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    double share = p->done >= p->total ? 1 : (double)p->done / (double)p->total;
    int filled = (int)(share * BAR_CELLS * 8), full = filled / 8, used = full;
    size_t n = 0;
    for (int i = 0; i < full; i++) n += (size_t)sprintf(out + n, "%s", p->term.unicode ? "█" : "#");
    if (filled % 8 && p->term.unicode) n += (size_t)sprintf(out + n, "%s", eighths[filled % 8]), used++;
    for (int i = used; i < BAR_CELLS; i++) n += (size_t)sprintf(out + n, "%s", p->term.unicode ? "░" : ".");
    return n;
}

void progress_update(Progress *progress, uint64_t done, const char *extra, ...)
{
    double now = clock_seconds();
    if (!progress->started) progress->started = true, progress->start_done = done, progress->start = now;
    progress->done = done;
    if (!progress->term.tty || (progress->drawn >= 0 && now - progress->drawn < REDRAW_SECONDS)) return;
    progress->drawn = now;

    char line[512], number[16], of[16], rate[16], left[16];
    double elapsed = now - progress->start, moved = (double)(done - progress->start_done);
    size_t n = (size_t)snprintf(line, 160, "%.*s ", 100, progress->label);
    if (progress->total) n += draw_bar(progress, line + n);
    format_si((double)done, number);
    n += (size_t)snprintf(line + n, 64, " %s", number);
    if (progress->total) {
        format_si((double)progress->total, of);
        n += (size_t)snprintf(line + n, 64, "/ %s", of);
    }
    n += (size_t)snprintf(line + n, 64, "%.32s", progress->unit);
    if (elapsed > 0 && moved > 0) {
        format_si(moved / elapsed, rate);
        n += (size_t)snprintf(line + n, 64, " · %s%.32s/s", rate, progress->unit);
        if (progress->total > done) {
            format_seconds((double)(progress->total - done) * elapsed / moved, left);
            n += (size_t)snprintf(line + n, 64, " · %s left", left);
        }
    }
    if (extra && n + 8 < sizeof line) {
        n += (size_t)snprintf(line + n, sizeof line - n, " · ");
        va_list list;
        va_start(list, extra);
        vsnprintf(line + n, sizeof line - n, extra, list);
        va_end(list);
    }
    // The last column stays free: some terminals wrap as soon as it is written.
    fprintf(stderr, "\r%.*s\x1b[K", (int)text_fit(line, progress->term.width - 1), line);
    fflush(stderr);
    progress->visible = true;
}

void progress_clear(Progress *progress)
{
    if (progress->visible) fprintf(stderr, "\r\x1b[K"), fflush(stderr);
    progress->visible = false;
    progress->drawn = -1;
}

void progress_end(Progress *progress) { progress_clear(progress); }
