// What is in a model's file. One JSON value is made of it, and printed as it is or as tables.
#include "base/assets.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "formats/json_file.h"
#include "formats/safetensors.h"
#include "models/model.h"
#include "text/chat.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_ELEMENTS = 8, PIPED_COLUMNS = 160 };

// ---- The JSON value ------------------------------------------------------------------------------------------------

// Text of a file, which may be no UTF-8: then each bad byte is U+FFFD.
static json_t *text_json(StringView text)
{
    json_t *json = json_stringn(text.data, text.size);
    if (json) return json;
    char *good = mem_alloc(3 * text.size + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.size;) {
        int length = utf8_length(text.data + i, text.size - i);
        if (length > 0)
            memcpy(good + n, text.data + i, (size_t)length), n += (size_t)length, i += (size_t)length;
        else
            n += (size_t)utf8_write(0xfffd, good + n), i++;
    }
    json = json_stringn(good, n);
    free(good);
    return json;
}

static void set(json_t *object, StringView key, json_t *value)
{
    json_t *name = text_json(key);
    json_object_set_new(object, json_string_value(name), value);
    json_decref(name);
}

static json_t *real_json(double x)
{
    return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

// The shortest decimal that is this float: 1e-5, not 9.99999975e-6.
static json_t *float_json(float x)
{
    char text[32];
    for (int digits = 6; isfinite(x) && digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x) return json_real(strtod(text, NULL));
    }
    return real_json((double)x);
}

// Element i of a value; integers over 2⁶³ − 1 as reals.
static json_t *element_json(const GgufValue *v, size_t i)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } x = { 0 };
    static const uint8_t bytes[] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
        [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8
    };
    if (v->type == GGUF_ARRAY) return json_string("[…]");
    if (v->type == GGUF_STRING) return text_json(v->strings[i]);
    memcpy(&x, v->data + i * bytes[v->type], bytes[v->type]);
    switch (v->type) {
    case GGUF_U8: return json_integer(x.u8);
    case GGUF_I8: return json_integer(x.i8);
    case GGUF_U16: return json_integer(x.u16);
    case GGUF_I16: return json_integer(x.i16);
    case GGUF_U32: return json_integer(x.u32);
    case GGUF_I32: return json_integer(x.i32);
    case GGUF_BOOL: return json_boolean(x.u8);
    case GGUF_U64: return x.u64 <= INT64_MAX ? json_integer((json_int_t)x.u64) : json_real((double)x.u64);
    case GGUF_I64: return json_integer(x.i64);
    case GGUF_F32: return float_json(x.f32);
    default: return real_json(x.f64);
    }
}

// A scalar, a short array, or { "count": n, "first": [...] }.
static json_t *value_json(const GgufValue *v)
{
    if (!v->is_array) return element_json(v, 0);
    json_t *list = json_array();
    for (size_t i = 0; i < v->count && i < SHOWN_ELEMENTS; i++) json_array_append_new(list, element_json(v, i));
    return v->count <= SHOWN_ELEMENTS ? list : json_pack("{s:I, s:o}", "count", (json_int_t)v->count, "first", list);
}

static void add_tensor(json_t *report, StringView name, const char *type, int n_dims, const int64_t *shape,
                       size_t bytes)
{
    json_t *dims = json_array(), *types = json_object_get(report, "types"), *total = json_object_get(types, type);
    json_int_t elements = 1;
    for (int i = 0; i < n_dims; i++) json_array_append_new(dims, json_integer(shape[i])), elements *= shape[i];
    json_array_append_new(json_object_get(report, "tensors"),
                          json_pack("{s:o, s:s, s:o, s:I}", "name", text_json(name), "type", type, "shape", dims,
                                    "bytes", (json_int_t)bytes));
    json_int_t n = json_integer_value(json_object_get(total, "tensors")) + 1;
    elements += json_integer_value(json_object_get(total, "elements"));
    bytes += (size_t)json_integer_value(json_object_get(total, "bytes"));
    json_object_set_new(types, type,
                        json_pack("{s:I, s:I, s:I}", "tensors", n, "elements", elements, "bytes", (json_int_t)bytes));
}

static json_t *new_report(const char *path, const char *format, size_t bytes)
{
    return json_pack("{s:o, s:s, s:I, s:{}, s:[], s:{}, s:{}}", "path", text_json(string_view(path)), "format", format,
                     "bytes", (json_int_t)bytes, "metadata", "tensors", "types", "runs");
}

// What lectern can do with a part: yes, or why not, without the path that every line would repeat.
static void add_verdict(json_t *report, const char *part, const char *path, const Error *err)
{
    size_t length = strlen(path);
    const char *why = err->message;
    if (!strncmp(why, path, length) && !strncmp(why + length, ": ", 2)) why += length + 2;
    json_object_set_new(json_object_get(report, "runs"), part,
                        *why ? json_pack("{s:b, s:o}", "can", 0, "why", text_json(string_view(why)))
                             : json_pack("{s:b}", "can", 1));
}

static void add_verdicts(json_t *report, const char *path, ModelCheck check)
{
    add_verdict(report, "architecture", path, &check.config);
    add_verdict(report, "weights", path, &check.weights);
    add_verdict(report, "tokenizer", path, &check.tokenizer);
}

// How its conversations are written: a template that lectern knows, null for another one; nothing where there is none.
static void add_chat_template(json_t *report, const char *path)
{
    char *program;
    if (!model_chat_program(path, &program, NULL) || !program) return;
    const ChatTemplate *known = chat_template_recognise(string_view(program));
    json_object_set_new(report, "chat_template", known ? json_string(known->name) : json_null());
    free(program);
}

static json_t *report_gguf(const char *path, Error *err)
{
    Gguf *g = gguf_open(path, err);
    if (!g) return NULL;
    json_t *report = new_report(path, "GGUF", g->map.size), *metadata = json_object_get(report, "metadata");
    json_object_set_new(report, "version", json_integer(g->version));
    for (size_t i = 0; i < g->n_values; i++) set(metadata, g->values[i].key, value_json(&g->values[i]));
    for (size_t i = 0; i < g->n_tensors; i++) {
        const GgufTensor *t = &g->tensors[i];
        add_tensor(report, t->name, ggml_type_info(t->type)->name, t->n_dims, t->shape, t->bytes);
    }
    add_verdicts(report, path, model_check(g));
    gguf_close(g);
    return report;
}

// config.json beside the weights, where there is one that can be read.
static void add_config(json_t *report, const char *folder)
{
    char *path = path_join(folder, "config.json");
    json_t *config = json_file_read(path, NULL);
    if (config) json_object_set_new(report, "config", config);
    free(path);
}

static json_t *report_safetensors(const char *path, Error *err)
{
    Safetensors *s = safetensors_open(path, err);
    if (!s) return NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < s->n_files; i++) bytes += s->files[i].map.size;
    json_t *report = new_report(path, "safetensors", bytes);
    json_object_set_new(report, "files", json_integer((json_int_t)s->n_files));
    if (s->metadata) json_object_update(json_object_get(report, "metadata"), (json_t *)s->metadata);
    if (dir_exists(path)) add_config(report, path);
    for (size_t i = 0; i < s->n_tensors; i++) {
        const SafetensorsTensor *t = &s->tensors[i];
        add_tensor(report, t->name, t->type->name, t->n_dims, t->shape, t->bytes);
    }
    add_verdicts(report, path, model_check_hub(s));
    safetensors_close(s);
    return report;
}

// ---- Tables --------------------------------------------------------------------------------------------------------

typedef struct Page {
    int columns; // where lines are cut: the terminal's, or where a long text would be in the way
} Page;

// Cuts what is too long and escapes what would steer a terminal.
static void print_line(const Page *page, const char *text)
{
    char *line = mem_alloc(4 * strlen(text) + 8);
    size_t n = 0;
    for (const char *at = text; *at;) {
        const char *from = at;
        int32_t code = text_next(&at);
        if (code == '\n')
            n += (size_t)sprintf(line + n, "\\n");
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            n += (size_t)sprintf(line + n, "\\x%02x", (unsigned)code);
        else
            memcpy(line + n, from, (size_t)(at - from)), n += (size_t)(at - from);
    }
    line[n] = '\0';
    if (text_width(line) > page->columns) {
        size_t fits = text_fit(line, page->columns - 1);
        printf("%.*s…\n", (int)fits, line);
    } else
        printf("%s\n", line);
    free(line);
}

// "name   rest" where both fit side by side, else the rest on a line of its own.
static void print_pair(const Page *page, const char *name, int name_columns, const char *rest)
{
    int pad = name_columns - text_width(name);
    char *line = name_columns ? mem_format("  %s%*s  %s", name, pad > 0 ? pad : 0, "", rest) : mem_format("  %s", name);
    print_line(page, line);
    free(line);
    if (name_columns) return;
    line = mem_format("      %s", rest);
    print_line(page, line);
    free(line);
}

static char *element_text(const json_t *value)
{
    if (json_is_string(value)) return mem_format("\"%s\"", json_string_value(value));
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)), *text = mem_string(dump ? dump : "?");
    free(dump);
    return text;
}

static char *value_text(const json_t *value)
{
    if (json_is_string(value)) return mem_string(json_string_value(value));
    const json_t *first = json_is_object(value) ? json_object_get(value, "first") : value;
    if (!json_is_array(first)) return element_text(value);
    size_t size = 0;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &size);
    if (first != value) fprintf(stream, "%lld: ", (long long)json_integer_value(json_object_get(value, "count")));
    for (size_t i = 0; i < json_array_size(first); i++) {
        char *element = element_text(json_array_get(first, i));
        fprintf(stream, "%s%s", i ? ", " : "", element);
        free(element);
    }
    if (first != value) fprintf(stream, ", …");
    fclose(stream);
    return text;
}

static void print_object(const Page *page, const json_t *object, const char *title)
{
    const char *key;
    json_t *value;
    int widest = 0;
    if (json_object_size(object) == 0) return;
    printf("\n%s: %zu\n", title, json_object_size(object));
    json_object_foreach((json_t *)object, key, value) if (text_width(key) > widest) widest = text_width(key);
    json_object_foreach((json_t *)object, key, value)
    {
        char *text = value_text(value);
        print_pair(page, key, widest + 16 > page->columns ? 0 : widest, text);
        free(text);
    }
}

static void print_tensors(const Page *page, const json_t *report)
{
    size_t i;
    json_t *tensor, *tensors = json_object_get(report, "tensors");
    int names = 0, shapes = 0;
    printf("\ntensors: %zu\n", json_array_size(tensors));
    char **shape = NEW_ARRAY(char *, json_array_size(tensors));
    json_array_foreach(tensors, i, tensor)
    {
        shape[i] = value_text(json_object_get(tensor, "shape"));
        int name = text_width(json_string_value(json_object_get(tensor, "name")));
        if (name > names) names = name;
        if ((int)strlen(shape[i]) > shapes) shapes = (int)strlen(shape[i]);
    }
    if (names + shapes + 25 > page->columns) names = 0;
    json_array_foreach(tensors, i, tensor)
    {
        char bytes[16];
        format_si((double)json_integer_value(json_object_get(tensor, "bytes")), bytes);
        char *rest = mem_format("%-7s [%s]%*s %8sB", json_string_value(json_object_get(tensor, "type")), shape[i],
                                shapes - (int)strlen(shape[i]), "", bytes);
        print_pair(page, json_string_value(json_object_get(tensor, "name")), names, rest);
        free(rest);
        free(shape[i]);
    }
    free(shape);
}

static void print_types(const json_t *report)
{
    const char *type;
    json_t *total;
    printf("\nby type %7s %9s %11s\n", "tensors", "numbers", "bytes");
    json_object_foreach(json_object_get(report, "types"), type, total)
    {
        char elements[16], bytes[16];
        format_si((double)json_integer_value(json_object_get(total, "elements")), elements);
        format_si((double)json_integer_value(json_object_get(total, "bytes")), bytes);
        printf("  %-7s %5lld %9s %10sB\n", type, (long long)json_integer_value(json_object_get(total, "tensors")),
               elements, bytes);
    }
}

// The sentence may be longer than a line: it is folded, not cut.
static void print_verdict(const Page *page, const char *part, const char *text)
{
    int column = printf("  %-13s", part);
    for (const char *word = text; *word;) {
        const char *end = strchrnul(word, ' ');
        if (column > 15 && column + 1 + (int)(end - word) > page->columns) column = printf("\n%15s", "") - 1;
        column += printf(" %.*s", (int)(end - word), word);
        word = *end ? end + 1 : end;
    }
    printf("\n");
}

static void print_report(const json_t *report)
{
    Term term = term_open(stdout);
    Page page = { term.tty || getenv("COLUMNS") ? term.width : PIPED_COLUMNS };
    char bytes[16], *line;
    const char *part;
    json_t *verdict, *version = json_object_get(report, "version"), *files = json_object_get(report, "files");
    format_si((double)json_integer_value(json_object_get(report, "bytes")), bytes);
    if (version)
        line = mem_format("GGUF version %lld, %sB: %s", (long long)json_integer_value(version), bytes,
                          json_string_value(json_object_get(report, "path")));
    else
        line = mem_format("safetensors, %lld file%s, %sB: %s", (long long)json_integer_value(files),
                          json_integer_value(files) == 1 ? "" : "s", bytes,
                          json_string_value(json_object_get(report, "path")));
    print_line(&page, line);
    free(line);
    print_object(&page, json_object_get(report, "metadata"), "metadata");
    print_object(&page, json_object_get(report, "config"), "config.json");
    print_tensors(&page, report);
    print_types(report);
    printf("\ncan lectern run it?\n");
    json_object_foreach(json_object_get(report, "runs"), part, verdict)
    {
        const char *why = json_string_value(json_object_get(verdict, "why"));
        char *text = why ? mem_format("no: %s", why) : mem_string("yes");
        print_verdict(&page, part, text);
        free(text);
    }
    const json_t *chat = json_object_get(report, "chat_template");
    const char *known = json_string_value(chat);
    if (chat) print_verdict(&page, "chat template", known ? known : "none that lectern knows");
}

static int run(Invocation *in)
{
    Error err = { "" };
    if (in->word_count != 1) return usage_error(in, "name a file or a model's folder");
    char *path = asset_find(in->words[0], &err);
    if (!path) return fail(in, &err);
    json_t *report = gguf_is(path) ? report_gguf(path, &err) : report_safetensors(path, &err);
    if (report) add_chat_template(report, path);
    free(path);
    if (!report) return fail(in, &err);
    if (in->common.json)
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)), putchar('\n');
    else
        print_report(report);
    json_decref(report);
    return EXIT_OK;
}

const Command command_inspect = { .name = "inspect",
                                  .summary = "what is in a model's file",
                                  .usage =
                                      "usage: lectern inspect FILE|FOLDER [--json]\n"
                                      "A GGUF file, a safetensors file or its index, a model's folder, a run's folder "
                                      "(its best.gguf),\nor one of assets/.\n"
                                      "example: lectern inspect assets/tales.gguf | head -40",
                                  .max_words = 1,
                                  .run = run };
