#include "base/memory.h"
#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_CHUNK_BYTES = 64 << 10, ARENA_ALIGNMENT = 16 };

struct ArenaChunk {
    ArenaChunk *older;
    size_t used, size;
    _Alignas(ARENA_ALIGNMENT) char memory[];
};

static void *check(void *memory, size_t bytes)
{
    if (memory || bytes == 0) return memory;
    fprintf(stderr, "lectern: out of memory: %zu bytes of host memory were asked for\n", bytes);
    exit(1);
}

void *mem_alloc(size_t bytes) { return check(malloc(bytes), bytes); }
void *mem_zero(size_t count, size_t bytes) { return check(calloc(count, bytes), count * bytes); }

void *mem_resize(void *memory, size_t count, size_t bytes)
{
    return check(reallocarray(memory, count, bytes), count * bytes);
}

char *mem_string(const char *text) { return mem_string_n(text, strlen(text)); }

char *mem_string_n(const char *text, size_t length)
{
    char *copy = mem_alloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *mem_format(const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&text, format, list);
    va_end(list);
    return check(length < 0 ? NULL : text, strlen(format));
}

void *arena_alloc(Arena *arena, size_t bytes)
{
    bytes = (bytes + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    ArenaChunk *chunk = arena->chunk;
    bool fresh = !chunk || chunk->size - chunk->used < bytes; // the system's zeroes cost nothing until touched
    if (fresh) {
        size_t size = bytes > ARENA_CHUNK_BYTES ? bytes : ARENA_CHUNK_BYTES;
        chunk = mem_zero(1, sizeof *chunk + size);
        *chunk = (ArenaChunk){ .older = arena->chunk, .size = size };
        arena->chunk = chunk;
    }
    void *memory = chunk->memory + chunk->used;
    chunk->used += bytes;
    return fresh ? memory : memset(memory, 0, bytes);
}

char *arena_format(Arena *arena, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    CHECK(length >= 0, "arena_format: bad format \"%s\"", format);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

ArenaMark arena_mark(const Arena *arena) { return (ArenaMark){ arena->chunk, arena->chunk ? arena->chunk->used : 0 }; }

void arena_reset(Arena *arena, ArenaMark mark)
{
    while (arena->chunk != mark.chunk) {
        CHECK(arena->chunk, "arena_reset: the mark is not of this arena");
        ArenaChunk *older = arena->chunk->older;
        free(arena->chunk);
        arena->chunk = older;
    }
    if (arena->chunk) arena->chunk->used = mark.used;
}

void arena_free(Arena *arena) { arena_reset(arena, (ArenaMark){ 0 }); }
