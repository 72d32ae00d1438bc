// Column sums of blocks of rows.   out[b,i] (+)= factor · Σ_{r in block b} x[r,i]
//! variant fours: -DFOURS
//! variant texel: -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "columns.glsl"

VALUES(0, x);
VALUES_INOUT(1, sums);
COLUMN_ARGS(2);

void main()
{
    Column c = column(args.rows, args.n);
    if (c.begin == c.end) return;
    VALUE sum = VALUE(0);
    for (uint r = c.begin; r < c.end; r++) sum += LOADV(x, r * (args.n / WIDTH) + c.i);
    GIVEV(sums, item_index(), args.factor * sum);
}
