// The k largest of each row, falling; of equals the first comes first. A NaN counts as the largest of all.
// A tournament: each lane holds the best of its own share of the row. The best of these wins a place, and its lane alone
// looks through its share again for its next best: n + k·n/lanes reads.
//! variant subgroup: -DROW_SUBGROUP
//! variant workgroup: -DROW_WORKGROUP
//! variant texel: -DROW_WORKGROUP -DFOURS -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"

VALUES(0, x);
OUT(1, y);
OUT_UINT(2, ids);
ROW_ARGS(3, uint k;);

const uint NONE = 0x7fffffff;

// Elements 4i … 4i+3 of the row at `at`; what lies beyond the row is not looked at.
vec4 four(uint at, uint i)
{
#ifdef FOURS
    return LOADV(x, at / 4 + i);
#else
    vec4 v;
    [[unroll]] for (uint j = 0; j < 4; j++) v[j] = LOAD(x, at + min(4 * i + j, args.n - 1));
    return v;
#endif
}

// The lane's best of those that come after (most, id): smaller, or equal and further on.
void next(uint at, inout float most, inout uint id)
{
    float before = most;
    int before_id = int(id);
    most = MINUS_INFINITY, id = NONE;
    for (uint i = row_lane(); 4 * i < args.n; i += row_lanes()) {
        vec4 v = four(at, i);
        [[unroll]] for (uint j = 0; j < 4; j++) {
            float e = rank(v[j]);
            int here = int(4 * i + j);
            bool after = here < args.n && (e < before || (e == before && here > before_id));
            if (after && (e > most || (e == most && id == NONE))) most = e, id = uint(here);
        }
    }
}

void main()
{
    uint r = row_index(), at = r * args.n, id = ~0u; // before the first: int(id) is −1
    if (r >= args.rows) return;
    float most = INFINITY;
    next(at, most, id);
    for (uint place = 0; place < args.k; place++) {
        float top = row_max(most);
        uint winner = row_min(most == top ? id : NONE);
        if (id == winner && winner != NONE) {
            STORE(y, r * args.k + place, four(at, id / 4)[id % 4]);
            STORE(ids, r * args.k + place, id);
            next(at, most, id);
        }
    }
}
