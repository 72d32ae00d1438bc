// Cuts GLSL (and C, which shares its words) into runs to be coloured.
#pragma once
#include <stddef.h>

typedef enum CodeClass {
    CODE_PLAIN,
    CODE_KEYWORD,
    CODE_TYPE,
    CODE_BUILTIN,
    CODE_NUMBER,
    CODE_COMMENT,
    CODE_DIRECTIVE
} CodeClass;

// The class of the run that starts at `*source` and how many bytes it has; moves `*source` behind it. A run never
// holds a newline and something else: "\n" is a run of its own. `*state` is 0 at the start of a source. Returns 0 at
// the end.
size_t highlight_next(const char **source, int *state, CodeClass *code_class);
