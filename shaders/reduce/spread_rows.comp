// Backward of sums and means of rows, and of their largest:   dx[r,i] (+)= factor·dy[r], of by_id only where i = ids[r]
//! variant workgroup: -DROW_WORKGROUP
//! variant workgroup_fours: -DROW_WORKGROUP -DFOURS
//! variant subgroup: -DROW_SUBGROUP
//! variant fours: -DROW_SUBGROUP -DFOURS
//! variant texel: -DROW_SUBGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

IN(0, dy);
IN_UINT(1, ids); // any table without by_id
VALUES_INOUT(2, dx);
ROW_ARGS(3, float factor; uint by_id; uint accumulate;);

void main()
{
    uint r = row_index(), at = row_start(r);
    if (r >= args.rows) return;
    VALUE d = VALUE(args.factor * LOAD(dy, r));
    uint id = LOAD(ids, r);
    ROW_EACH(i) GIVEV(dx, at + i, args.by_id == 0 ? d : d * VALUE(equal(elements(i), ELEMENTS(id))));
}
