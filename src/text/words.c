#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/words.h"
#include "base/memory.h"
#include "base/utf8.h"
#include <pcre2.h>
#include <stdlib.h>

struct Splitter {
    pcre2_code *code;
};

#define SPACE "\\p{White_Space}" // PCRE2's \s has U+180E too, which Unicode took out of the spaces in 6.3

static const struct {
    const char *name, *pattern;
} SPLITTERS[] = {
    // Radford et al. 2019: English contractions; letters, numbers or others with the space before them; spaces but the
    // last one before a word.
    { "gpt-2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+|" SPACE
               "+(?!\\P{White_Space})|" SPACE "+" },
};

Splitter *splitter_open(StringView name, Error *err)
{
    for (size_t i = 0; i < COUNT_OF(SPLITTERS); i++) {
        if (!string_view_equal(name, string_view(SPLITTERS[i].name))) continue;
        int code;
        PCRE2_SIZE at;
        Splitter *splitter = NEW(Splitter);
        splitter->code = pcre2_compile((PCRE2_SPTR)SPLITTERS[i].pattern, PCRE2_ZERO_TERMINATED,
                                       PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &at, NULL);
        CHECK(splitter->code, "pre-tokenizer %s: PCRE2 error %d at %zu", SPLITTERS[i].name, code, at);
        pcre2_jit_compile(splitter->code, PCRE2_JIT_COMPLETE); // without it matching is slower and the same
        return splitter;
    }
    error_set(err, "pre-tokenizer \"%.*s\" is not known here", VIEW_ARGS(name));
    return NULL;
}

void splitter_free(Splitter *splitter)
{
    if (!splitter) return;
    pcre2_code_free(splitter->code);
    free(splitter);
}

Words words_begin(const Splitter *splitter, const char *text, size_t bytes)
{
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(splitter->code, NULL);
    CHECK(match, "words: out of memory");
    return (Words){ splitter, text, bytes, 0, 0, match };
}

void words_end(Words *words) { pcre2_match_data_free(words->match); }

bool words_next(Words *words, StringView *word)
{
    if (words->at == words->bytes) return false;
    if (words->valid_end <= words->at) { // a new run of UTF-8
        int length;
        words->valid_end = words->at;
        while ((length = utf8_length(words->text + words->valid_end, words->bytes - words->valid_end)) > 0)
            words->valid_end += (size_t)length;
        if (words->valid_end == words->at) {
            *word = (StringView){ words->text + words->at++, 1 };
            return true;
        }
    }
    // The pattern matches at once or not at all (anchored); what it leaves is one word.
    int found = pcre2_match(words->splitter->code, (PCRE2_SPTR)words->text, words->valid_end, words->at,
                            PCRE2_NO_UTF_CHECK, words->match, NULL);
    size_t end = found > 0 ? pcre2_get_ovector_pointer(words->match)[1] : words->valid_end;
    if (end <= words->at) end = words->valid_end;
    *word = (StringView){ words->text + words->at, end - words->at };
    words->at = end;
    return true;
}
