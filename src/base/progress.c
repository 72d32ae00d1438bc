#include "base/progress.h"
#include <inttypes.h>
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

// "█████▍  " or "#####..."
static size_t draw_bar(const Progress *p, int cells, char *out)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    double share = p->done >= p->total ? 1 : (double)p->done / (double)p->total;
    int filled = (int)(share * cells * 8), full = filled / 8, used = full;
    size_t n = 0;
    for (int i = 0; i < full; i++) n += (size_t)sprintf(out + n, "%s", p->term.unicode ? "█" : "#");
    if (filled % 8 && p->term.unicode) n += (size_t)sprintf(out + n, "%s", eighths[filled % 8]), used++;
    for (int i = used; i < cells; i++) n += (size_t)sprintf(out + n, "%s", p->term.unicode ? "░" : ".");
    return n;
}

static bool in_bytes(const Progress *p) { return !strcmp(p->unit, "B"); }

// "120/2000 steps"; bytes are large, and get three digits and a prefix: "12.3 M/98.4 MB"
static void format_count(const Progress *p, char *out, size_t size)
{
    char done[24], of[24] = "";
    if (in_bytes(p)) {
        format_si((double)p->done, done);
        format_si((double)p->total, of);
    } else {
        snprintf(done, sizeof done, "%" PRIu64, p->done);
        snprintf(of, sizeof of, "%" PRIu64, p->total);
    }
    snprintf(out, size, "%s%s%s%s%.32s", done, p->total ? "/" : "", p->total ? of : "",
             in_bytes(p) || !*p->unit ? "" : " ", p->unit);
}

// "1.23 MB/s", "12.3 k tokens/s"; "" while nothing is known, or the job has no unit
static void format_rate(const Progress *p, double rate, char *out, size_t size)
{
    char number[16] = "";
    if (rate > 0) format_si(rate, number);
    bool prefixed = *number && number[strlen(number) - 1] != ' ';
    snprintf(out, size, "%s%s%.32s/s", number, prefixed && !in_bytes(p) ? " " : "", p->unit);
    if (!*number || !*p->unit) *out = '\0';
}

// "1:23 left"
static void format_left(const Progress *p, double rate, char *out, size_t size)
{
    char left[16];
    *out = '\0';
    if (rate <= 0 || p->total <= p->done) return;
    format_seconds((double)(p->total - p->done) / rate, left);
    snprintf(out, size, "%s left", left);
}

// Appends a field whole, if it fits into what is left of the line; false where it doesn't.
static bool add_field(char line[PROGRESS_BYTES], int *room, const char *field)
{
    size_t used = strlen(line);
    int columns = text_width(field) + (used ? 2 : 0);
    if (columns > *room || used + strlen(field) + 3 > PROGRESS_BYTES / 2) return false;
    snprintf(line + used, PROGRESS_BYTES - used, "%s%s", used ? "  " : "", field);
    *room -= columns;
    return true;
}

void progress_line(const Progress *p, double now, const char *extra, char out[PROGRESS_BYTES])
{
    double moved = (double)(p->done - p->start_done), elapsed = now - p->start;
    double rate = moved > 0 && elapsed > 0 ? moved / elapsed : 0;
    char text[PROGRESS_BYTES], count[96], speed[64], left[32], line[PROGRESS_BYTES] = "";
    const char *fields[16];
    size_t n = 0;
    format_count(p, count, sizeof count);
    format_rate(p, rate, speed, sizeof speed);
    format_left(p, rate, left, sizeof left);
    snprintf(text, sizeof text, "%s", extra);
    for (char *rest = text, *field; (field = strsep(&rest, "|")) && n < 12;) fields[n++] = field;
    fields[n++] = speed;
    fields[n++] = left;

    int room = p->term.width - 1; // the last column stays free: some terminals wrap as soon as it is written
    int label = *p->label ? text_width(p->label) + 1 : 0;
    bool labelled = label && label + text_width(count) <= room;
    if (labelled) room -= label;
    bool fits = add_field(line, &room, count);
    for (size_t i = 0; i < n && fits; i++)
        if (*fields[i]) fits = add_field(line, &room, fields[i]);
    int cells = p->total ? (room - 1) / 4 * 4 : 0; // in fours, so that it doesn't change with every digit
    size_t used = labelled ? (size_t)snprintf(out, PROGRESS_BYTES / 4, "%s ", p->label) : 0;
    if (cells > 0) {
        used += draw_bar(p, cells < BAR_CELLS ? cells : BAR_CELLS, out + used);
        out[used++] = ' ';
    }
    snprintf(out + used, PROGRESS_BYTES - used, "%s", line);
}

void progress_update(Progress *progress, uint64_t done, const char *extra, ...)
{
    double now = clock_seconds();
    if (!progress->started) progress->started = true, progress->start_done = done, progress->start = now;
    progress->done = done;
    if (!progress->term.tty || (progress->drawn >= 0 && now - progress->drawn < REDRAW_SECONDS)) return;
    progress->drawn = now;
    char fields[PROGRESS_BYTES] = "", line[PROGRESS_BYTES];
    if (extra) {
        va_list list;
        va_start(list, extra);
        vsnprintf(fields, sizeof fields, extra, list);
        va_end(list);
    }
    progress_line(progress, now, fields, line);
    fprintf(stderr, "\r%s\x1b[K", line);
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
