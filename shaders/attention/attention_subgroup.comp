// Attention, a block of R queries per subgroup, without shared memory or barriers (Dao 2023, algorithm 1, in registers).
// For each tile of LANES · KEYS keys:
//   scores   a lane owns whole keys: it loads their elements, and the queries' come to all lanes by shuffles
//   y        a lane owns elements of the head dimension: the weights p come to all lanes by shuffles
// so that every element loaded serves R products. With CHUNK a group takes one chunk of the keys: y and lse have a table
// [B, …] for each chunk, and attention_merge.comp makes one of them.
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_shader_subgroup_arithmetic : require
layout(constant_id = 2) const uint LANES = 8; // the subgroup's size
layout(constant_id = 3) const uint R = 8;     // queries of a block
layout(constant_id = 4) const uint KEYS = 1;  // keys of a lane in a tile
layout(constant_id = 5) const uint CHUNK = 0; // keys of a group; 0: all
layout(local_size_x_id = 2) in;
#include "lectern.glsl"
#include "attention.glsl"

IN4(0, q);
IN4(1, k);
IN4(2, v);
OUT4(3, y);
OUT(4, lse);
MASK_BINDINGS(5);
ATTENTION_ARGS(12);
#include "attention_mask.glsl"
#include "attention_block.glsl"

void main()
{
    uint group = args.first + group_index();
    uint blocks = (args.T + R - 1) / R, lane = gl_SubgroupInvocationID;
    uint block = blocks - 1 - group % blocks; // the longest first, where the mask is causal
    uint h = group / blocks % args.H, first = block * R;
    uint b = group / blocks / args.H % args.B, chunk = group / blocks / args.H / args.B, to = chunk * args.B + b;
    if (chunk >= (CHUNK == 0 ? 1 : (args.S + CHUNK - 1) / CHUNK)) return;

    vec4 sum[R][N];
    float m[R], l[R];
    [[unroll]] for (uint r = 0; r < R; r++) {
        m[r] = LOWEST;
        l[r] = 0;
        [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] = vec4(0);
    }
    uint query[FETCHES]; // lane l fetches for queries l, l + LANES, …
    int at[FETCHES], of[FETCHES];
    [[unroll]] for (uint i = 0; i < FETCHES; i++) {
        uint t = min(first + i * LANES + lane, args.T - 1);
        query[i] = START4(q) + ((b * args.T + t) * args.H + h) * V;
        at[i] = query_position(b, t);
        of[i] = query_sequence(b, t);
    }

    uvec2 range = key_range(b, first, min(first + R, args.T) - 1);
    if (CHUNK != 0) range = uvec2(max(range.x, chunk * CHUNK), min(range.y, (chunk + 1) * CHUNK));
    for (uint begin = range.x; begin < range.y; begin += LANES * KEYS) {
        uint row[KEYS];
        float score[KEYS][R];
        [[unroll]] for (uint j = 0; j < KEYS; j++) {
            uint s = min(begin + j * LANES + lane, range.y - 1);
            row[j] = (key_row(b, s) * args.G + key_head(h)) * V;
            [[unroll]] for (uint r = 0; r < R; r++) score[j][r] = 0;
        }
        for (uint i = 0; i < V; i++) {
            vec4 x[FETCHES], key[KEYS];
            [[unroll]] for (uint j = 0; j < FETCHES; j++) x[j] = AT4(q, query[j] + i);
            [[unroll]] for (uint j = 0; j < KEYS; j++) key[j] = AT4(k, START4(k) + row[j] + i);
            [[unroll]] for (uint r = 0; r < R; r++)
                [[unroll]] for (uint c = 0; c < 4; c++) {
                    float one = subgroupShuffle(x[r / LANES][c], r % LANES);
                    [[unroll]] for (uint j = 0; j < KEYS; j++) score[j][r] += one * key[j][c];
                }
        }
        [[unroll]] for (uint j = 0; j < KEYS; j++) {
            uint s = begin + j * LANES + lane, key = min(s, range.y - 1);
            int key_at = key_position(b, key), key_of = key_sequence(b, key);
            [[unroll]] for (uint r = 0; r < R; r++) {
                score[j][r] *= args.scale;
                if (HAS_BIAS) score[j][r] += LOAD(bias, bias_at(h, min(first + r, args.T - 1), key));
                int query_at = OF_ROW(at, r), query_of = OF_ROW(of, r); // by all lanes, whatever they see
                bool seen = s < range.y && sees(query_at, query_of, key_at, key_of);
                score[j][r] = seen ? score[j][r] : LOWEST;
            }
        }
        [[unroll]] for (uint r = 0; r < R; r++) {
            float higher = m[r];
            [[unroll]] for (uint j = 0; j < KEYS; j++) higher = max(higher, score[j][r]);
            higher = subgroupMax(higher);
            float shrink = exp(m[r] - higher);
            m[r] = higher;
            l[r] *= shrink;
            [[unroll]] for (uint j = 0; j < KEYS; j++) {
                score[j][r] = exp(score[j][r] - higher);
                l[r] += score[j][r];
            }
            [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] *= shrink;
        }
        [[unroll]] for (uint j = 0; j < KEYS; j++)
            [[unroll]] for (uint i = 0; i < LANES; i++) {
                uint from = START4(v) + subgroupShuffle(row[j], i);
                vec4 value[N];
                [[unroll]] for (uint n = 0; n < N; n++) value[n] = AT4(v, from + own_at(lane, n));
                [[unroll]] for (uint r = 0; r < R; r++) {
                    float p = subgroupShuffle(score[j][r], i);
                    [[unroll]] for (uint n = 0; n < N; n++) sum[r][n] += p * value[n];
                }
            }
    }

    [[unroll]] for (uint r = 0; r < R; r++) {
        float all = subgroupAdd(l[r]), share = m[r] > LOWEST ? 1 / all : 0;
        uint t = first + r;
        [[unroll]] for (uint n = 0; n < N; n++)
            if (t < args.T && owns(lane, n))
                STORE4(y, ((to * args.T + t) * args.H + h) * V + own_at(lane, n), sum[r][n] * share);
        if (t < args.T && lane == 0)
            STORE(lse, (to * args.H + h) * args.T + t, m[r] > LOWEST ? m[r] + log(all) : -LOWEST);
    }
}
