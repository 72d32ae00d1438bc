// LayerNorm backward, with x̂ = (x − μ)·s and g = gain·dy.   dx[r,i] (+)= s[r]·(g[r,i] − mean_j g[r,j] − x̂[r,i]·mean_j(g[r,j]·x̂[r,j]))
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
IN(2, mean);
IN(3, s);
VALUES(4, dy);
VALUES_INOUT(5, dx);
ROW_ARGS(6, uint accumulate;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    float centre = LOAD(mean, r), scale = LOAD(s, r);
    VALUE sum = VALUE(0), dots = VALUE(0);
    ROW_EACH(i) {
        VALUE g = LOADV(gain, i) * LOADV(dy, at + i);
        sum += g;
        dots += g * (LOADV(x, at + i) - centre);
    }
    float shift = row_sum(total(sum)) / float(args.n), pull = scale * scale * row_sum(total(dots)) / float(args.n);
    ROW_EACH(i) {
        VALUE g = LOADV(gain, i) * LOADV(dy, at + i);
        GIVEV(dx, at + i, scale * (g - shift - (LOADV(x, at + i) - centre) * pull));
    }
}
