// Softmax, or its logarithm, of z = x + mask.   y[r,i] = exp(z[r,i] − max_j z[r,j]) / Σ_j exp(z[r,j] − max z)
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, x);
VALUES(1, mask); // any table where mask_rows is 0
VALUES_OUT(2, y);
ROW_ARGS(3, uint mask_rows; uint logarithm;);

VALUE masked(uint at, uint mask_at)
{
    VALUE v = LOADV(x, at);
    return args.mask_rows == 0 ? v : v + LOADV(mask, mask_at);
}

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    uint mask_at = args.mask_rows == 0 ? 0 : row_start((args.first + r) % args.mask_rows);
    VALUE most = VALUE(MINUS_INFINITY), exps = VALUE(0);
    ROW_EACH(i) most = max(most, masked(at + i, mask_at + i));
    float top = row_max(largest(most));
    if (top == MINUS_INFINITY) { // hidden whole
        ROW_EACH(i) STOREV(y, at + i, VALUE(args.logarithm != 0 ? MINUS_INFINITY : 0));
        return;
    }
    ROW_EACH(i) exps += exp(masked(at + i, mask_at + i) - top);
    float sum = row_sum(total(exps)), share = 1 / sum, log_sum = log(sum);
    ROW_EACH(i) {
        VALUE v = masked(at + i, mask_at + i) - top;
        STOREV(y, at + i, args.logarithm != 0 ? v - log_sum : exp(v) * share);
    }
}
