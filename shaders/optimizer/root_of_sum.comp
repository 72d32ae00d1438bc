// norm = √Σ_i sums[i]
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, sums);
OUT(1, norm);
ROW_ARGS(2, );

void main()
{
    if (row_index() > 0) return;
    VALUE sum = VALUE(0);
    ROW_EACH(i) sum += LOADV(sums, i);
    float all = row_sum(total(sum));
    if (row_lane() == 0) STORE(norm, 0, sqrt(all));
}
