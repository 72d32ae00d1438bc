#include "stage/terminal.h"
#include "base/error.h"
#include "stage/highlight.h"
#include "stage/tables.h"
#include "stage/terminal_kinds.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { PROSE_COLUMNS = 88 }; // longer lines of prose are hard to read

void style_bold(const Term *term)
{
    if (term->colors) fputs("\x1b[1m", term->stream);
}

void style_dim(const Term *term)
{
    if (term->colors) fputs("\x1b[2m", term->stream);
}

void style_reset(const Term *term)
{
    if (term->colors) fputs("\x1b[0m", term->stream);
}

static void set_color(const Term *term, int layer, Rgb color)
{
    if (term->colors == TERM_TRUECOLOR) fprintf(term->stream, "\x1b[%d;2;%d;%d;%dm", layer, color.r, color.g, color.b);
    if (term->colors == TERM_256) fprintf(term->stream, "\x1b[%d;5;%dm", layer, color_to_256(color));
}

void style_foreground(const Term *term, Rgb color) { set_color(term, 38, color); }

void style_background(const Term *term, Rgb color)
{
    set_color(term, 48, color);
    set_color(term, 38, color_wants_white_text(color) ? (Rgb){ 255, 255, 255 } : (Rgb){ 0, 0, 0 });
}

void pen_repeat(const Pen *pen, const char *text, int times)
{
    for (int i = 0; i < times; i++) fputs(text, pen->out);
}

void pen_margin(const Pen *pen) { pen_repeat(pen, " ", TERMINAL_MARGIN); }

static void pen_padded(const Pen *pen, const char *text, int columns, int before, int after)
{
    pen_repeat(pen, " ", before);
    fputs(label_fit(pen->arena, text, columns), pen->out);
    pen_repeat(pen, " ", after);
}

static int spare(const Pen *pen, const char *text, int columns)
{
    return columns - text_width(label_fit(pen->arena, text, columns));
}

void pen_left(const Pen *pen, const char *text, int columns)
{
    pen_padded(pen, text, columns, 0, spare(pen, text, columns));
}

void pen_right(const Pen *pen, const char *text, int columns)
{
    pen_padded(pen, text, columns, spare(pen, text, columns), 0);
}

void pen_center(const Pen *pen, const char *text, int columns)
{
    int left = spare(pen, text, columns) / 2;
    pen_padded(pen, text, columns, left, spare(pen, text, columns) - left);
}

void terminal_legend(Pen *pen, Range range, bool diverging, const char *unit)
{
    const char *low = label_number(pen->arena, range.low, NULL), *high = label_number(pen->arena, range.high, unit);
    int cells = terminal_legend_width(pen, range, unit) - text_width(low) - text_width(high) - 2;
    fputs(low, pen->out);
    fputs(pen->term->colors ? " " : " to ", pen->out);
    for (int i = 0; i < cells && pen->term->colors; i++) {
        float t = ((float)i + 0.5F) / (float)cells;
        style_background(pen->term, color_of_value(range.low + t * (range.high - range.low), range, diverging));
        fputc(' ', pen->out);
    }
    style_reset(pen->term);
    if (pen->term->colors) fputc(' ', pen->out);
    fputs(label_fit(pen->arena, high, pen->width - text_width(low) - 4), pen->out);
}

int terminal_legend_width(Pen *pen, Range range, const char *unit)
{
    enum { CELLS = 24 };
    int ends =
        text_width(label_number(pen->arena, range.low, NULL)) + text_width(label_number(pen->arena, range.high, unit));
    if (!pen->term->colors) return ends + 4;
    return ends + 2 + CELLS < pen->width ? ends + 2 + CELLS : pen->width;
}

static void write_prose(const Pen *pen, const char *text)
{
    int columns = pen->width < PROSE_COLUMNS ? pen->width : PROSE_COLUMNS, n;
    const char *line;
    text = label_text(pen->arena, text);
    while ((n = wrap_line(&text, columns, &line)) >= 0) {
        if (n) pen_margin(pen);
        fprintf(pen->out, "%.*s\n", n, line);
    }
}

static void terminal_text(Pen *pen, const Exhibit *exhibit) { write_prose(pen, exhibit->text.text); }

static int count_lines(const char *source)
{
    int lines = 0;
    for (; *source; source++) lines += *source == '\n' || source[1] == '\0';
    return lines;
}

// Where the next piece of a source goes.
typedef struct CodeCursor {
    Pen *pen;
    int from, to; // the lines of the screen that are written
    int row, column, line, digits;
} CodeCursor;

static bool is_written(const CodeCursor *at) { return at->row >= at->from && at->row < at->to; }

// The margin with the line's number, or without one where a long line goes on.
static void begin_code_row(CodeCursor *at, bool numbered)
{
    at->column = at->digits + 2;
    if (!is_written(at)) return;
    pen_margin(at->pen);
    style_dim(at->pen->term);
    if (numbered)
        fprintf(at->pen->out, "%*d  ", at->digits, at->line + 1);
    else
        pen_repeat(at->pen, " ", at->column);
    style_reset(at->pen->term);
}

static void end_code_row(CodeCursor *at)
{
    if (is_written(at)) fputc('\n', at->pen->out);
    at->row++;
    at->column = 0;
}

// A run of one colour, broken at spaces where it can be.
static void write_code_run(CodeCursor *at, const char *text, const Rgb *color)
{
    while (*text) {
        size_t space = strspn(text, " "), word = space + strcspn(text + space, " ");
        const char *piece = arena_format(at->pen->arena, "%.*s", (int)word, text);
        if (at->column + text_width(piece) > at->pen->width && at->column > at->digits + 2) {
            end_code_row(at);
            begin_code_row(at, false);
            text += space;
            continue;
        }
        size_t fits = text_fit(piece, at->pen->width - at->column);
        if (fits == 0) fits = word; // no room at all
        if (is_written(at)) {
            if (color) style_foreground(at->pen->term, *color);
            fprintf(at->pen->out, "%.*s", (int)fits, piece);
            if (color) style_reset(at->pen->term);
        }
        at->column += text_width(piece);
        text += fits;
    }
}

// Returns how many lines of the screen the source takes.
static int write_code(Pen *pen, const char *source, int from, int to)
{
    static const Rgb colors[] = {
        [CODE_KEYWORD] = { 197, 134, 192 }, [CODE_TYPE] = { 78, 180, 170 },     [CODE_BUILTIN] = { 110, 170, 240 },
        [CODE_NUMBER] = { 200, 150, 90 },   [CODE_COMMENT] = { 120, 150, 100 }, [CODE_DIRECTIVE] = { 160, 140, 210 },
    };
    int lines = count_lines(source), state = 0;
    CodeCursor at = { .pen = pen, .from = from, .to = to, .digits = lines < 100 ? 2 : lines < 1000 ? 3 : 5 };
    size_t n;
    CodeClass class;
    for (const char *run = source; (n = highlight_next(&source, &state, &class)); run = source) {
        if (at.column == 0) begin_code_row(&at, true);
        if (*run == '\n')
            end_code_row(&at), at.line++;
        else
            write_code_run(&at, label_text(pen->arena, arena_format(pen->arena, "%.*s", (int)n, run)),
                           class == CODE_PLAIN ? NULL : &colors[class]);
    }
    if (at.column) end_code_row(&at);
    return at.row;
}

int terminal_code(const Term *term, const char *source, int from, int to)
{
    Arena arena = { 0 };
    Pen pen = { .term = term, .out = term->stream, .arena = &arena, .width = term->width - TERMINAL_MARGIN };
    int rows = write_code(&pen, source, from, to);
    arena_free(&arena);
    return rows;
}

static void terminal_source(Pen *pen, const Exhibit *exhibit) { write_code(pen, exhibit->code.source, 0, INT_MAX); }

// A kernel on one line: its source is a key away.
static void name_kernel(Pen *pen, const Code *code)
{
    style_dim(pen->term);
    write_prose(pen, arena_format(pen->arena, "%s: %d lines, on the key k", code->title, count_lines(code->source)));
    style_reset(pen->term);
}

static void terminal_cost(Pen *pen, const Exhibit *exhibit)
{
    Exhibit table = { .kind = EXHIBIT_TABLE, .table = table_of_cost(pen->arena, &exhibit->cost) };
    terminal_table(pen, &table);
}

static void (*const writers[EXHIBIT_KINDS])(Pen *, const Exhibit *) = {
    [EXHIBIT_HEATMAP] = terminal_heatmap, [EXHIBIT_TOKENS] = terminal_tokens,   [EXHIBIT_BARS] = terminal_bars,
    [EXHIBIT_CURVE] = terminal_curve,     [EXHIBIT_VECTORS] = terminal_vectors, [EXHIBIT_GRAPH] = terminal_graph,
    [EXHIBIT_IMAGE] = terminal_image,     [EXHIBIT_CODE] = terminal_source,     [EXHIBIT_TABLE] = terminal_table,
    [EXHIBIT_TEXT] = terminal_text,       [EXHIBIT_COST] = terminal_cost,
};

// Runs `write` into memory, for plain text: padding at the ends of its lines is cut. The caller frees the text.
static char *in_memory(const Pen *pen, const Exhibit *exhibit, void (*write)(Pen *, const Exhibit *))
{
    char *text = NULL;
    size_t size = 0, end = 0;
    Term term = *pen->term;
    Pen inner = *pen;
    inner.term = &term;
    inner.out = term.stream = open_memstream(&text, &size);
    CHECK(inner.out, "terminal: no memory for a stream");
    write(&inner, exhibit);
    fclose(inner.out);
    for (size_t i = 0; i < size; i++) {
        while (text[i] == '\n' && end > 0 && text[end - 1] == ' ') end--;
        text[end++] = text[i];
    }
    text[end] = '\0';
    return text;
}

static void write_exhibit(Pen *pen, const Exhibit *exhibit)
{
    if (exhibit->kind == EXHIBIT_CODE && exhibit->code.kernel && pen->folded) {
        name_kernel(pen, &exhibit->code);
        return;
    }
    if (*exhibit->title) {
        style_bold(pen->term);
        write_prose(pen, exhibit->title);
        style_reset(pen->term);
    }
    writers[exhibit->kind](pen, exhibit);
    if (exhibit->finding) {
        style_dim(pen->term);
        write_prose(pen, arena_format(pen->arena, "%s%s", pen->term->unicode ? "▸ " : "> ", exhibit->finding));
        style_reset(pen->term);
    }
    fputc('\n', pen->out);
}

void terminal_exhibit(const Term *term, const Exhibit *exhibit, bool folded)
{
    Arena arena = { 0 };
    Pen pen = { term, term->stream, &arena, term->width - TERMINAL_MARGIN, folded };
    if (term->colors) {
        write_exhibit(&pen, exhibit);
    } else {
        char *text = in_memory(&pen, exhibit, write_exhibit);
        fputs(text, term->stream);
        free(text);
    }
    arena_free(&arena);
}

const char *exhibit_as_text(Arena *arena, const Exhibit *exhibit, int columns)
{
    Arena scratch = { 0 };
    Term term = { .width = columns + TERMINAL_MARGIN, .height = 24 };
    char *text = in_memory(&(Pen){ &term, NULL, &scratch, columns, false }, exhibit, writers[exhibit->kind]);
    const char *copy = arena_format(arena, "%s", text);
    free(text);
    arena_free(&scratch);
    return copy;
}

void terminal_lecture_head(const Term *term, const char *title, const char *id)
{
    fputc('\n', term->stream);
    pen_margin(&(Pen){ .term = term, .out = term->stream });
    style_bold(term);
    style_foreground(term, color_of_series(5));
    fputs(title, term->stream);
    style_reset(term);
    style_dim(term);
    fprintf(term->stream, "  %s\n\n", id);
    style_reset(term);
}

void terminal_step_head(const Term *term, int index, int n_steps, const char *title, const char *text)
{
    Arena arena = { 0 };
    Pen pen = { .term = term, .out = term->stream, .arena = &arena, .width = term->width - TERMINAL_MARGIN };
    style_bold(term);
    write_prose(&pen, arena_format(&arena, "%d/%d  %s", index + 1, n_steps, title));
    style_reset(term);
    pen_margin(&pen);
    style_dim(term);
    pen_repeat(&pen, term->unicode ? "─" : "-", pen.width < PROSE_COLUMNS ? pen.width : PROSE_COLUMNS);
    style_reset(term);
    fputc('\n', term->stream);
    if (text) write_prose(&pen, text);
    fputc('\n', term->stream);
    arena_free(&arena);
}
