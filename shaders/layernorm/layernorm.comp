// LayerNorm.   y[r,i] = gain[i]·(x[r,i] − μ[r])·s[r] + bias[i],   s[r] = 1 / sqrt(mean_i (x[r,i] − μ[r])² + eps)
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
VALUES(2, bias); // any table where there is none
VALUES_OUT(3, y);
OUT(4, mean);
OUT(5, s);
ROW_ARGS(6, uint biased; float eps;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE sum = VALUE(0), squares = VALUE(0);
    ROW_EACH(i) sum += LOADV(x, at + i);
    float centre = row_sum(total(sum)) / float(args.n);
    ROW_EACH(i) {
        VALUE v = LOADV(x, at + i) - centre;
        squares += v * v;
    }
    float scale = inversesqrt(row_sum(total(squares)) / float(args.n) + args.eps);
    ROW_EACH(i) {
        VALUE v = LOADV(gain, i) * ((LOADV(x, at + i) - centre) * scale);
        if (args.biased != 0) v += LOADV(bias, i);
        STOREV(y, at + i, v);
    }
    if (row_lane() == 0) {
        STORE(mean, r, centre);
        STORE(s, r, scale);
    }
}
