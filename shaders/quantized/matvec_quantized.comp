// A few rows times a quantised matrix, as when one token is decoded.   c[m,n] (+)= Σ_k a[m,k]·b[n,k] + bias[n],   m < MS
// A subgroup takes BANDS bands of b, its lanes a cell each side by side along k. What a lane holds of a serves all of
// them; weights are never made: Σ a·(scale·(q − offset) + minimum) = scale·Σ a·q + (minimum − offset·scale)·Σ a.
//! variant texel: -DTEXEL
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#ifdef TEXEL
layout(local_size_x = 32) in; // a processor's lanes are few: small groups fill its cores evenly
#else
layout(local_size_x = 64) in;
#endif
#include "lectern.glsl"
#include "planes.glsl"
layout(constant_id = 1) const uint MS = 1;
layout(constant_id = 2) const uint BANDS = 2;

IN4(0, a);
PLANES(1);
IN(5, bias);
INOUT(6, c);
ARGS(7, uint M; uint N; uint K; uint lda; uint ldc; uint flags;);
const uint ACCUMULATE = 1, BIAS = 2;

// Over the lanes. Where texel fetches are fast so are shuffles from a lane that is known, and reductions are not.
vec4 total(vec4 mine)
{
#ifdef TEXEL
    vec4 sum = vec4(0);
    for (uint lane = 0; lane < gl_SubgroupSize; lane++) sum += subgroupShuffle(mine, lane);
    return sum;
#else
    return subgroupAdd(mine);
#endif
}

void main()
{
    uint cells = args.K / 8, bands = (args.N + 3) / 4, lane = gl_SubgroupInvocationID;
    uint b0 = (group_index() * gl_NumSubgroups + gl_SubgroupID) * BANDS, a_row[MS];
    if (b0 >= bands) return;
    [[unroll]] for (uint m = 0; m < MS; m++) a_row[m] = START4(a) + min(m, args.M - 1) * args.lda / 4;
    vec4 sum[MS][BANDS];
    [[unroll]] for (uint m = 0; m < MS; m++) [[unroll]] for (uint b = 0; b < BANDS; b++) sum[m][b] = vec4(0);

    for (uint k = lane; k < cells; k += gl_SubgroupSize) {
        vec4 a4[MS][2];
        float a_sum[MS];
        [[unroll]] for (uint m = 0; m < MS; m++) {
            a4[m][0] = AT4(a, a_row[m] + 2 * k);
            a4[m][1] = AT4(a, a_row[m] + 2 * k + 1);
            a_sum[m] = dot(a4[m][0] + a4[m][1], vec4(1));
            [[unroll]] for (uint i = 0; i < 8; i++) a4[m][i / 4][i % 4] *= 1 / cell_unit(i);
        }
        [[unroll]] for (uint b = 0; b < BANDS; b++) {
            uint band = min(b0 + b, bands - 1);
            vec4 scale, minimum, part[MS];
            Cell cell;
            LOAD_SCALES(band, k, cells, scale, minimum);
            LOAD_CELL(band * cells + k, cell);
            minimum -= OFFSET * scale;
            [[unroll]] for (uint m = 0; m < MS; m++) part[m] = vec4(0);
            [[unroll]] for (uint i = 0; i < 8; i++) {
                vec4 q = cell_quants(cell, i);
                [[unroll]] for (uint m = 0; m < MS; m++) part[m] += a4[m][i / 4][i % 4] * q;
            }
            [[unroll]] for (uint m = 0; m < MS; m++) sum[m][b] += scale * part[m] + minimum * a_sum[m];
        }
    }
    [[unroll]] for (uint m = 0; m < MS; m++) [[unroll]] for (uint b = 0; b < BANDS; b++) {
        vec4 y = total(sum[m][b]);
        uint n = (b0 + b) * 4 + lane; // a lane for each row
        if (lane >= 4 || m >= args.M || n >= args.N) continue;
        float one = y[lane];
        if ((args.flags & BIAS) != 0) one += LOAD(bias, n);
        if ((args.flags & ACCUMULATE) != 0) one += LOAD(c, m * args.ldc + n);
        STORE(c, m * args.ldc + n, one);
    }
}
