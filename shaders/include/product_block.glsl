// A subgroup's block of a product: R rows and 4·S columns. Lane l holds columns 4l … 4l+3 of each row in registers.
// What all columns of a row need, an element of a, lies in one lane's register and comes to the others by a shuffle, so
// that there is no shared memory and no barrier. LANES is the least number of lanes that the subgroup has.
#ifndef LANES
#define LANES 8
#endif
const uint R = 16;
vec4 sum[R];

// How many k are taken at a time. Eight touch each sum half as often as four do, and rows that lie a power of two apart
// fall less out of the cache.
#if LANES == 8 && !defined(UNALIGNED) || defined(F16)
const uint KK = 8;
#else
const uint KK = 4;
#endif

struct Block {
    uint lane, m0, n, batch; // the lane; the block's first row, the lane's first column, which product of the batch
};

Block find_block()
{
    uint m = gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID, lane = gl_SubgroupInvocationID;
    return Block(lane, m * R, (gl_WorkGroupID.y * gl_SubgroupSize + lane) * 4, gl_WorkGroupID.z);
}

void store_block(Block block)
{
    uint M = args.M, N = args.N, ldc = args.ldc, flags = args.flags;
    uint at = args.offset[c_binding] + (block.batch * M + block.m0) * ldc + block.n;
    [[unroll]] for (uint j = 0; j < 4; j++) {
        float start = (flags & BIAS) != 0 ? LOAD(bias, min(block.n + j, N - 1)) : 0;
        [[unroll]] for (uint r = 0; r < R; r++) {
            if (block.m0 + r >= M || block.n + j >= N) continue;
            uint i = at + r * ldc + j;
            float y = sum[r][j] + start;
            if ((flags & ACCUMULATE) != 0) y += c.data[i];
            c.data[i] = y;
        }
    }
}
