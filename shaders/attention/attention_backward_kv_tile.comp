// Attention backward to keys and values by tiles in shared memory, a block of keys per workgroup, which goes along the
// queries of all heads that share them, head by head, as attention_tile.comp goes along keys:
//   p[r,t], ds[r,t]                         a lane owns whole queries of the tile; the lanes tell each other p and ds
//   dv[r,·] (+)= Σ_t p·dy_t,   dk[r,·] (+)= scale · Σ_t ds·q_t    a lane owns elements of the head dimension
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
VALUES_INOUT(6, dk);
VALUES_INOUT(7, dv);
MASK_BINDINGS(8);
ATTENTION_ARGS(15);
#include "attention_mask.glsl"
#include "attention_tile.glsl"

shared VALUE q_tile[TILE * STRIDE], dy_tile[TILE * STRIDE];
shared float p[TILE][ROWS], ds[TILE][ROWS];

void main()
{
    uint group = args.first + group_index();
    uint blocks = (args.S + ROWS - 1) / ROWS, me = gl_LocalInvocationIndex, lane = me % LANES, row = me / LANES * R;
    uint block = group % blocks, g = group / blocks % args.G, b = group / blocks / args.G;
    uint first = block * ROWS;
    if (b >= args.B) return;

    VALUE sum_k[R][N], sum_v[R][N];
    uint key[R];
    int at[R], of[R];
    [[unroll]] for (uint r = 0; r < R; r++) {
        uint s = min(first + row + r, args.S - 1);
        key[r] = key_at(b, g, s);
        at[r] = key_position(b, s);
        of[r] = s < key_count(b) ? key_sequence(b, s) : -1;
        [[unroll]] for (uint n = 0; n < N; n++) sum_k[r][n] = sum_v[r][n] = VALUE(0);
    }

    uint heads = args.H / args.G;
    uvec2 range = query_range(b, first, min(first + ROWS, args.S) - 1);
    for (uint h = g * heads; h < (g + 1) * heads; h++)
        for (uint begin = range.x; begin < range.y; begin += TILE) {
            for (uint i = me; i < TILE * W; i += GROUP) {
                uint from = query_at(b, h, min(begin + i / W, range.y - 1)) + i % W;
                q_tile[tile_at(i)] = LOADV(q, from);
                dy_tile[tile_at(i)] = LOADV(dy, from);
            }
            barrier();
            float score[R][EACH], dp[R][EACH];
            [[unroll]] for (uint r = 0; r < R; r++)
                [[unroll]] for (uint j = 0; j < EACH; j++) score[r][j] = dp[r][j] = 0;
            for (uint d = 0; d < W; d++) {
                VALUE q_d[EACH], dy_d[EACH];
                [[unroll]] for (uint j = 0; j < EACH; j++) {
                    q_d[j] = q_tile[lane * STRIDE + d + j * LANES * STRIDE];
                    dy_d[j] = dy_tile[lane * STRIDE + d + j * LANES * STRIDE];
                }
                [[unroll]] for (uint r = 0; r < R; r++) {
                    VALUE k_d = LOADV(k, key[r] + d), v_d = LOADV(v, key[r] + d);
                    [[unroll]] for (uint j = 0; j < EACH; j++) {
                        score[r][j] = add_dot(score[r][j], k_d, q_d[j]);
                        dp[r][j] = add_dot(dp[r][j], v_d, dy_d[j]);
                    }
                }
            }

            [[unroll]] for (uint j = 0; j < EACH; j++) {
                uint i = lane + j * LANES, t = min(begin + i, range.y - 1);
                uint line = (b * args.H + h) * args.T + t;
                float less = LOAD(lse, line), pull = LOAD(delta, line);
                int query_at = query_position(b, t), query_of = query_sequence(b, t);
                [[unroll]] for (uint r = 0; r < R; r++) {
                    score[r][j] *= args.scale;
                    if (HAS_BIAS) score[r][j] += LOAD(bias, bias_at(h, t, min(first + row + r, args.S - 1)));
                    bool seen = begin + i < range.y && sees(query_at, query_of, at[r], of[r]);
                    float weight = seen ? exp(score[r][j] - less) : 0;
                    p[i][row + r] = weight;
                    ds[i][row + r] = weight * (dp[r][j] - pull) * args.scale;
                }
            }
            barrier();
            for (uint t = 0; t < TILE; t++)
                [[unroll]] for (uint n = 0; n < N; n++) {
                    VALUE x = q_tile[t * STRIDE + own_at(lane, n)], dy_n = dy_tile[t * STRIDE + own_at(lane, n)];
                    [[unroll]] for (uint r = 0; r < R; r++) {
                        sum_k[r][n] += ds[t][row + r] * x;
                        sum_v[r][n] += p[t][row + r] * dy_n;
                    }
                }
            barrier();
        }

    bool add_k = args.accumulate != 0, add_v = args.accumulate_v != 0;
    [[unroll]] for (uint r = 0; r < R; r++)
        [[unroll]] for (uint n = 0; n < N; n++) {
            uint to = key[r] + own_at(lane, n);
            if (first + row + r < args.S && owns(lane, n)) {
                STOREV(dk, to, add_k ? LOADV_INOUT(dk, to) + sum_k[r][n] : sum_k[r][n]);
                STOREV(dv, to, add_v ? LOADV_INOUT(dv, to) + sum_v[r][n] : sum_v[r][n]);
            }
        }
}
