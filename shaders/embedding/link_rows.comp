// Each position looks back for the one before it with the same id, and is linked behind it. The positions of an id are
// then a list in rising order: no atomics, and always the same sum.
//   head[j] = 1 if no i < j has ids[i] = ids[j];   next[i] = j for the j that follows (it was END before)
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"

IN_UINT(0, ids);
OUT_UINT(1, head);
OUT_UINT(2, next);
ARGS(3, uint n;);

void main()
{
    uint j = item_index();
    if (j >= args.n) return;
    uint id = LOAD(ids, j), i = j;
    while (i > 0 && LOAD(ids, i - 1) != id) i--;
    STORE(head, j, i == 0 ? 1 : 0);
    if (i > 0) STORE(next, i - 1, j);
}
