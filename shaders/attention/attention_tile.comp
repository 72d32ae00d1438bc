// Attention by tiles in shared memory (Dao 2023, algorithm 1): a block of queries per workgroup, which reads each tile
// of keys, then of values, from memory once for all of them. Eight lanes share R queries, so that none keeps a row:
//   scores   a lane owns whole keys of the tile; the lanes tell each other the largest score of each query
//   y        a lane owns elements of the head dimension; the lanes tell each other the weights p
// m and l are the running maximum and sum of attention_row.comp, l of the lane's own keys until the end.
//! variant fours: -DFOURS
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "values.glsl"
#include "attention.glsl"

VALUES(0, q);
VALUES(1, k);
VALUES(2, v);
VALUES_OUT(3, y);
OUT(4, lse);
MASK_BINDINGS(5);
ATTENTION_ARGS(12);
#include "attention_mask.glsl"
#include "attention_tile.glsl"

shared VALUE tile[TILE * STRIDE];
shared float weight[TILE][ROWS], told[ROWS][LANES];

void main()
{
    uint group = args.first + group_index();
    uint blocks = (args.T + ROWS - 1) / ROWS, me = gl_LocalInvocationIndex, lane = me % LANES, row = me / LANES * R;
    uint block = blocks - 1 - group % blocks; // the longest first, where the mask is causal
    uint h = group / blocks % args.H, b = group / blocks / args.H, first = block * ROWS;
    if (b >= args.B) return;

    VALUE sum[R][N];
    float m[R], l[R];
    uint query[R];
    int at[R], of[R];
    [[unroll]] for (uint r = 0; r < R; r++) {
        uint t = min(first + row + r, args.T - 1);
        query[r] = query_at(b, h, t);
        at[r] = query_position(b, t);
        of[r] = query_sequence(b, t);
        m[r] = LOWEST;
        l[r] = 0;
        [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] = VALUE(0);
    }

    uvec2 range = key_range(b, first, min(first + ROWS, args.T) - 1);
    for (uint begin = range.x; begin < range.y; begin += TILE) {
        for (uint i = me; i < TILE * W; i += GROUP)
            tile[tile_at(i)] = LOADV(k, key_at(b, key_head(h), min(begin + i / W, range.y - 1)) + i % W);
        barrier();
        float score[R][EACH];
        [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint j = 0; j < EACH; j++) score[r][j] = 0;
        for (uint d = 0; d < W; d++) {
            VALUE key[EACH];
            [[unroll]] for (uint j = 0; j < EACH; j++) key[j] = tile[lane * STRIDE + d + j * LANES * STRIDE];
            [[unroll]] for (uint r = 0; r < R; r++) {
                VALUE x = LOADV(q, query[r] + d);
                [[unroll]] for (uint j = 0; j < EACH; j++) score[r][j] = add_dot(score[r][j], x, key[j]);
            }
        }

        float higher[R];
        [[unroll]] for (uint r = 0; r < R; r++) higher[r] = m[r];
        [[unroll]] for (uint j = 0; j < EACH; j++) {
            uint s = begin + lane + j * LANES, key = min(s, range.y - 1);
            int key_at = key_position(b, key), key_of = key_sequence(b, key);
            [[unroll]] for (uint r = 0; r < R; r++) {
                score[r][j] *= args.scale;
                if (HAS_BIAS) score[r][j] += LOAD(bias, bias_at(h, min(first + row + r, args.T - 1), key));
                if (s >= range.y || !sees(at[r], of[r], key_at, key_of)) score[r][j] = LOWEST;
                higher[r] = max(higher[r], score[r][j]);
            }
        }
        [[unroll]] for (uint r = 0; r < R; r++) told[row + r][lane] = higher[r];
        barrier();
        [[unroll]] for (uint r = 0; r < R; r++) {
            [[unroll]] for (uint i = 0; i < LANES; i++) higher[r] = max(higher[r], told[row + r][i]);
            float shrink = exp(m[r] - higher[r]);
            m[r] = higher[r];
            l[r] *= shrink;
            [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] *= shrink;
            [[unroll]] for (uint j = 0; j < EACH; j++) {
                float p = exp(score[r][j] - m[r]);
                l[r] += p;
                weight[lane + j * LANES][row + r] = p;
            }
        }

        for (uint i = me; i < TILE * W; i += GROUP)
            tile[tile_at(i)] = LOADV(v, key_at(b, key_head(h), min(begin + i / W, range.y - 1)) + i % W);
        barrier();
        for (uint s = 0; s < TILE; s++)
            [[unroll]] for (uint n = 0; n < N; n++) {
                VALUE value = tile[s * STRIDE + own_at(lane, n)];
                [[unroll]] for (uint r = 0; r < R; r++) sum[r][n] += weight[s][row + r] * value;
            }
        barrier();
    }

    [[unroll]] for (uint r = 0; r < R; r++) told[row + r][lane] = l[r];
    barrier();
    [[unroll]] for (uint r = 0; r < R; r++) {
        uint t = first + row + r;
        float all = 0;
        [[unroll]] for (uint i = 0; i < LANES; i++) all += told[row + r][i];
        float share = m[r] > LOWEST ? 1 / all : 0;
        [[unroll]] for (uint n = 0; n < N; n++)
            if (t < args.T && owns(lane, n)) STOREV(y, query[r] + own_at(lane, n), sum[r][n] * share);
        if (t < args.T && lane == 0)
            STORE(lse, (b * args.H + h) * args.T + t, m[r] > LOWEST ? m[r] + log(all) : -LOWEST);
    }
}
