// y[r] = factor · Σ_i x[r,i]
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, x);
OUT(1, y);
ROW_ARGS(2, float factor;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE sum = VALUE(0);
    ROW_EACH(i) sum += LOADV(x, at + i);
    float all = row_sum(total(sum));
    if (row_lane() == 0) STORE(y, r, args.factor * all);
}
