#include "cli/command.h"
#include "data/tales.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *bytes = "10k", *split = "train";

static Option options[] = {
    TEXT("bytes", bytes, "how much to print at least: 5000, 300k, 5M"),
    TEXT("split", split, "train or validation"),
};

// "5M" → 5,000,000. False for anything else than a number with k, M or G.
static bool parse_bytes(const char *text, size_t *value)
{
    char *end;
    double number = strtod(text, &end), unit = 1;
    if (end == text || !(number >= 0)) return false;
    if (*end == 'k')
        unit = 1e3, end++;
    else if (*end == 'M')
        unit = 1e6, end++;
    else if (*end == 'G')
        unit = 1e9, end++;
    if (*end || number * unit > 1e12) return false;
    *value = (size_t)(number * unit);
    return true;
}

static int run(Invocation *in)
{
    size_t wanted, done = 0;
    if (in->word_count != 1 || strcmp(in->words[0], "tales") != 0)
        return usage_error(in, "name a generator: lectern data tales");
    if (!parse_bytes(bytes, &wanted))
        return usage_error(in, "--bytes: \"%s\" is no size such as 5000, 300k or 5M", bytes);
    if (strcmp(split, "train") != 0 && strcmp(split, "validation") != 0)
        return usage_error(in, "--split: \"%s\" is neither train nor validation", split);
    Tales tales = tales_open((uint64_t)in->common.seed, *split == 't' ? TALES_TRAIN : TALES_VALIDATION);
    Tale *tale = NEW(Tale);
    double bits = 0;
    while (done < wanted && !interrupted()) {
        tales_next(&tales, tale);
        printf("%s\n\n", tale->text);
        done += (size_t)tale->length + 2;
        bits += tale->bits;
        if (ferror(stdout)) break; // main reports it
    }
    if (!ferror(stdout))
        fprintf(stderr, "%zu bytes; who knew the grammar by heart would pay at most %.3f bits a byte for them\n", done,
                bits / (double)(done ? done : 1));
    free(tale);
    return EXIT_OK;
}

const Command command_data = { .name = "data",
                               .summary = "print what the generators make",
                               .usage = "usage: lectern data tales [--seed N] [--bytes SIZE] [--split NAME]\n"
                                        "example: lectern data tales --seed 1 --bytes 5M > tales.txt",
                               .seeded = true,
                               .max_words = 1,
                               .no_json = true,
                               OPTIONS(options),
                               .run = run };
