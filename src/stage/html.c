#include "stage/html.h"
#include "stage/highlight.h"
#include "stage/html_kinds.h"
#include "stage/label.h"
#include "stage/tables.h"
#include "stage/terminal.h"
#include "stage/whole_file.h"
#include <math.h>
#include <string.h>

// The policy allows this page's own styles and the pictures in it, nothing from elsewhere and no script: a hostile
// prompt that got past the escaping could still do nothing.
static const char HEAD[] = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                           "'unsafe-inline'; img-src data:\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
                           "name=\"color-scheme\" content=\"light dark\">\n";

static void escape_as_is(FILE *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'    ? "&amp;"
                             : *text == '<'  ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;
        if (entity)
            fputs(entity, out);
        else
            fputc(*text, out);
    }
}

void html_escape(FILE *out, const char *text)
{
    Arena arena = { 0 };
    escape_as_is(out, label_text(&arena, text));
    arena_free(&arena);
}

void html_label(Html *html, const char *label) { escape_as_is(html->out, label_visible(html->arena, label)); }

void html_label_fit(Html *html, const char *label, int columns)
{
    escape_as_is(html->out, label_fit(html->arena, label, columns));
}

const char *html_color(Html *html, Rgb color)
{
    return arena_format(html->arena, "#%02x%02x%02x", color.r, color.g, color.b);
}

void svg_begin(Html *html, double width, double height, double shown, double least, const char *description)
{
    fprintf(html->out,
            "<div class=\"scroll\"><svg role=\"img\" viewBox=\"0 0 %.1f %.1f\" width=\"%.0f\" "
            "style=\"min-width:%.0fpx\" aria-label=\"",
            width, height, shown, width * least);
    html_escape(html->out, description);
    fputs("\">\n", html->out);
}

void svg_end(Html *html) { fputs("</svg></div>\n", html->out); }

static void html_tokens(Html *html, const Exhibit *exhibit)
{
    const TokenStrip *strip = &exhibit->tokens;
    Range found = strip->values ? range_of(strip->values, NULL, strip->n) : (Range){ 0, 0 };
    Range range = range_for_color((Range){ strip->low, strip->high }, found, strip->diverging);
    double most = fmax(fabs((double)found.low), fabs((double)found.high));
    fputs("<ol class=\"tokens\">\n", html->out);
    for (int i = 0; i < strip->n; i++) {
        fputs("<li><b", html->out);
        if (strip->values && isfinite(strip->values[i])) {
            Rgb color = color_on_paper(strip->values[i], range, strip->diverging);
            fprintf(html->out, " style=\"background:%s;color:%s\"", html_color(html, color),
                    color_wants_white_text(color) ? "#fff" : "#000");
        }
        fputc('>', html->out);
        html_label(html, strip->tokens[i]);
        fputs("</b>", html->out);
        if (strip->values)
            fprintf(html->out, "<small>%s</small>", label_among(html->arena, (double)strip->values[i], most));
        if (strip->notes) {
            fputs("<small>", html->out);
            html_label(html, strip->notes[i]);
            fputs("</small>", html->out);
        }
        fputs("</li>\n", html->out);
    }
    fputs("</ol>\n", html->out);
    if (strip->values) html_legend(html, range, strip->diverging, strip->unit);
}

static void write_table(Html *html, const Table *table)
{
    fputs("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>", html->out);
    bool *numeric = ARENA_ARRAY(html->arena, bool, table->n_columns);
    for (int c = 0; c < table->n_columns; c++) {
        numeric[c] = table->n_rows > 0;
        for (int r = 0; r < table->n_rows; r++) {
            const char *cell = table->cells[r * table->n_columns + c];
            numeric[c] &= !*cell || is_numeric(cell);
        }
        fprintf(html->out, "<th scope=\"col\"%s>", numeric[c] ? " class=\"num\"" : "");
        html_escape(html->out, table->header[c]);
        fputs("</th>", html->out);
    }
    fputs("</tr></thead>\n<tbody>\n", html->out);
    for (int r = 0; r < table->n_rows; r++) {
        fputs("<tr>", html->out);
        for (int c = 0; c < table->n_columns; c++) {
            fprintf(html->out, "<td%s>", numeric[c] ? " class=\"num\"" : "");
            const char *cell = table->cells[r * table->n_columns + c];
            if (*cell) html_label(html, cell);
            fputs("</td>", html->out);
        }
        fputs("</tr>\n", html->out);
    }
    fputs("</tbody></table></div>\n", html->out);
}

static void html_table(Html *html, const Exhibit *exhibit) { write_table(html, &exhibit->table); }

static void html_cost(Html *html, const Exhibit *exhibit)
{
    Table table = table_of_cost(html->arena, &exhibit->cost);
    write_table(html, &table);
    if (!exhibit->cost.device) return;
    fputs("<p class=\"legend\">measured on ", html->out);
    html_escape(html->out, exhibit->cost.device);
    fputs("</p>\n", html->out);
}

static void write_paragraphs(Html *html, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);
        fputs("<p>", html->out);
        html_escape(html->out, arena_format(html->arena, "%.*s", (int)n, text));
        fputs("</p>\n", html->out);
        text += n;
        text += strspn(text, "\n");
    }
}

static void html_text(Html *html, const Exhibit *exhibit) { write_paragraphs(html, exhibit->text.text); }

static void html_code(Html *html, const Exhibit *exhibit)
{
    static const char names[] = { [CODE_KEYWORD] = 'k', [CODE_TYPE] = 't',    [CODE_BUILTIN] = 'b',
                                  [CODE_NUMBER] = 'u',  [CODE_COMMENT] = 'c', [CODE_DIRECTIVE] = 'd' };
    const char *source = exhibit->code.source;
    int state = 0;
    CodeClass class;
    size_t n;
    fputs("<pre tabindex=\"0\"><code>", html->out);
    for (const char *run = source; (n = highlight_next(&source, &state, &class)); run = source) {
        if (class != CODE_PLAIN) fprintf(html->out, "<span class=\"%c\">", names[class]);
        html_escape(html->out, arena_format(html->arena, "%.*s", (int)n, run));
        if (class != CODE_PLAIN) fputs("</span>", html->out);
    }
    fputs("</code></pre>\n", html->out);
}

// Which kinds are pictures: those show their text form too.
static const struct {
    void (*write)(Html *, const Exhibit *);
    bool picture;
} writers[EXHIBIT_KINDS] = {
    [EXHIBIT_HEATMAP] = { html_heatmap, true }, [EXHIBIT_TOKENS] = { html_tokens, false },
    [EXHIBIT_BARS] = { html_bars, true },       [EXHIBIT_CURVE] = { html_curve, true },
    [EXHIBIT_VECTORS] = { html_vectors, true }, [EXHIBIT_GRAPH] = { html_graph, true },
    [EXHIBIT_IMAGE] = { html_image, true },     [EXHIBIT_CODE] = { html_code, false },
    [EXHIBIT_TABLE] = { html_table, false },    [EXHIBIT_TEXT] = { html_text, false },
    [EXHIBIT_COST] = { html_cost, false },
};

static void write_exhibit(FILE *out, const Exhibit *exhibit)
{
    Arena arena = { 0 };
    Html html = { out, &arena };
    bool prose = exhibit->kind == EXHIBIT_TEXT;
    fputs(prose ? "<div>\n" : "<figure>\n", out);
    if (*exhibit->title) {
        fputs("<h3>", out);
        html_escape(out, exhibit->title);
        fputs("</h3>\n", out);
    }
    writers[exhibit->kind].write(&html, exhibit);
    if (exhibit->finding) {
        fputs(prose ? "<p>" : "<figcaption>", out);
        html_escape(out, exhibit->finding);
        fputs(prose ? "</p>\n" : "</figcaption>\n", out);
    }
    if (writers[exhibit->kind].picture) {
        fputs("<details><summary>as text</summary><pre tabindex=\"0\">", out);
        escape_as_is(out, exhibit_as_text(&arena, exhibit, 100));
        fputs("</pre></details>\n", out);
    }
    fputs(prose ? "</div>\n" : "</figure>\n", out);
    arena_free(&arena);
}

// The kernels of a step in one figure, each folded to its name.
static void write_kernels(FILE *out, const Exhibit *const *exhibits, int n)
{
    fputs("<figure class=\"kernels\">\n<h3>Kernels</h3>\n", out);
    for (int i = 0; i < n; i++) {
        Arena arena = { 0 };
        fputs("<details><summary><code>", out);
        html_escape(out, exhibits[i]->title);
        fputs("</code> <small>", out);
        html_escape(out, exhibits[i]->finding);
        fputs("</small></summary>", out);
        html_code(&(Html){ out, &arena }, exhibits[i]);
        fputs("</details>\n", out);
        arena_free(&arena);
    }
    fputs("</figure>\n", out);
}

static void write_exhibits(FILE *out, const Exhibit *const *exhibits, int n)
{
    int first = n; // the kernels stand at the end
    while (first > 0 && exhibits[first - 1]->kind == EXHIBIT_CODE && exhibits[first - 1]->code.kernel) first--;
    for (int i = 0; i < first; i++) write_exhibit(out, exhibits[i]);
    if (first < n) write_kernels(out, exhibits + first, n - first);
}

static void write_start(FILE *out, const char *title)
{
    fputs(HEAD, out);
    fputs("<title>", out);
    html_escape(out, title);
    fputs("</title>\n", out);
    fputs("<style>\n", out);
    for (int i = 0; html_style[i]; i++) fprintf(out, "%s\n", html_style[i]);
    fputs("</style>\n", out);
    fputs("</head>\n<body>\n"
          "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs><marker id=\"arrow\" "
          "viewBox=\"0 0 8 8\" "
          "refX=\"6\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
          "<path class=\"arrow\" d=\"M0 0L8 4L0 8z\"/></marker></defs></svg>\n",
          out);
}

static void write_head(FILE *out, const Show *show)
{
    const Lecture *lecture = show_lecture(show);
    Arena arena = { 0 };
    write_start(out, lecture->title);
    fputs("<a class=\"skip\" href=\"#step-1\">To the first step</a>\n<header>\n<h1>", out);
    html_escape(out, lecture->title);
    fputs("</h1>\n<p class=\"params\">", out);
    html_escape(out, lecture->id);
    for (int i = 0; i < lecture->n_params; i++) {
        fprintf(out, " · %s <code>", lecture->params[i].name);
        html_escape(out, show_parameter(show, i, &arena));
        fputs("</code>", out);
    }
    fputs("</p>\n<nav aria-label=\"Steps\"><ol>\n", out);
    for (int i = 0; i < lecture->n_steps; i++) {
        fprintf(out, "<li><a href=\"#step-%d\">", i + 1);
        html_escape(out, lecture->steps[i].title);
        fputs("</a></li>\n", out);
    }
    fputs("</ol></nav>\n</header>\n<main>\n", out);
    arena_free(&arena);
}

static bool write_step(FILE *out, Show *show, int i, Error *err)
{
    const Lecture *lecture = show_lecture(show);
    const Step *step = &lecture->steps[i];
    const Exhibit *const *exhibits;
    int n;
    Arena arena = { 0 };
    Html html = { out, &arena };
    if (!show_step(show, i, &exhibits, &n, err)) return false;
    fprintf(out, "<section id=\"step-%d\">\n<h2><span class=\"n\">%d</span> <span>", i + 1, i + 1);
    html_escape(out, step->title);
    fputs("</span></h2>\n", out);
    if (step->text) write_paragraphs(&html, step->text);
    if (step->question) {
        fputs("<div class=\"question\"><p><strong>Before you look:</strong> ", out);
        html_escape(out, step->question);
        fputs("</p></div>\n<details class=\"answer\"><summary>Now look</summary>\n", out);
    }
    write_exhibits(out, exhibits, n);
    if (step->question) fputs("</details>\n", out);
    fputs("<p class=\"moves\">", out);
    if (i > 0)
        fprintf(out, "<a href=\"#step-%d\">← back</a>", i);
    else
        fputs("<span></span>", out);
    if (i + 1 < lecture->n_steps) fprintf(out, "<a href=\"#step-%d\">next →</a>", i + 2);
    fputs("</p>\n</section>\n", out);
    arena_free(&arena);
    return true;
}

bool html_write(Show *show, const char *path, Error *err)
{
    FileWriter writer;
    if (!whole_file_begin(&writer, path, err)) return false;
    write_head(writer.stream, show);
    bool ok = true;
    for (int i = 0; ok && i < show_lecture(show)->n_steps; i++) ok = write_step(writer.stream, show, i, err);
    fputs("</main>\n<footer>Written by lectern from one run of this lecture.</footer>\n</body>\n</html>\n",
          writer.stream);
    return whole_file_end(&writer, ok, err);
}
