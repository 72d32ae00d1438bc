// The mean of the rows that count.   mean = Σ loss·share,  share = 1 / Σ weight, or 0 where no row counts
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, loss);
VALUES(1, weight);
OUT(2, mean);
OUT(3, share);
ROW_ARGS(4, );

void main()
{
    if (row_index() > 0) return;
    VALUE sum = VALUE(0), counted = VALUE(0);
    ROW_EACH(i) {
        sum += LOADV(loss, i);
        counted += LOADV(weight, i);
    }
    float losses = row_sum(total(sum)), rows_ = row_sum(total(counted));
    if (row_lane() != 0) return;
    STORE(mean, 0, rows_ > 0 ? losses / rows_ : 0);
    STORE(share, 0, rows_ > 0 ? 1 / rows_ : 0);
}
