// RMSNorm backward, blocks of rows.   dgain[b,i] (+)= Σ_{r in block b} dy[r,i]·x[r,i]·s[r]
//! variant fours: -DFOURS
//! variant texel: -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "columns.glsl"

VALUES(0, x);
IN(1, s);
VALUES(2, dy);
VALUES_INOUT(3, dgain);
COLUMN_ARGS(4);

void main()
{
    Column c = column(args.rows, args.n);
    if (c.begin == c.end) return;
    VALUE sum = VALUE(0);
    for (uint r = c.begin; r < c.end; r++) {
        uint at = r * (args.n / WIDTH) + c.i;
        sum += LOADV(dy, at) * LOADV(x, at) * LOAD(s, r);
    }
    GIVEV(dgain, item_index(), args.factor * sum);
}
