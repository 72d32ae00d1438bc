#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/words.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/normalize.h"
#include <pcre2.h>
#include <stdlib.h>

// --- The models' own -------------------------------------------------------------------------------------------------

// Radford et al. 2019: English contractions; letters, numbers or others with the space before them; spaces but the last
// one before a word.
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

// Llama 3 and those after it: contractions in both cases; any one character before letters; line breaks end what they
// follow; numbers in groups.
#define LLAMA3(numbers)                                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const char GPT2_PATTERN[] = GPT2;

// The names are llama.cpp's, which made tokenizer.ggml.pre up; "default" is what it does to a file that names none. The
// patterns are those of the models' tokenizer.json.
static const PreTokenizer PRE_TOKENIZERS[] = {
    { "gpt-2", { GPT2 } },
    { "smollm", { "\\p{N}", GPT2 } },
    { "starcoder", { "\\p{N}", GPT2 } },
    { "refact", { "\\p{N}", GPT2 } },
    { "llama-bpe", { LLAMA3("\\p{N}{1,3}") }, .whole_words = true },
    { "llama3", { LLAMA3("\\p{N}{1,3}") }, .whole_words = true },
    { "llama-v3", { LLAMA3("\\p{N}{1,3}") }, .whole_words = true },
    { "qwen2", { LLAMA3("\\p{N}") }, .normalize = NORMALIZE_NFC },
    { "deepseek-r1-qwen", { LLAMA3("\\p{N}") }, .normalize = NORMALIZE_NFC },
    { "default", { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" } },
};

const PreTokenizer *pre_tokenizer_find(StringView name)
{
    for (size_t i = 0; i < COUNT_OF(PRE_TOKENIZERS); i++)
        if (string_view_equal(name, string_view(PRE_TOKENIZERS[i].name))) return &PRE_TOKENIZERS[i];
    return NULL;
}

static size_t pattern_count(const PreTokenizer *p)
{
    size_t n = 0;
    while (n < MAX_PATTERNS && p->patterns[n]) n++;
    return n;
}

const PreTokenizer *pre_tokenizer_match(const StringView *patterns, size_t count, uint32_t normalize, bool whole_words)
{
    for (size_t i = 0; i < COUNT_OF(PRE_TOKENIZERS); i++) {
        const PreTokenizer *p = &PRE_TOKENIZERS[i];
        bool same = pattern_count(p) == count && p->normalize == normalize && p->whole_words == whole_words;
        for (size_t j = 0; same && j < count; j++) same = string_view_equal(patterns[j], string_view(p->patterns[j]));
        if (same) return p;
    }
    return NULL;
}

// --- Patterns --------------------------------------------------------------------------------------------------------

struct Splitter {
    pcre2_code *codes[MAX_PATTERNS];
    size_t count;
};

// For PCRE2: its \s has U+180E too, which Unicode took out of the spaces in 6.3. Of the other escapes those pass that
// mean the same to both.
static bool translate(StringView pattern, TextBuffer *out, Error *err)
{
    for (size_t i = 0; i < pattern.size; i++) {
        char c = pattern.data[i], escaped = c == '\\' && i + 1 < pattern.size ? pattern.data[++i] : 0;
        if (escaped == 's')
            text_append(out, "\\p{White_Space}", 15);
        else if (escaped == 'S')
            text_append(out, "\\P{White_Space}", 15);
        else if (!escaped)
            text_append(out, &c, 1);
        else if (((escaped | 32) >= 'a' && (escaped | 32) <= 'z' && !strchr("pPdDrnt", escaped)) ||
                 (escaped >= '0' && escaped <= '9'))
            return error_set(err, "pre-tokenizer: pattern \"%.*s\": \\%c is not supported here", VIEW_ARGS(pattern),
                             escaped);
        else
            text_append(out, (char[]){ '\\', escaped }, 2);
    }
    return true;
}

static pcre2_code *compile(StringView pattern, Error *err)
{
    TextBuffer translated = { 0 };
    int code;
    PCRE2_SIZE at;
    pcre2_code *compiled = NULL;
    if (translate(pattern, &translated, err)) {
        compiled = pcre2_compile((PCRE2_SPTR)(translated.data ? translated.data : ""), translated.size,
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
        PCRE2_UCHAR why[128] = "";
        if (!compiled) {
            pcre2_get_error_message(code, why, sizeof why);
            error_set(err, "pre-tokenizer: pattern \"%.*s\": %s", VIEW_ARGS(pattern), (const char *)why);
        } else {
            pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); // without it matching is slower and the same
        }
    }
    free(translated.data);
    return compiled;
}

Splitter *splitter_compile(const StringView *patterns, size_t count, Error *err)
{
    if (count > MAX_PATTERNS) {
        error_set(err, "pre-tokenizer: %zu patterns; up to %d are supported", count, (int)MAX_PATTERNS);
        return NULL;
    }
    Splitter *splitter = NEW(Splitter);
    for (; splitter->count < count; splitter->count++)
        if (!(splitter->codes[splitter->count] = compile(patterns[splitter->count], err))) {
            splitter_free(splitter);
            return NULL;
        }
    return splitter;
}

Splitter *splitter_open(StringView name, Error *err)
{
    const PreTokenizer *p = pre_tokenizer_find(name);
    StringView patterns[MAX_PATTERNS];
    if (!p) {
        error_set(err, "pre-tokenizer \"%.*s\" is not known here", VIEW_ARGS(name));
        return NULL;
    }
    for (size_t i = 0; i < pattern_count(p); i++) patterns[i] = string_view(p->patterns[i]);
    return splitter_compile(patterns, pattern_count(p), err);
}

void splitter_free(Splitter *splitter)
{
    if (!splitter) return;
    for (size_t i = 0; i < splitter->count; i++) pcre2_code_free(splitter->codes[i]);
    free(splitter);
}

// --- Cutting ---------------------------------------------------------------------------------------------------------

typedef struct WordSpan WordSpan;

Words words_begin(const Splitter *splitter, const char *text, size_t bytes)
{
    Words words = { .splitter = splitter, .text = text, .spans[0] = { 0, 0, bytes } };
    words.match = pcre2_match_data_create(1, NULL); // where the match is; nobody asks for groups
    words.context = pcre2_match_context_create(NULL);
    CHECK(words.match && words.context, "words: out of memory");
    // The patterns here go back over a run of spaces once. One that goes back further is from outside.
    pcre2_set_match_limit(words.context,
                          bytes < UINT32_MAX / 16 - 1000000 ? (uint32_t)(1000000 + 16 * bytes) : UINT32_MAX);
    return words;
}

void words_end(Words *words)
{
    pcre2_match_data_free(words->match);
    pcre2_match_context_free(words->context);
}

// The next stretch of UTF-8, or a byte that is none. `valid` tells which.
static bool next_stretch(Words *w, WordSpan *piece, bool *valid)
{
    WordSpan *text = &w->spans[0];
    if (text->at == text->end) return false;
    size_t at = text->at;
    for (int length; (length = utf8_length(w->text + at, text->end - at)) > 0;) at += (size_t)length;
    *valid = at > text->at;
    *piece = (WordSpan){ text->at, text->at, *valid ? at : at + 1 };
    text->at = piece->end;
    return true;
}

// Where the piece that starts at span->at ends. A match further on leaves what is before it; that is found again then.
static size_t find_end(const Words *w, const pcre2_code *code, const WordSpan *span)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)w->text + span->start;
    size_t size = span->end - span->start, at = span->at - span->start;
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY_ATSTART;
    int found = pcre2_match(code, subject, size, at, options, w->match, w->context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code, subject, size, at, options | PCRE2_NO_JIT, w->match, w->context);
    if (found < 0) return span->end;
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(w->match); // \K could put it anywhere
    size_t end = place[0] > at ? place[0] : place[1];
    return end > at && end <= size ? span->start + end : span->end;
}

static bool next_piece(Words *w, size_t depth, WordSpan *piece, bool *valid)
{
    if (depth == 0) return next_stretch(w, piece, valid);
    WordSpan *span = &w->spans[depth];
    if (span->at == span->end) {
        if (!next_piece(w, depth - 1, span, valid)) return false;
        span->at = span->start;
        if (!*valid) {
            *piece = *span;
            span->at = span->end;
            return true;
        }
    }
    size_t end = find_end(w, w->splitter->codes[depth - 1], span);
    *piece = (WordSpan){ span->at, span->at, end };
    span->at = end;
    return true;
}

bool words_next(Words *words, StringView *word)
{
    WordSpan piece;
    bool valid = true;
    if (!next_piece(words, words->splitter->count, &piece, &valid)) return false;
    *word = (StringView){ words->text + piece.start, piece.end - piece.start };
    return true;
}
