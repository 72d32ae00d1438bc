// The ladders of the products. What is fast depends on the device:
//   a GPU            tiles in shared memory; for a few rows of a, a subgroup for two rows of b
//   Mesa's llvmpipe  blocks by subgroups with texel fetches, for its plain loads are slow and its barriers dear
#include "ops/product.h"

// rung->tile: how a rung shares c out among workgroups, the least lanes of a subgroup, and a set of Needs.
enum { BY_ELEMENT, BY_TREE, BY_TILE, BY_BLOCK, BY_ROWS };
enum { HALVES = 1, TEXELS = 2, UNALIGNED = 4 };
enum {
    BLOCK_ROWS = 16,
    BLOCK_INVOCATIONS = 32,
    ROWS_INVOCATIONS = 64,
    TREE_INVOCATIONS = 64,
    TILE_K = 16
}; // as in the shaders

static uint64_t over(uint64_t n, uint64_t by) { return (n + by - 1) / by; }

static uint32_t subgroup_of(const Rung *rung, const GpuTraits *traits)
{
    return rung->kernel.subgroup ? rung->kernel.subgroup : traits->subgroup_size;
}

Work product_groups(const Product *p, const Rung *rung, const GpuTraits *traits)
{
    const uint32_t *constants = rung->kernel.constants, S = subgroup_of(rung, traits);
    uint64_t M = (uint64_t)p->M, N = (uint64_t)p->N, batches = (uint64_t)p->batches, x = 1, y = 1;
    switch (rung->tile[0]) {
    case BY_ELEMENT: return (Work){ .items = M * N * batches };
    case BY_TREE: return (Work){ .items = M * N * batches * TREE_INVOCATIONS };
    case BY_TILE: x = over(M, 16 * constants[0]), y = over(N, 16 * constants[0]); break;
    case BY_BLOCK: x = over(M, BLOCK_ROWS * BLOCK_INVOCATIONS / S), y = over(N, 4 * S); break;
    case BY_ROWS: return (Work){ .items = over(N, constants[1] * ROWS_INVOCATIONS / S) * batches * ROWS_INVOCATIONS };
    }
    return (Work){ .x = (uint32_t)x, .y = (uint32_t)y, .z = (uint32_t)batches };
}

// ---- What a rung needs -------------------------------------------------------------------------------------------

// Rows that begin and end at whole loads.
static bool whole(Span span, int64_t columns, int64_t ld, int64_t batch, int elements)
{
    return span.offset % 16 == 0 && columns % elements == 0 && ld % elements == 0 && batch % elements == 0;
}

static bool whole_a(const Product *p)
{
    return whole(p->a, p->kind == PRODUCT_TN ? p->M : p->K, p->lda, p->batch_a, p->b_dtype == F16 ? 8 : 4);
}

static bool whole_b(const Product *p)
{
    return whole(p->b, p->kind == PRODUCT_NT ? p->K : p->N, p->ldb, p->batch_b, p->b_dtype == F16 ? 8 : 4);
}

// A kernel that requires no size of a subgroup needs a device that has only one.
static bool subgroups_fit(const Rung *rung, const GpuTraits *t)
{
    uint32_t S = subgroup_of(rung, t);
    bool sized = t->max_subgroup_size ? t->min_subgroup_size <= S && S <= t->max_subgroup_size : t->subgroup_size == S;
    bool single = t->min_subgroup_size == t->max_subgroup_size;
    uint32_t most = rung->tile[0] == BY_BLOCK ? BLOCK_INVOCATIONS : ROWS_INVOCATIONS;
    return (rung->kernel.subgroup ? sized : single) && S >= rung->tile[1] && S <= most;
}

static bool can(const Rung *rung, const GpuTraits *t, const Product *p)
{
    uint32_t how = rung->tile[0], needs = rung->tile[2];
    if ((p->b_dtype == F16) != ((needs & HALVES) != 0)) return false;
    if (how == BY_ELEMENT || how == BY_TREE) return true;
    uint32_t tile_bytes = 2 * 4 * TILE_K * (16 * rung->kernel.constants[0] + 1);
    if (how == BY_TILE) return t->max_workgroup_invocations >= 256 && tile_bytes <= t->shared_bytes;
    if ((needs & TEXELS && !(texels_hold(t, p->a.bytes) && texels_hold(t, p->b.bytes))) || !subgroups_fit(rung, t) ||
        !whole_b(p))
        return false;
    if (how == BY_ROWS) return t->subgroup_arithmetic && p->M <= rung->kernel.constants[0] && whole_a(p);
    bool last_texel = (p->a.offset + p->a.bytes) % 16 == 0; // is seen only if it is whole
    int64_t k_step = !(needs & UNALIGNED) && rung->tile[1] == 8 ? 8 : p->kind == PRODUCT_NN ? 1 : 4;
    return t->subgroup_shuffle && p->K % k_step == 0 && (needs & UNALIGNED ? last_texel : whole_a(p));
}

static RungVerdict judge(const Rung *rung, const GpuTraits *t, const void *problem)
{
    const Product *p = problem;
    bool cpu = t->type == GPU_CPU;
    if (!can(rung, t, p)) return RUNG_CANNOT;
    bool chosen = true;
    int64_t many = 128 * 128 * (t->type == GPU_DISCRETE ? 128 : 32); // large tiles must still be enough for all cores
    switch (rung->tile[0]) {
    case BY_TREE: chosen = p->M <= 4 && !cpu; break;
    case BY_TILE: chosen = rung->kernel.constants[0] == 4 || cpu || p->M * p->N >= many; break;
    case BY_BLOCK: chosen = cpu; break;
    case BY_ROWS: chosen = !(rung->tile[2] & TEXELS) || cpu; break;
    }
    return chosen ? RUNG_CHOSEN : RUNG_CAN;
}

// ---- Ladders -----------------------------------------------------------------------------------------------------

#define ROWS(shader_, rows, columns, subgroup_, needs)                                                 \
    {                                                                                                  \
        .kernel = { shader_, { rows, columns }, subgroup_ }, .judge = judge,                           \
        .idea = "few rows: a subgroup reads rows of b once, its lanes side by side along k", .tile = { \
            BY_ROWS,                                                                                   \
            4,                                                                                         \
            needs                                                                                      \
        }                                                                                              \
    }
#define BLOCK(shader_, lanes, needs, idea_)                                                                \
    {                                                                                                      \
        .kernel = { .shader = shader_ }, .judge = judge, .idea = idea_, .tile = { BY_BLOCK, lanes, needs } \
    }
#define TILES(shader_, T, needs, idea_)                                                            \
    {                                                                                              \
        .kernel = { shader_, { T } }, .judge = judge, .idea = idea_, .tile = { BY_TILE, 0, needs } \
    }
#define ONE_EACH(shader_, how, needs, idea_)                                                      \
    {                                                                                             \
        .kernel = { .shader = shader_ }, .judge = judge, .idea = idea_, .tile = { how, 0, needs } \
    }

static const char in_block[] = "a block per subgroup in registers, exchanged by shuffles, loads by texel fetches";
static const char in_block4[] = "the same for subgroups of 4 and for four k at a time";
static const char in_block_unaligned[] = "the same for rows of a that begin anywhere";
static const char in_tile8[] = "8 × 8 elements per invocation";
static const char in_tile4[] = "tiles in shared memory, 4 × 4 elements per invocation";
static const char in_tree[] = "few rows: a workgroup per element adds up as a tree in shared memory";
static const char in_one[] = "one element per invocation";

// Where a device has subgroups of several sizes, 16 lanes come first: on Intel's GPUs 32 have too few registers.
static const Rung nt_rungs[] = {
    ROWS("matvec_subgroup.texel", 1, 8, 0, TEXELS),
    ROWS("matvec_subgroup.texel", 2, 8, 0, TEXELS),
    ROWS("matvec_subgroup.texel", 4, 4, 0, TEXELS),
    ROWS("matvec_subgroup.texel", 8, 4, 0, TEXELS),
    ROWS("matvec_subgroup.texel_f16", 1, 8, 0, TEXELS | HALVES),
    ROWS("matvec_subgroup.texel_f16", 2, 8, 0, TEXELS | HALVES),
    ROWS("matvec_subgroup.texel_f16", 4, 4, 0, TEXELS | HALVES),
    ROWS("matvec_subgroup.texel_f16", 8, 4, 0, TEXELS | HALVES),
    ROWS("matvec_subgroup", 1, 2, 16, 0),
    ROWS("matvec_subgroup", 1, 2, 32, 0),
    ROWS("matvec_subgroup", 1, 2, 0, 0),
    ROWS("matvec_subgroup", 4, 1, 16, 0),
    ROWS("matvec_subgroup", 4, 1, 32, 0),
    ROWS("matvec_subgroup", 4, 1, 0, 0),
    ROWS("matvec_subgroup.f16", 1, 1, 16, HALVES),
    ROWS("matvec_subgroup.f16", 1, 1, 32, HALVES),
    ROWS("matvec_subgroup.f16", 1, 1, 0, HALVES),
    ROWS("matvec_subgroup.f16", 4, 1, 16, HALVES),
    ROWS("matvec_subgroup.f16", 4, 1, 32, HALVES),
    ROWS("matvec_subgroup.f16", 4, 1, 0, HALVES),
    BLOCK("matmul_nt_subgroup.texel", 8, TEXELS, in_block),
    BLOCK("matmul_nt_subgroup.texel4", 4, TEXELS, in_block4),
    BLOCK("matmul_nt_subgroup.texel_f16", 8, TEXELS | HALVES, in_block),
    BLOCK("matmul_nt_subgroup.texel4_f16", 4, TEXELS | HALVES, in_block4),
    ONE_EACH("matvec_tree", BY_TREE, 0, in_tree),
    ONE_EACH("matvec_tree.f16", BY_TREE, HALVES, in_tree),
    TILES("matmul_nt_tile", 8, 0, in_tile8),
    TILES("matmul_nt_tile", 4, 0, in_tile4),
    TILES("matmul_nt_tile.f16", 8, HALVES, in_tile8),
    TILES("matmul_nt_tile.f16", 4, HALVES, in_tile4),
    ONE_EACH("matmul_nt_naive", BY_ELEMENT, 0, in_one),
    ONE_EACH("matmul_nt_naive.f16", BY_ELEMENT, HALVES, in_one),
};
static const Rung nn_rungs[] = {
    BLOCK("matmul_nn_subgroup.texel", 8, TEXELS, in_block),
    BLOCK("matmul_nn_subgroup.texel4", 4, TEXELS, in_block4),
    BLOCK("matmul_nn_subgroup.unaligned", 8, TEXELS | UNALIGNED, in_block_unaligned),
    TILES("matmul_nn_tile", 8, 0, in_tile8),
    TILES("matmul_nn_tile", 4, 0, in_tile4),
    TILES("matmul_nn_tile.f16", 8, HALVES, in_tile8),
    TILES("matmul_nn_tile.f16", 4, HALVES, in_tile4),
    ONE_EACH("matmul_nn_naive", BY_ELEMENT, 0, in_one),
    ONE_EACH("matmul_nn_naive.f16", BY_ELEMENT, HALVES, in_one),
};
static const Rung tn_rungs[] = {
    BLOCK("matmul_tn_subgroup.texel", 8, TEXELS, in_block),
    BLOCK("matmul_tn_subgroup.texel4", 4, TEXELS, in_block4),
    BLOCK("matmul_tn_subgroup.unaligned", 8, TEXELS | UNALIGNED, in_block_unaligned),
    TILES("matmul_tn_tile", 8, 0, in_tile8),
    TILES("matmul_tn_tile", 4, 0, in_tile4),
    ONE_EACH("matmul_tn_naive", BY_ELEMENT, 0, in_one),
};

const Ladder product_ladders[PRODUCT_LADDERS] = {
    [PRODUCT_NT] = LADDER("matmul_nt", nt_rungs),
    [PRODUCT_NN] = LADDER("matmul_nn", nn_rungs),
    [PRODUCT_TN] = LADDER("matmul_tn", tn_rungs),
};
