// RMSNorm backward.   dx[r,i] (+)= s[r]·(gain[i]·dy[r,i] − x[r,i]·s[r]²·mean_j(gain[j]·dy[r,j]·x[r,j]))
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
IN(2, s);
VALUES(3, dy);
VALUES_INOUT(4, dx);
ROW_ARGS(5, uint accumulate;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE dots = VALUE(0);
    ROW_EACH(i) dots += LOADV(gain, i) * LOADV(dy, at + i) * LOADV(x, at + i);
    float scale = LOAD(s, r), pull = scale * scale * row_sum(total(dots)) / float(args.n);
    ROW_EACH(i) GIVEV(dx, at + i, scale * (LOADV(gain, i) * LOADV(dy, at + i) - LOADV(x, at + i) * pull));
}
