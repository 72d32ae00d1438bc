// Host memory: allocation that never fails quietly, and arenas.
#pragma once
#include <stddef.h>
#include <stdint.h>

// malloc, calloc, realloc and strdup that stop with a message when the host is out of memory. A size that comes
// from a file is checked against the file's own length before it reaches them.
void *mem_alloc(size_t bytes);
void *mem_zero(size_t count, size_t bytes);
void *mem_resize(void *memory, size_t count, size_t bytes);
char *mem_string(const char *text);
char *mem_string_n(const char *text, size_t length);
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A bump allocator: everything taken since a mark goes at once. Zeroed, aligned to 16 bytes.
typedef struct ArenaChunk ArenaChunk;
typedef struct Arena {
    ArenaChunk *chunk; // the newest; older ones are linked behind it
} Arena;
typedef struct ArenaMark {
    ArenaChunk *chunk;
    size_t used;
} ArenaMark;

void *arena_alloc(Arena *arena, size_t bytes);
char *arena_format(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
ArenaMark arena_mark(const Arena *arena);
void arena_reset(Arena *arena, ArenaMark mark); // back to a mark of this arena
void arena_free(Arena *arena);

#define NEW(type) ((type *)mem_zero(1, sizeof(type)))
#define NEW_ARRAY(type, count) ((type *)mem_zero((size_t)(count), sizeof(type)))
#define ARENA_NEW(arena, type) ((type *)arena_alloc(arena, sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc(arena, (size_t)(count) * sizeof(type)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// Makes room for one more element in a growing array: `GROW(list, count, capacity)` before `list[count++] = …`.
#define GROW(array, count, capacity) \
    ((count) < (capacity)            \
         ? (void)0                   \
         : (void)((array) =          \
                      mem_resize((array), (size_t)((capacity) = (capacity) ? 2 * (capacity) : 16), sizeof *(array))))
