// Softmax backward.           dx[r,i] (+)= y[r,i]·(dy[r,i] − Σ_j dy[r,j]·y[r,j])
// Its logarithm's backward.   dx[r,i] (+)= dy[r,i] − exp(y[r,i])·Σ_j dy[r,j], where what is hidden (y = −∞) takes no part
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, y);
VALUES(1, dy);
VALUES_INOUT(2, dx);
ROW_ARGS(3, uint logarithm; uint accumulate;);

// 0 at −∞, else 1.
VALUE seen(VALUE v) { return VALUE(notEqual(v, VALUE(MINUS_INFINITY))); }

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE sums = VALUE(0);
    if (args.logarithm != 0) {
        ROW_EACH(i) sums += seen(LOADV(y, at + i)) * LOADV(dy, at + i);
        float sum = row_sum(total(sums));
        ROW_EACH(i) {
            VALUE v = LOADV(y, at + i);
            GIVEV(dx, at + i, seen(v) * LOADV(dy, at + i) - exp(v) * sum);
        }
    } else {
        ROW_EACH(i) sums += LOADV(y, at + i) * LOADV(dy, at + i);
        float sum = row_sum(total(sums));
        ROW_EACH(i) GIVEV(dx, at + i, LOADV(y, at + i) * (LOADV(dy, at + i) - sum));
    }
}
