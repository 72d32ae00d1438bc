// Cross entropy of a row with its softmax.   loss[r] = lse[r] − (1−ε)·x[r,target] − ε·mean_i x[r,i],   lse[r] = log Σ_i exp x[r,i]
// A negative target is left out (loss 0, weight 0); one beyond the row is NaN, as a NaN or ∞ among the logits is.
// It is looked for: not every driver's max and exp hand a NaN on.
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
OUT(2, loss);
OUT(3, weight);
OUT(4, lse);
ROW_ARGS(5, float smoothing;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE most = VALUE(MINUS_INFINITY), sum = VALUE(0), linear = VALUE(0);
    ROW_EACH(i) most = max(most, rank(LOADV(x, at + i)));
    float top = row_max(largest(most));
    ROW_EACH(i) {
        VALUE v = LOADV(x, at + i);
        sum += exp(v - top);
        linear += v;
    }
    float exps = row_sum(total(sum)), log_sum = isinf(top) ? NOT_A_NUMBER : top + log(exps);
    float all = args.smoothing == 0 ? 0 : row_sum(total(linear));
    if (row_lane() != 0) return;
    int target = int(LOAD(targets, r));
    float own = target >= int(args.n) ? NOT_A_NUMBER : element(LOADV(x, at + uint(max(target, 0)) / WIDTH), uint(target));
    float value = log_sum - (1 - args.smoothing) * own;
    if (args.smoothing != 0) value -= args.smoothing * all / float(args.n);
    STORE(loss, r, target < 0 ? 0 : value);
    STORE(weight, r, target < 0 ? 0 : 1);
    STORE(lse, r, log_sum);
}
