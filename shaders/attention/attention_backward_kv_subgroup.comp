// Attention backward to keys and values, a block of R keys per subgroup, which goes along the queries of all heads that
// share them, head by head, LANES queries at a time:
//   p[r,t], ds[r,t]                       a lane owns a whole query; k and v come to all lanes by shuffles
//   dv[r,·] (+)= Σ_t p·dy_t,  dk[r,·] (+)= scale · Σ_t ds·q_t    a lane owns elements of the head dimension
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
layout(constant_id = 2) const uint LANES = 8; // the subgroup's size
layout(constant_id = 3) const uint R = 8;     // keys of a block
layout(local_size_x_id = 2) in;
#include "lectern.glsl"
#include "attention.glsl"

IN4(0, q);
IN4(1, k);
IN4(2, v);
IN4(3, dy);
IN(4, lse);
IN(5, delta);
INOUT4(6, dk);
INOUT4(7, dv);
MASK_BINDINGS(8);
ATTENTION_ARGS(15);
#include "attention_mask.glsl"
#include "attention_block.glsl"

void main()
{
    uint group = args.first + group_index();
    uint blocks = (args.S + R - 1) / R, lane = gl_SubgroupInvocationID;
    uint first = group % blocks * R, g = group / blocks % args.G, b = group / blocks / args.G;
    if (b >= args.B) return;

    vec4 sum_k[R][N], sum_v[R][N];
    [[unroll]] for (uint r = 0; r < R; r++)
        [[unroll]] for (uint n = 0; n < N; n++) sum_k[r][n] = sum_v[r][n] = vec4(0);
    uint row[FETCHES]; // lane l fetches for keys l, l + LANES, …
    int at[FETCHES], of[FETCHES];
    [[unroll]] for (uint i = 0; i < FETCHES; i++) {
        uint s = min(first + i * LANES + lane, args.S - 1);
        row[i] = ((b * args.S + s) * args.G + g) * V;
        at[i] = key_position(b, s);
        of[i] = first + i * LANES + lane < key_count(b) ? key_sequence(b, s) : -1;
    }

    uint heads = args.H / args.G;
    uvec2 range = query_range(b, first, min(first + R, args.S) - 1);
    for (uint h = g * heads; h < (g + 1) * heads; h++)
        for (uint begin = range.x; begin < range.y; begin += LANES) {
            uint t = min(begin + lane, range.y - 1), query = ((b * args.T + t) * args.H + h) * V;
            float score[R], dp[R];
            [[unroll]] for (uint r = 0; r < R; r++) score[r] = dp[r] = 0;
            for (uint i = 0; i < V; i++) {
                vec4 key[FETCHES], value[FETCHES];
                [[unroll]] for (uint f = 0; f < FETCHES; f++) {
                    key[f] = AT4(k, START4(k) + row[f] + i);
                    value[f] = AT4(v, START4(v) + row[f] + i);
                }
                vec4 x = AT4(q, START4(q) + query + i), d = AT4(dy, START4(dy) + query + i);
                [[unroll]] for (uint r = 0; r < R; r++)
                    [[unroll]] for (uint c = 0; c < 4; c++) {
                        score[r] += subgroupShuffle(key[r / LANES][c], r % LANES) * x[c];
                        dp[r] += subgroupShuffle(value[r / LANES][c], r % LANES) * d[c];
                    }
            }
            float less = LOAD(lse, (b * args.H + h) * args.T + t), pull = LOAD(delta, (b * args.H + h) * args.T + t);
            int query_at = query_position(b, t), query_of = query_sequence(b, t);
            [[unroll]] for (uint r = 0; r < R; r++) {
                score[r] *= args.scale;
                if (HAS_BIAS) score[r] += LOAD(bias, bias_at(h, t, min(first + r, args.S - 1)));
                int key_at = OF_ROW(at, r), key_of = OF_ROW(of, r); // by all lanes, whatever they see
                bool seen = begin + lane < range.y && sees(query_at, query_of, key_at, key_of);
                score[r] = seen ? exp(score[r] - less) : 0; // p from here on
                dp[r] = score[r] * (dp[r] - pull) * args.scale; // ds from here on
            }
            [[unroll]] for (uint i = 0; i < LANES; i++) {
                uint from = subgroupShuffle(query, i);
                [[unroll]] for (uint n = 0; n < N; n++) {
                    uint own = from + own_at(lane, n);
                    vec4 x = AT4(q, START4(q) + own), d = AT4(dy, START4(dy) + own);
                    [[unroll]] for (uint r = 0; r < R; r++) {
                        sum_k[r][n] += subgroupShuffle(dp[r], i) * x;
                        sum_v[r][n] += subgroupShuffle(score[r], i) * d;
                    }
                }
            }
        }

    [[unroll]] for (uint r = 0; r < R; r++)
        [[unroll]] for (uint n = 0; n < N; n++) {
            if (first + r >= args.S || !owns(lane, n)) continue;
            uint to = ((b * args.S + first + r) * args.G + g) * V + own_at(lane, n);
            STORE4(dk, to, args.accumulate != 0 ? LOAD4_INOUT(dk, to) + sum_k[r][n] : sum_k[r][n]);
            STORE4(dv, to, args.accumulate_v != 0 ? LOAD4_INOUT(dv, to) + sum_v[r][n] : sum_v[r][n]);
        }
}
