// A few rows times a quantised matrix, without subgroups.   c[m,n] (+)= Σ_k a[m,k]·b[n,k] + bias[n]
// An invocation walks along a band of b: four elements of c.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
#include "lectern.glsl"
#include "planes.glsl"

IN4(0, a);
PLANES(1);
IN(5, bias);
INOUT(6, c);
ARGS(7, uint M; uint N; uint K; uint lda; uint ldc; uint flags;);
const uint ACCUMULATE = 1, BIAS = 2;

void main()
{
    uint cells = args.K / 8, bands = (args.N + 3) / 4, m = item_index() / bands, band = item_index() % bands;
    if (m >= args.M) return;
    vec4 sum = vec4(0);
    for (uint k = 0; k < cells; k++) {
        vec4 scale, minimum, low = LOAD4(a, m * args.lda / 4 + 2 * k), high4 = LOAD4(a, m * args.lda / 4 + 2 * k + 1);
        Cell cell;
        LOAD_SCALES(band, k, cells, scale, minimum);
        LOAD_CELL(band * cells + k, cell);
        [[unroll]] for (uint i = 0; i < 8; i++) {
            float x = i < 4 ? low[i] : high4[i - 4];
            sum += x * (scale * (cell_quants(cell, i) * (1 / cell_unit(i)) - OFFSET) + minimum);
        }
    }
    [[unroll]] for (uint r = 0; r < 4; r++) {
        uint n = band * 4 + r;
        if (n >= args.N) return;
        float y = sum[r];
        if ((args.flags & BIAS) != 0) y += LOAD(bias, n);
        if ((args.flags & ACCUMULATE) != 0) y += LOAD(c, m * args.ldc + n);
        STORE(c, m * args.ldc + n, y);
    }
}
