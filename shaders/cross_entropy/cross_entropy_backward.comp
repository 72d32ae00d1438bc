// Cross entropy backward.   dx[r,i] (+)= dloss[r]·(exp(x[r,i] − lse[r]) − (1−ε)·[i = target] − ε/n); 0 where the target is negative
// dx may be x itself: each element is read before it is written.
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, x);
IN_UINT(1, targets);
IN(2, lse);
IN(3, dloss);
VALUES_INOUT(4, dx);
ROW_ARGS(5, float smoothing; uint accumulate;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    int target = int(LOAD(targets, r));
    float by = target < 0 ? 0 : LOAD(dloss, r), log_sum = LOAD(lse, r), floor_ = args.smoothing / float(args.n);
    ROW_EACH(i) {
        VALUE hit = VALUE(equal(elements(i), ELEMENTS(uint(target))));
        VALUE p = exp(LOADV(x, at + i) - log_sum);
        GIVEV(dx, at + i, target < 0 ? VALUE(0) : by * (p - (1 - args.smoothing) * hit - floor_));
    }
}
