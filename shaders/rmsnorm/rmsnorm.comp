// RMSNorm.   y[r,i] = gain[i] · x[r,i] · s[r],   s[r] = 1 / sqrt(mean_i x[r,i]² + eps)
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, x);
VALUES(1, gain);
VALUES_OUT(2, y);
OUT(3, s);
ROW_ARGS(4, float eps;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE squares = VALUE(0);
    ROW_EACH(i) {
        VALUE v = LOADV(x, at + i);
        squares += v * v;
    }
    float scale = inversesqrt(row_sum(total(squares)) / float(args.n) + args.eps);
    ROW_EACH(i) STOREV(y, at + i, LOADV(gain, i) * LOADV(x, at + i) * scale);
    if (row_lane() == 0) STORE(s, r, scale);
}
