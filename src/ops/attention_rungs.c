// The ladders of attention: which kernels there are, what each needs, and when it is taken.
//   a GPU            a subgroup for a block of rows in registers, with plain loads; few queries over many keys in chunks
//   where that fails (Intel's many sizes, no shuffles, odd widths): a workgroup with tiles in shared memory
//   Mesa's llvmpipe  subgroups with texel fetches, for its plain loads are slow
#include "ops/attention.h"

// rung->tile: rows of a group's block (0: an invocation makes one row alone), the group's invocations, the ladder, and
// how it works.
enum { BY_ROW, BY_TILE, BY_TILE_OF_FOURS, BY_BLOCK, BY_BLOCK_OF_TEXELS };
enum { LANES = 8, GROUP = 64 }; // as in attention_tile.glsl
enum { FEW = 2 };               // queries for which a block would be mostly empty
enum { CHUNK = 256 };           // keys

static bool by_tile(const Rung *rung) { return rung->tile[3] == BY_TILE || rung->tile[3] == BY_TILE_OF_FOURS; }

// ---- What a rung needs -------------------------------------------------------------------------------------------

// Steps that an invocation's loops make: some devices end them, silently, after so many.
static bool loops_fit(const Rung *rung, const GpuTraits *t, const AttentionProblem *p, uint64_t keys)
{
    const uint32_t *constants = rung->kernel.constants;
    bool along_queries = rung->tile[2] == LADDER_BACKWARD_KV;
    uint64_t walks = along_queries ? p->args.H / p->args.G : 1, length = along_queries ? p->args.T : keys;
    uint64_t tile = 1, values = rung->tile[3] == BY_TILE ? p->D : p->D / 4, inner = 2 * (uint64_t)p->D;
    if (by_tile(rung)) {
        tile = LANES * constants[3];
        inner = 2 * (tile * values / GROUP + 1) + values + tile;
    } else if (rung->tile[3] != BY_ROW) {
        tile = rung->tile[1] * (constants[4] ? constants[4] : 1);
        inner = values + 1;
    }
    return !t->max_loop_steps || walks * (length / tile + 1) * (inner + 1) <= t->max_loop_steps;
}

// Where a compiler picks among many sizes (Intel's 8 to 32) it pays for lanes with registers: a block of eight rows does
// not fit, one row does in subgroups of the smallest size.
static bool subgroups_fit(const Rung *rung, const GpuTraits *t)
{
    uint32_t rows = rung->tile[0], lanes = rung->tile[1], least = t->min_subgroup_size, most = t->max_subgroup_size;
    bool sized = most > 2 * least ? lanes == least && rows == 1
                 : most           ? least <= lanes && lanes <= most
                                  : t->subgroup_size == lanes;
    return sized && t->subgroup_shuffle && t->subgroup_arithmetic;
}

// An invocation keeps R · D / LANES elements of a sum, in 32 registers; a group its tiles and what its lanes tell.
static bool tiles_fit(const Rung *rung, const GpuTraits *t, const AttentionProblem *p)
{
    uint32_t R = rung->kernel.constants[2], rows = rung->tile[0], tile = LANES * rung->kernel.constants[3];
    uint32_t fours = rung->tile[3] == BY_TILE_OF_FOURS ? 4 : 1, row = (p->D / fours | 1) * fours;
    uint32_t sums = rung->tile[2] == LADDER_BACKWARD_KV ? 2 : 1, tiles = rung->tile[2] == LADDER_FORWARD ? 1 : 2;
    uint32_t told = rung->tile[2] == LADDER_FORWARD ? rows * LANES : 0;
    bool registers = R == 1 ? p->D <= 256 : sums * R * p->D <= 256;
    return registers && 4 * (tiles * tile * row + sums * tile * rows + told) <= t->shared_bytes;
}

// Rows are read four elements at a time.
static bool fours_fit(const AttentionProblem *p)
{
    return p->D % 4 == 0 && p->q.offset % 16 == 0 && p->k.offset % 16 == 0 && p->v.offset % 16 == 0;
}

uint32_t attention_chunks(const Rung *rung, const AttentionProblem *p)
{
    uint32_t chunk = rung->kernel.constants[5];
    return chunk ? (p->args.S + chunk - 1) / chunk : 1;
}

// A large GPU runs thousands of subgroups at once, a small one hundreds; a processor is busy with a few.
static bool idles(const GpuTraits *t, const AttentionProblem *p)
{
    uint32_t busy = t->type == GPU_DISCRETE ? 1024 : t->type == GPU_CPU ? 0 : 256;
    return p->args.S >= 2 * CHUNK && (uint64_t)p->args.B * p->args.H * p->args.T < busy;
}

// The chunks' results are bound in one piece.
static bool chunks_fit(const Rung *rung, const GpuTraits *t, const AttentionProblem *p)
{
    return attention_chunks(rung, p) * p->q.bytes + t->alignment <= t->max_binding_bytes;
}

static RungVerdict judge(const Rung *rung, const GpuTraits *t, const void *problem)
{
    const AttentionProblem *p = problem;
    uint32_t how = rung->tile[3];
    uint32_t chunk = rung->kernel.constants[5];
    if (!loops_fit(rung, t, p, chunk ? chunk : p->args.S)) return RUNG_CANNOT;
    if (how == BY_ROW) return RUNG_CHOSEN;
    if (how != BY_TILE && !fours_fit(p)) return RUNG_CANNOT;
    if (by_tile(rung)) return tiles_fit(rung, t, p) ? RUNG_CHOSEN : RUNG_CANNOT;
    if (!subgroups_fit(rung, t) || !chunks_fit(rung, t, p)) return RUNG_CANNOT;
    if (chunk && !loops_fit(rung, t, p, p->args.S)) return RUNG_CHOSEN; // no rung can walk along all keys
    if (chunk && !idles(t, p)) return RUNG_CAN;
    if (rung->tile[0] == 1 && p->args.T > FEW) return RUNG_CAN;
    if (how == BY_BLOCK) return RUNG_CHOSEN;
    return !texels_hold(t, p->q.bytes) || !texels_hold(t, p->k.bytes) ? RUNG_CANNOT
           : t->texel_loads_fast                                      ? RUNG_CHOSEN
                                                                      : RUNG_CAN;
}

// ---- Ladders -----------------------------------------------------------------------------------------------------

#define RUNG(shader_, ladder, how, rows, invocations, subgroup_, idea_, ...)                              \
    {                                                                                                     \
        .kernel = { shader_, { 0, 0, __VA_ARGS__ }, subgroup_ }, .judge = judge, .idea = idea_, .tile = { \
            rows,                                                                                         \
            invocations,                                                                                  \
            ladder,                                                                                       \
            how                                                                                           \
        }                                                                                                 \
    }

#define BLOCK(shader, ladder, how, lanes, rows, keys, idea) \
    RUNG(shader, ladder, how, rows, lanes, lanes, idea, lanes, rows, keys)
#define CHUNKS(lanes, keys)                                                                                       \
    RUNG("attention_subgroup", LADDER_FORWARD, BY_BLOCK, 1, lanes, lanes,                                         \
         "a few queries over many keys: a subgroup for each chunk of 256 keys, then one result of all", lanes, 1, \
         keys, CHUNK)

// Of the sizes that a device can give a subgroup, the first in the list: 16 lanes are a head of 64 elements by fours.
#define BLOCKS(name, ladder, keys, idea)                                                                \
    BLOCK(name ".texel", ladder, BY_BLOCK_OF_TEXELS, 16, 8, keys, idea ", fetching texels"),            \
        BLOCK(name ".texel", ladder, BY_BLOCK_OF_TEXELS, 8, 8, keys, idea ", fetching texels"),         \
        BLOCK(name ".texel", ladder, BY_BLOCK_OF_TEXELS, 4, 8, keys, idea ", fetching texels"),         \
        BLOCK(name, ladder, BY_BLOCK, 16, 8, 0, idea), BLOCK(name, ladder, BY_BLOCK, 32, 8, 0, idea),   \
        BLOCK(name, ladder, BY_BLOCK, 64, 8, 0, idea), BLOCK(name, ladder, BY_BLOCK, 8, 8, keys, idea), \
        BLOCK(name, ladder, BY_BLOCK, 4, 8, keys, idea)

#define ALONE(shader, how, lanes, keys) \
    BLOCK(shader, LADDER_FORWARD, how, lanes, 1, keys, "a few queries, as in decoding: one per subgroup")

// R rows of an invocation's block and `each` rows of the tile for a lane; elements one by one for the few odd widths.
#define TILE(shader, ladder, how, R, each, idea) RUNG(shader, ladder, how, GROUP / LANES * R, GROUP, 0, idea, R, each)
#define TILES(name, ladder, each, R_odd, idea)                                     \
    TILE(name ".fours", ladder, BY_TILE_OF_FOURS, 4, each, idea ", by fours"),     \
        TILE(name ".fours", ladder, BY_TILE_OF_FOURS, 2, each, idea ", by fours"), \
        TILE(name ".fours", ladder, BY_TILE_OF_FOURS, 1, each, idea ", by fours"), \
        TILE(name, ladder, BY_TILE, R_odd, each, idea)

#define ROW(shader, ladder, idea) RUNG(shader, ladder, BY_ROW, 0, 0, 0, idea, 0)

static const Rung forward[] = {
    CHUNKS(32, 0),
    CHUNKS(64, 0),
    CHUNKS(8, 2),
    CHUNKS(16, 0),
    ALONE("attention_subgroup.texel", BY_BLOCK_OF_TEXELS, 16, 2),
    ALONE("attention_subgroup.texel", BY_BLOCK_OF_TEXELS, 8, 2),
    ALONE("attention_subgroup.texel", BY_BLOCK_OF_TEXELS, 4, 2),
    ALONE("attention_subgroup", BY_BLOCK, 32, 0),
    ALONE("attention_subgroup", BY_BLOCK, 64, 0),
    ALONE("attention_subgroup", BY_BLOCK, 8, 2),
    ALONE("attention_subgroup", BY_BLOCK, 16, 0),
    BLOCKS("attention_subgroup", LADDER_FORWARD, 2, "a block of queries per subgroup, in registers"),
    TILES("attention_tile", LADDER_FORWARD, 4, 4, "a block of queries per workgroup, keys and values in shared memory"),
    ROW("attention_row", LADDER_FORWARD, "one query per invocation, which walks along the keys"),
};

static const Rung backward_q[] = {
    BLOCKS("attention_backward_q_subgroup", LADDER_BACKWARD_Q, 2, "a block of queries per subgroup, in registers"),
    TILES("attention_backward_q_tile", LADDER_BACKWARD_Q, 2, 4,
          "a block of queries per workgroup, keys in shared memory"),
    ROW("attention_backward_q", LADDER_BACKWARD_Q, "one query per invocation, which walks along the keys"),
};

static const Rung backward_kv[] = {
    BLOCKS("attention_backward_kv_subgroup", LADDER_BACKWARD_KV, 0, "a block of keys per subgroup, in registers"),
    TILES("attention_backward_kv_tile", LADDER_BACKWARD_KV, 2, 2,
          "a block of keys per workgroup, queries in shared memory"),
    ROW("attention_backward_kv", LADDER_BACKWARD_KV, "one key per invocation, which walks along the queries"),
};

const Ladder attention_ladders[] = {
    [LADDER_FORWARD] = LADDER("attention", forward),
    [LADDER_BACKWARD_Q] = LADDER("attention_backward_q", backward_q),
    [LADDER_BACKWARD_KV] = LADDER("attention_backward_kv", backward_kv),
};
