// What the ops over tables of rows share: the row ladder (shaders/include/rows.glsl), sums down columns in two stages
// (shaders/include/columns.glsl), and tables larger than one binding, which are taken a part of their rows at a time.
#pragma once
#include "ops/op.h"

// One span of a dispatch over rows, with the 32-bit words that each row has of it; 0: all rows share the whole span.
typedef struct RowTable {
    Span span;
    int64_t words;
} RowTable;
typedef struct RowTables {
    const RowTable *table;
    int count;
} RowTables;
#define ROW_TABLES(...)                              \
    ((RowTables){ (const RowTable[]){ __VA_ARGS__ }, \
                  (int)(sizeof((const RowTable[]){ __VA_ARGS__ }) / sizeof(RowTable)) })

// What the rungs ask of a shape. The last rung of a ladder is the naive one, which cannot take the longest rows on a
// driver that counts a loop's steps; the workgroup's or the blocks' then can.
typedef struct RowProblem {
    int64_t rows, n;
    bool fours; // n and the starts of all tables are multiples of 4 words
} RowProblem;

// The most rows of `words` words that one dispatch can bind: a multiple of 64 if there are so many.
int64_t rows_in_part(const GpuTraits *traits, int64_t words);

// ---- The row ladder ------------------------------------------------------------------------------------------------

bool rows_in_fours(const GpuTraits *traits, const void *problem);
bool row_can_texel(const GpuTraits *traits, const void *problem);
bool row_can_fours(const GpuTraits *traits, const void *problem);
bool row_can_subgroup(const GpuTraits *traits, const void *problem);
bool row_can_invocation(const GpuTraits *traits, const void *problem);
bool row_likes_workgroup(const GpuTraits *traits, const void *problem);
bool row_likes_subgroup(const GpuTraits *traits, const void *problem);

// tile[0] of a rung: how many lanes share a row; 0: a subgroup's.
enum { ROW_WORKGROUP = 256, ROW_SUBGROUP = 0, ROW_INVOCATION = 1 };

#define ROW_RUNGS(name)                                                                                           \
    { .kernel = { name ".texel", .subgroup = SUBGROUP_OWN },                                                      \
      .can = row_can_texel,                                                                                       \
      .chosen = rung_likes_texels,                                                                                \
      .idea = "four elements at a time through texel fetches, where these are faster than loads" },               \
        { .kernel = { name ".workgroup_fours" },                                                                  \
          .can = rows_in_fours,                                                                                   \
          .chosen = row_likes_workgroup,                                                                          \
          .idea = "256 lanes share a long row, four elements at a time",                                          \
          .tile = { ROW_WORKGROUP } },                                                                            \
        { .kernel = { name ".workgroup" },                                                                        \
          .chosen = row_likes_workgroup,                                                                          \
          .idea = "256 lanes share a long row and combine by a tree in shared memory",                            \
          .tile = { ROW_WORKGROUP } },                                                                            \
        { .kernel = { name ".fours", .subgroup = SUBGROUP_OWN },                                                  \
          .can = row_can_fours,                                                                                   \
          .chosen = row_likes_subgroup,                                                                           \
          .idea = "four elements at a time" },                                                                    \
        { .kernel = { name ".subgroup", .subgroup = SUBGROUP_OWN },                                               \
          .can = row_can_subgroup,                                                                                \
          .chosen = row_likes_subgroup,                                                                           \
          .idea = "the lanes of a subgroup share a row: neighbours read neighbours, and no barrier is needed" },  \
    {                                                                                                             \
        .kernel = { name }, .can = row_can_invocation, .idea = "one invocation a row", .tile = { ROW_INVOCATION } \
    }

// The first fields of every row kernel's arguments. rows_dispatch fills rows and first for each part.
typedef struct RowArgs {
    uint32_t rows, n;
    uint32_t first; // the part's first row
} RowArgs;

// Dispatches the ladder's rung for a table [rows, n], in as many parts as its bindings need. `args` begins with a
// RowArgs; flops and bytes are those of the whole table.
void rows_dispatch(Tape *t, const Ladder *ladder, int64_t rows, int64_t n, double flops, double bytes, RowTables tables,
                   const void *args, size_t args_bytes);

// ---- Sums down columns ---------------------------------------------------------------------------------------------

enum { COLUMN_BLOCK = 64 };

// tile: the rows of a block (0: all) and the columns of an invocation.
#define COLUMN_RUNGS(name)                                                                               \
    { .kernel = { name ".texel", { COLUMN_BLOCK } },                                                     \
      .can = column_can_texel,                                                                           \
      .chosen = rung_likes_texels,                                                                       \
      .idea = "four columns at a time through texel fetches",                                            \
      .tile = { COLUMN_BLOCK, 4 } },                                                                     \
        { .kernel = { name ".fours", { COLUMN_BLOCK } },                                                 \
          .can = rows_in_fours,                                                                          \
          .idea = "four columns at a time",                                                              \
          .tile = { COLUMN_BLOCK, 4 } },                                                                 \
        { .kernel = { name, { COLUMN_BLOCK } },                                                          \
          .idea = "blocks of 64 rows side by side, then the sums of the blocks in their order",          \
          .tile = { COLUMN_BLOCK, 1 } },                                                                 \
    {                                                                                                    \
        .kernel = { name }, .can = column_can_whole, .idea = "one invocation a column", .tile = { 0, 1 } \
    }

bool column_can_texel(const GpuTraits *traits, const void *problem);
bool column_can_whole(const GpuTraits *traits, const void *problem);

// out[i] (+)= factor · Σ_r term(r, i) of a kernel on columns.glsl, whose tables come before its output [n].
void columns_dispatch(Tape *t, const Ladder *ladder, int64_t rows, int64_t n, double flops, RowTables tables, Span out,
                      bool accumulate, float factor);

// out[i] (+)= factor · Σ_r x[r,i]:  x [rows, n] → out [n]
void sum_columns(Tape *t, Span x, int64_t rows, int64_t n, Span out, bool accumulate, float factor);
extern const Ladder column_ladders[1]; // sum_columns'
