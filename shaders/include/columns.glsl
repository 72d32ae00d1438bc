// Sums down the columns of a table [rows, n]. One invocation takes one VALUE of width and one block of rows; a second
// dispatch adds up the blocks, in their order. BLOCK_ROWS 0: all rows, without a second dispatch (the naive rung).
layout(local_size_x = 64) in; // before the includes: they use gl_WorkGroupSize
#include "values.glsl"
layout(constant_id = 0) const uint BLOCK_ROWS = 0;

#define COLUMN_ARGS(bindings) ARGS(bindings, uint rows; uint n; uint accumulate; float factor;)

struct Column {
    uint i;          // which VALUE of a row
    uint begin, end; // the block's rows
};

// Of the invocation's item, which is also its place in the table of blocks. Empty past the last block.
Column column(uint rows, uint n)
{
    uint steps = n / WIDTH, block = item_index() / steps, height = BLOCK_ROWS == 0 ? rows : BLOCK_ROWS;
    uint begin = min(block * height, rows);
    return Column(item_index() % steps, begin, min(begin + height, rows));
}
