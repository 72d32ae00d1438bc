#include "base/assets.h"
#include "base/term.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "models/model.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *model_path;
static bool text, decode, special;

static Option options[] = {
    PATH("model", model_path, "MODEL",
         "GGUF file, a run's folder, one of assets/, tokenizer.json, vocab.txt, or a folder with one of these"),
    FLAG("text", text, "print the pieces instead of the ids: [a][ cute]"),
    FLAG("decode", decode, "the lines are lists of ids; print their text"),
    FLAG("special", special, "let the text of a special token become that token"),
};

// --- Pieces ----------------------------------------------------------------------------------------------------------

// What a terminal could take as a command, and bytes that are no UTF-8 by themselves, are printed as \x1b.
static void print_escaped(StringView piece)
{
    for (size_t at = 0, size; at < piece.size; at += size) {
        int length = utf8_length(piece.data + at, piece.size - at);
        size = length > 0 ? (size_t)length : 1;
        uint32_t code = length > 0 ? utf8_code_point(piece.data + at, length) : 0;
        if (code >= 0xa0 || (code >= 0x20 && code < 0x7f))
            fwrite(piece.data + at, 1, size, stdout);
        else
            for (size_t i = 0; i < size; i++) printf("\\x%02x", (unsigned)(uint8_t)piece.data[at + i]);
    }
}

// Brackets always; on a terminal neighbours differ in colour too.
static void print_pieces(const Tokenizer *t, const TokenList *ids, const Term *term)
{
    static const int backgrounds[] = { 153, 223, 157, 217, 183 };
    bool spaced = string_view_equal(tokenizer_vocabulary(t).model, string_view("bert")); // its pieces have no spaces
    for (size_t i = 0; i < ids->count; i++) {
        if (spaced && i) putchar(' ');
        if (term->colors != TERM_MONO) printf("\x1b[38;5;16;48;5;%dm", backgrounds[i % COUNT_OF(backgrounds)]);
        putchar('[');
        print_escaped(tokenizer_piece(t, ids->ids[i]));
        putchar(']');
        if (term->colors != TERM_MONO) printf("\x1b[0m");
    }
    putchar('\n');
}

// null where the bytes are a part of a character.
static void print_json_string(StringView bytes)
{
    json_t *string = json_stringn(bytes.data ? bytes.data : "", bytes.size);
    json_dumpf(string ? string : json_null(), stdout, JSON_ENCODE_ANY);
    json_decref(string);
}

// --- Lines -----------------------------------------------------------------------------------------------------------

static bool read_ids(const Tokenizer *t, StringView line, TokenList *ids, Error *err)
{
    json_error_t why;
    json_t *list = json_loadb(line.data, line.size, 0, &why), *item;
    bool ok = json_is_array(list) || error_set(err, "\"%.*s\" is no JSON list of ids", VIEW_ARGS(line));
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_int_t id = json_is_integer(item) ? json_integer_value(item) : -1;
        if (ok && (id < 0 || id >= tokenizer_vocab_size(t)))
            ok = error_set(err, "entry %zu is no id from 0 to %d", i + 1, tokenizer_vocab_size(t) - 1);
        GROW(ids->ids, ids->count, ids->capacity);
        ids->ids[ids->count++] = (int32_t)id;
    }
    json_decref(list);
    return ok;
}

// The text between the tokens that encoding puts around it.
static void print_text(const Tokenizer *t, const TokenList *ids, bool as_json)
{
    size_t first = 0, last = ids->count;
    if (tokenizer_adds_bos(t) && first < last && ids->ids[first] == tokenizer_bos(t)) first++;
    if (tokenizer_adds_eos(t) && first < last && ids->ids[last - 1] == tokenizer_eos(t)) last--;
    TokenStream stream = { .tokenizer = t };
    char *out = NULL;
    size_t size = 0;
    for (size_t i = first; i <= last; i++) {
        StringView part = i < last ? token_stream_push(&stream, ids->ids[i]) : token_stream_end(&stream);
        out = mem_resize(out, size + part.size + 1, 1);
        memcpy(out + size, part.data, part.size);
        size += part.size;
    }
    token_stream_free(&stream);
    if (as_json)
        print_json_string((StringView){ out, size });
    else
        fwrite(out, 1, size, stdout);
    putchar('\n');
    free(out);
}

static void print_ids(const Tokenizer *t, const TokenList *ids, bool with_pieces)
{
    printf(with_pieces ? "{\"ids\": [" : "[");
    for (size_t i = 0; i < ids->count; i++) printf("%s%d", i ? ", " : "", ids->ids[i]);
    printf(with_pieces ? "], \"pieces\": [" : "]\n");
    for (size_t i = 0; with_pieces && i < ids->count; i++) {
        if (i) printf(", ");
        print_json_string(tokenizer_piece(t, ids->ids[i]));
    }
    if (with_pieces) puts("]}");
}

static bool encode_line(const Invocation *in, const Tokenizer *t, StringView line, TokenList *ids, Error *err)
{
    json_error_t why;
    json_t *string = NULL;
    if (in->common.json) {
        string = json_loadb(line.data, line.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
        line = (StringView){ json_string_value(string), json_string_length(string) };
    }
    bool ok = !in->common.json || json_is_string(string) || error_set(err, "it is no JSON string");
    if (ok) tokenizer_encode_whole(t, line.data, line.size, special, ids);
    json_decref(string);
    return ok;
}

static bool go(const Invocation *in, const Tokenizer *t, Error *err)
{
    Term term = term_open(stdout);
    TokenList ids = { 0 };
    char *line = NULL;
    size_t capacity = 0, number = 1;
    bool ok = true;
    for (ssize_t size; ok && (size = getline(&line, &capacity, stdin)) >= 0; number++) {
        if (size && line[size - 1] == '\n') size--;
        ids.count = 0;
        StringView view = { line, (size_t)size };
        ok = decode ? read_ids(t, view, &ids, err) : encode_line(in, t, view, &ids, err);
        if (!ok)
            error_prefix(err, "line %zu", number);
        else if (decode)
            print_text(t, &ids, in->common.json);
        else if (text)
            print_pieces(t, &ids, &term);
        else
            print_ids(t, &ids, in->common.json);
    }
    if (ok && ferror(stdin)) ok = error_set(err, "standard input: %s", strerror(errno));
    free(line);
    free(ids.ids);
    return ok;
}

static void more_help(const Invocation *in, FILE *out)
{
    (void)in;
    fprintf(out, "\nWith --json each line is a JSON string, which may hold line breaks, and its ids and pieces are\n"
                 "printed; with --decode the text is printed as one.\n");
}

static int run(Invocation *in)
{
    Error err = { "" };
    if (!model_path) return usage_error(in, "--model is missing");
    if (text && decode) return usage_error(in, "--text and --decode exclude each other");
    char *path = asset_find(model_path, &err);
    Tokenizer *t = path ? model_tokenizer(path, &err) : NULL;
    free(path);
    int code = t && go(in, t, &err) ? EXIT_OK : fail(in, &err);
    tokenizer_free(t);
    return code;
}

const Command command_tokenize = { .name = "tokenize",
                                   .summary = "text to a model's token ids and back, line by line",
                                   .usage =
                                       "usage: lectern tokenize --model MODEL [--text | --decode] < LINES\n"
                                       "example: echo \"a cute teddy\" | lectern tokenize --model model.gguf --text",
                                   OPTIONS(options),
                                   .more_help = more_help,
                                   .run = run };
