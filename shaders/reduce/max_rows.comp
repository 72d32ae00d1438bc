// The largest of each row and where it is, the first of equals. A NaN counts as the largest of all.
//   ids[r] = argmax_i x[r,i],   y[r] = x[r, ids[r]]
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, x);
OUT(1, y);
OUT_UINT(2, ids);
ROW_ARGS(3, );

void main()
{
    uint r = row_index(), at = row_start(r), id = ~0u;
    if (r >= args.rows) return;
    float most = MINUS_INFINITY;
    ROW_EACH(i) {
        VALUE v = LOADV(x, at + i);
        [[unroll]] for (uint j = 0; j < WIDTH; j++) {
            float e = rank(element(v, j));
            if (e > most || (e == most && id == ~0u)) most = e, id = i * WIDTH + j;
        }
    }
    float top = row_max(most);
    id = row_min(most == top ? id : ~0u);
    if (row_lane() != 0) return;
    STORE(y, r, element(LOADV(x, at + id / WIDTH), id));
    STORE(ids, r, id);
}
