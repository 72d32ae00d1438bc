// Rows by id, there and back: what embedding and scatter_add (and whoever routes tokens) are made of.
#pragma once
#include "ops/op.h"

enum { GATHER_LADDERS = 2 };
extern const Ladder gather_ladders[GATHER_LADDERS]; // there, back

// y[j] (+)= table[ids[j]]: table of V rows of C (f32 or f16), ids n → y [n, C] f32. An id outside the table counts as a
// row of zeros. `accumulate` is for an f32 table.
void gather_rows(Tape *t, Span table, DType dtype, int64_t V, int64_t C, const Tensor *ids, Span y,
                 uint32_t accumulate);

// table[v] (+)= Σ_{j: ids[j] = v} x[j]: x [n, C], ids n → table of V rows of C. All f32. Rows that no id names become 0,
// or stay as they are when accumulating; ids outside the table are left out. Blocks of 4096 positions (fewer where x is
// too large to bind) are summed in the order of j, then added in their order.
void scatter_rows(Tape *t, Span x, const Tensor *ids, Span table, int64_t V, int64_t C, uint32_t accumulate);
