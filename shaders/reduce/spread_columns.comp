// Backward of sums and means of columns:   dx[r,i] (+)= factor·dy[i]
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, dy);
VALUES_INOUT(1, dx);
ROW_ARGS(2, float factor; uint accumulate;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    ROW_EACH(i) GIVEV(dx, at + i, args.factor * LOADV(dy, i));
}
