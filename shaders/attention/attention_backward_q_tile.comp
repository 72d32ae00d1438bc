// Attention backward to the queries by tiles in shared memory, as attention_tile.comp goes forward:
//   ds[r,s]  = p·(dy_r·v_s − delta_r)      a lane owns whole keys of the tile; the lanes tell each other ds
//   dq[r,·] (+)= scale · Σ_s ds[r,s]·k_s   a lane owns elements of the head dimension
//! variant fours: -DFOURS
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "values.glsl"
#include "attention.glsl"

VALUES(0, q);
VALUES(1, k);
VALUES(2, v);
VALUES(3, dy);
IN(4, lse);
IN(5, delta);
VALUES_INOUT(6, dq);
MASK_BINDINGS(7);
ATTENTION_ARGS(14);
#include "attention_mask.glsl"
#include "attention_tile.glsl"

shared VALUE k_tile[TILE * STRIDE], v_tile[TILE * STRIDE];
shared float ds[TILE][ROWS];

void main()
{
    uint group = args.first + group_index();
    uint blocks = (args.T + ROWS - 1) / ROWS, me = gl_LocalInvocationIndex, lane = me % LANES, row = me / LANES * R;
    uint block = blocks - 1 - group % blocks; // the longest first, where the mask is causal
    uint h = group / blocks % args.H, b = group / blocks / args.H, first = block * ROWS;
    if (b >= args.B) return;

    VALUE sum[R][N];
    uint query[R];
    int at[R], of[R];
    float less[R], pull[R];
    [[unroll]] for (uint r = 0; r < R; r++) {
        uint t = min(first + row + r, args.T - 1);
        query[r] = query_at(b, h, t);
        at[r] = query_position(b, t);
        of[r] = query_sequence(b, t);
        less[r] = LOAD(lse, (b * args.H + h) * args.T + t);
        pull[r] = LOAD(delta, (b * args.H + h) * args.T + t);
        [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] = VALUE(0);
    }

    uvec2 range = key_range(b, first, min(first + ROWS, args.T) - 1);
    for (uint begin = range.x; begin < range.y; begin += TILE) {
        for (uint i = me; i < TILE * W; i += GROUP) {
            uint from = key_at(b, key_head(h), min(begin + i / W, range.y - 1)) + i % W;
            k_tile[tile_at(i)] = LOADV(k, from);
            v_tile[tile_at(i)] = LOADV(v, from);
        }
        barrier();
        float score[R][EACH], dp[R][EACH];
        [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint j = 0; j < EACH; j++) score[r][j] = dp[r][j] = 0;
        for (uint d = 0; d < W; d++) {
            VALUE key[EACH], value[EACH];
            [[unroll]] for (uint j = 0; j < EACH; j++) {
                key[j] = k_tile[lane * STRIDE + d + j * LANES * STRIDE];
                value[j] = v_tile[lane * STRIDE + d + j * LANES * STRIDE];
            }
            [[unroll]] for (uint r = 0; r < R; r++) {
                VALUE q_d = LOADV(q, query[r] + d), dy_d = LOADV(dy, query[r] + d);
                [[unroll]] for (uint j = 0; j < EACH; j++) {
                    score[r][j] = add_dot(score[r][j], q_d, key[j]);
                    dp[r][j] = add_dot(dp[r][j], dy_d, value[j]);
                }
            }
        }

        [[unroll]] for (uint j = 0; j < EACH; j++) {
            uint s = begin + lane + j * LANES, key = min(s, range.y - 1);
            int key_at = key_position(b, key), key_of = key_sequence(b, key);
            [[unroll]] for (uint r = 0; r < R; r++) {
                score[r][j] *= args.scale;
                if (HAS_BIAS) score[r][j] += LOAD(bias, bias_at(h, min(first + row + r, args.T - 1), key));
                bool seen = s < range.y && sees(at[r], of[r], key_at, key_of);
                float p = seen ? exp(score[r][j] - less[r]) : 0;
                ds[lane + j * LANES][row + r] = p * (dp[r][j] - pull[r]) * args.scale;
            }
        }
        barrier();
        for (uint s = 0; s < TILE; s++)
            [[unroll]] for (uint n = 0; n < N; n++) {
                VALUE key = k_tile[s * STRIDE + own_at(lane, n)];
                [[unroll]] for (uint r = 0; r < R; r++) sum[r][n] += ds[s][row + r] * key;
            }
        barrier();
    }

    [[unroll]] for (uint r = 0; r < R; r++)
        [[unroll]] for (uint n = 0; n < N; n++)
            if (first + row + r < args.T && owns(lane, n)) GIVEV(dq, query[r] + own_at(lane, n), sum[r][n]);
}
