#include "stage/highlight.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

// Words from the GLSL 4.60 specification, §3.6 and §8; each list begins and ends with a space.
static const char KEYWORDS[] =
    " layout in out inout buffer uniform shared const readonly writeonly restrict coherent volatile "
    "if else for while do switch case default break continue return discard struct void true false "
    "static typedef enum union sizeof precise ";
static const char TYPES[] =
    " float double int uint bool vec2 vec3 vec4 ivec2 ivec3 ivec4 uvec2 uvec3 uvec4 bvec2 bvec3 bvec4 "
    "mat2 mat3 mat4 dvec2 dvec4 float16_t f16vec2 f16vec4 int8_t uint8_t int16_t uint16_t int32_t uint32_t "
    "int64_t uint64_t size_t char long unsigned samplerBuffer coopmat ";
static const char BUILTINS[] = " gl_GlobalInvocationID gl_LocalInvocationID gl_LocalInvocationIndex gl_WorkGroupID "
                               "gl_WorkGroupSize gl_NumWorkGroups "
                               "gl_SubgroupSize gl_SubgroupInvocationID gl_SubgroupID gl_NumSubgroups barrier "
                               "memoryBarrierShared groupMemoryBarrier "
                               "subgroupAdd subgroupMax subgroupMin subgroupBroadcast subgroupBroadcastFirst "
                               "subgroupShuffle subgroupShuffleXor subgroupElect "
                               "subgroupExclusiveAdd subgroupInclusiveAdd subgroupBallot subgroupBarrier fma dot exp "
                               "exp2 log log2 sqrt inversesqrt pow abs "
                               "min max clamp mix floor ceil round fract mod tanh sin cos isnan isinf uintBitsToFloat "
                               "floatBitsToUint packHalf2x16 "
                               "unpackHalf2x16 texelFetch bitfieldExtract atomicAdd ";

static bool listed(const char *list, const char *word, size_t n)
{
    for (const char *at = list; (at = strchr(at, ' ')) && at[1]; at++)
        if (!strncmp(at + 1, word, n) && at[n + 1] == ' ') return true;
    return false;
}

enum { IN_COMMENT = 1, IN_LINE = 2 }; // bits of the state; IN_LINE: something but spaces was on this line

size_t highlight_next(const char **source, int *state, CodeClass *code_class)
{
    const char *s = *source;
    size_t n = 1;
    *code_class = CODE_PLAIN;
    if (!*s) return 0;
    if (*s == '\n') {
        *state &= ~IN_LINE;
    } else if ((*state & IN_COMMENT) || !strncmp(s, "/*", 2)) {
        size_t from = *state & IN_COMMENT ? 0 : 2, line = strcspn(s, "\n");
        const char *end = strstr(s + from, "*/");
        bool closed = end && (size_t)(end - s) < line;
        n = closed ? (size_t)(end - s) + 2 : line;
        *state = closed ? *state & ~IN_COMMENT : *state | IN_COMMENT;
        *code_class = CODE_COMMENT;
    } else if (!strncmp(s, "//", 2)) {
        n = strcspn(s, "\n");
        *code_class = CODE_COMMENT;
    } else if (*s == '#' && !(*state & IN_LINE)) {
        n = 1 + strspn(s + 1, " ");
        while (isalpha((unsigned char)s[n])) n++;
        *state |= IN_LINE;
        *code_class = CODE_DIRECTIVE;
    } else if (isalpha((unsigned char)*s) || *s == '_') {
        while (isalnum((unsigned char)s[n]) || s[n] == '_') n++;
        *code_class = listed(KEYWORDS, s, n)   ? CODE_KEYWORD
                      : listed(TYPES, s, n)    ? CODE_TYPE
                      : listed(BUILTINS, s, n) ? CODE_BUILTIN
                                               : CODE_PLAIN;
        *state |= IN_LINE;
    } else if (isdigit((unsigned char)*s)) {
        while (isalnum((unsigned char)s[n]) || s[n] == '.') n++;
        *code_class = CODE_NUMBER;
        *state |= IN_LINE;
    } else {
        while (s[n] && s[n] != '\n' && s[n] != '/' && s[n] != '#' && s[n] != '_' && !isalnum((unsigned char)s[n])) n++;
        if (strspn(s, " \t\r") < n) *state |= IN_LINE;
    }
    *source = s + n;
    return n;
}
