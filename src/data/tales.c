#include "data/tales.h"
#include "base/memory.h"
#include "data/grammar.h"
#include <string.h>

Grammar tales_grammar(void)
{
    return (Grammar){ tale_lists,           tale_variables,   tale_rules,       tale_plots, tale_lists_count,
                      tale_variables_count, tale_rules_count, tale_plots_count, "hero" };
}

Tales tales_open(uint64_t seed, TalesSplit split)
{
    return (Tales){ .random = { .key = random_key(seed, "tales") }, .split = split };
}

void tales_next(Tales *tales, Tale *tale)
{
    const Grammar grammar = tales_grammar();
    do grammar_tell(&grammar, &tales->random, tale);
    while (tale->split != tales->split);
}

char *tales_text(Tales *tales, size_t min_bytes, size_t *size, double *bits)
{
    size_t used = 0, capacity = min_bytes + TALE_MAX + 2;
    char *text = mem_alloc(capacity);
    double sum = 0;
    while (used < min_bytes) {
        Tale tale;
        tales_next(tales, &tale);
        memcpy(text + used, tale.text, (size_t)tale.length);
        used += (size_t)tale.length;
        memcpy(text + used, "\n\n", 2);
        used += 2;
        sum += tale.bits;
    }
    text[used] = '\0';
    if (size) *size = used;
    if (bits) *bits = sum;
    return text;
}

TaleCheck tales_check(const char *text, size_t length)
{
    const Grammar grammar = tales_grammar();
    return grammar_check(&grammar, text, length);
}
