// dx[r, ids[r,j]] += dy[r,j]: the ids of a row differ, so that one invocation a row meets no other.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

IN_UINT(0, ids);
IN(1, dy);
INOUT(2, dx);
ROW_ARGS(3, uint k;);

void main()
{
    uint r = row_index();
    if (r >= args.rows) return;
    for (uint j = 0; j < args.k; j++) {
        uint at = r * args.n + LOAD(ids, r * args.k + j);
        STORE(dx, at, LOAD(dx, at) + LOAD(dy, r * args.k + j));
    }
}
