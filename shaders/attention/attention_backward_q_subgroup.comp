// Attention backward to the queries, a block of R queries per subgroup, as attention_subgroup.comp goes forward:
//   ds[r,s]  = p·(dy_r·v_s − delta_r)    a lane owns whole keys; q and dy come to all lanes by shuffles
//   dq[r,·] (+)= scale · Σ_s ds[r,s]·k_s   a lane owns elements of the head dimension; ds comes by shuffles
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
layout(constant_id = 2) const uint LANES = 8; // the subgroup's size
layout(constant_id = 3) const uint R = 8;     // queries of a block
layout(constant_id = 4) const uint KEYS = 1;  // keys of a lane in a tile
layout(local_size_x_id = 2) in;
#include "lectern.glsl"
#include "attention.glsl"

IN4(0, q);
IN4(1, k);
IN4(2, v);
IN4(3, dy);
IN(4, lse);
IN(5, delta);
INOUT4(6, dq);
MASK_BINDINGS(7);
ATTENTION_ARGS(14);
#include "attention_mask.glsl"
#include "attention_block.glsl"

void main()
{
    uint group = args.first + group_index();
    uint blocks = (args.T + R - 1) / R, lane = gl_SubgroupInvocationID;
    uint block = blocks - 1 - group % blocks; // the longest first, where the mask is causal
    uint h = group / blocks % args.H, b = group / blocks / args.H, first = block * R;
    if (b >= args.B) return;

    vec4 sum[R][N];
    [[unroll]] for (uint r = 0; r < R; r++) [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] = vec4(0);
    uint query[FETCHES]; // lane l fetches for queries l, l + LANES, …
    int at[FETCHES], of[FETCHES];
    float less[FETCHES], pull[FETCHES];
    [[unroll]] for (uint i = 0; i < FETCHES; i++) {
        uint t = min(first + i * LANES + lane, args.T - 1);
        query[i] = ((b * args.T + t) * args.H + h) * V;
        at[i] = query_position(b, t);
        of[i] = query_sequence(b, t);
        less[i] = LOAD(lse, (b * args.H + h) * args.T + t);
        pull[i] = LOAD(delta, (b * args.H + h) * args.T + t);
    }

    uvec2 range = key_range(b, first, min(first + R, args.T) - 1);
    for (uint begin = range.x; begin < range.y; begin += LANES * KEYS) {
        uint row[KEYS];
        float score[KEYS][R], dp[KEYS][R];
        [[unroll]] for (uint j = 0; j < KEYS; j++) {
            row[j] = (key_row(b, min(begin + j * LANES + lane, range.y - 1)) * args.G + key_head(h)) * V;
            [[unroll]] for (uint r = 0; r < R; r++) score[j][r] = dp[j][r] = 0;
        }
        for (uint i = 0; i < V; i++) {
            vec4 x[FETCHES], d[FETCHES], key[KEYS], value[KEYS];
            [[unroll]] for (uint f = 0; f < FETCHES; f++) {
                x[f] = AT4(q, START4(q) + query[f] + i);
                d[f] = AT4(dy, START4(dy) + query[f] + i);
            }
            [[unroll]] for (uint j = 0; j < KEYS; j++) {
                key[j] = AT4(k, START4(k) + row[j] + i);
                value[j] = AT4(v, START4(v) + row[j] + i);
            }
            [[unroll]] for (uint r = 0; r < R; r++)
                [[unroll]] for (uint c = 0; c < 4; c++) {
                    float q_c = subgroupShuffle(x[r / LANES][c], r % LANES);
                    float dy_c = subgroupShuffle(d[r / LANES][c], r % LANES);
                    [[unroll]] for (uint j = 0; j < KEYS; j++) {
                        score[j][r] += q_c * key[j][c];
                        dp[j][r] += dy_c * value[j][c];
                    }
                }
        }
        [[unroll]] for (uint j = 0; j < KEYS; j++) {
            uint s = begin + j * LANES + lane, key = min(s, range.y - 1);
            int key_at = key_position(b, key), key_of = key_sequence(b, key);
            [[unroll]] for (uint r = 0; r < R; r++) {
                score[j][r] *= args.scale;
                if (HAS_BIAS) score[j][r] += LOAD(bias, bias_at(h, min(first + r, args.T - 1), key));
                int query_at = OF_ROW(at, r), query_of = OF_ROW(of, r); // by all lanes, whatever they see
                float p = exp(score[j][r] - OF_ROW(less, r)), ds = p * (dp[j][r] - OF_ROW(pull, r)) * args.scale;
                bool seen = s < range.y && sees(query_at, query_of, key_at, key_of);
                score[j][r] = seen ? ds : 0; // ds from here on
            }
        }
        [[unroll]] for (uint j = 0; j < KEYS; j++)
            [[unroll]] for (uint i = 0; i < LANES; i++) {
                uint from = START4(k) + subgroupShuffle(row[j], i);
                vec4 key[N];
                [[unroll]] for (uint n = 0; n < N; n++) key[n] = AT4(k, from + own_at(lane, n));
                [[unroll]] for (uint r = 0; r < R; r++) {
                    float ds = subgroupShuffle(score[j][r], i);
                    [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] += ds * key[n];
                }
            }
    }

    [[unroll]] for (uint r = 0; r < R; r++)
        [[unroll]] for (uint n = 0; n < N; n++) {
            if (first + r >= args.T || !owns(lane, n)) continue;
            uint to = ((b * args.T + first + r) * args.H + h) * V + own_at(lane, n);
            STORE4(dq, to, args.accumulate != 0 ? LOAD4_INOUT(dq, to) + sum[r][n] : sum[r][n]);
        }
}
