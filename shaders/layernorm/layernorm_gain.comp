// LayerNorm backward, blocks of rows.   dgain[b,i] (+)= Σ_{r in block b} dy[r,i]·(x[r,i] − μ[r])·s[r]
//! variant fours: -DFOURS
//! variant texel: -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "columns.glsl"

VALUES(0, x);
IN(1, mean);
IN(2, s);
VALUES(3, dy);
VALUES_INOUT(4, dgain);
COLUMN_ARGS(5);

void main()
{
    Column c = column(args.rows, args.n);
    if (c.begin == c.end) return;
    VALUE sum = VALUE(0);
    for (uint r = c.begin; r < c.end; r++) {
        uint at = r * (args.n / WIDTH) + c.i;
        sum += LOADV(dy, at) * (LOADV(x, at) - LOAD(mean, r)) * LOAD(s, r);
    }
    GIVEV(dgain, item_index(), args.factor * sum);
}
