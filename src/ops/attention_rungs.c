// The ladders of attention: which kernels there are, what each needs, and when it is taken.
//   a GPU            a subgroup for a block of rows, with plain loads
//   Mesa's llvmpipe  the same with texel fetches, for its plain loads are slow
#include "ops/attention.h"

// rung->tile: rows of a group's block (0: an invocation makes one row alone), the group's lanes, which way it walks, and
// whether it fetches texels.
enum { ALONG_KEYS, ALONG_QUERIES };
enum { PLAIN, TEXEL };
enum { FEW = 2 }; // queries for which a block would be mostly empty

// Steps that an invocation's loops make: some devices end them, silently, after so many.
static bool loops_fit(const Rung *rung, const GpuTraits *traits, const AttentionProblem *p)
{
    uint64_t walk = rung->tile[2] == ALONG_KEYS ? p->args.S : (uint64_t)p->args.T * (p->args.H / p->args.G), steps;
    uint32_t keys = rung->kernel.constants[4] ? rung->kernel.constants[4] : 1;
    if (rung->tile[0])
        steps = (walk / (rung->tile[1] * keys) + 1) * (p->D / 4 + 2);
    else
        steps = (walk + 1) * (2 * (uint64_t)p->D + 1);
    return !traits->max_loop_steps || steps <= traits->max_loop_steps;
}

// Not on devices whose compiler picks among many sizes (Intel's 8 to 32): they pay for lanes with registers, blocks of eight
// rows are all spills there and take their compiler minutes.
static bool subgroups_fit(const Rung *rung, const GpuTraits *t)
{
    uint32_t lanes = rung->tile[1];
    bool sized = t->max_subgroup_size ? t->min_subgroup_size <= lanes && lanes <= t->max_subgroup_size &&
                                            t->max_subgroup_size <= 2 * t->min_subgroup_size
                                      : t->subgroup_size == lanes;
    return sized && t->subgroup_shuffle && t->subgroup_arithmetic;
}

// Rows are read four elements at a time.
static bool fours_fit(const AttentionProblem *p)
{
    return p->D % 4 == 0 && p->q.offset % 16 == 0 && p->k.offset % 16 == 0 && p->v.offset % 16 == 0;
}

static bool texels_fit(const GpuTraits *t, const AttentionProblem *p)
{
    uint64_t most = 16 * t->max_texel_elements;
    return p->q.bytes + t->alignment <= most && p->k.bytes + t->alignment <= most;
}

static RungVerdict judge(const Rung *rung, const GpuTraits *t, const void *problem)
{
    const AttentionProblem *p = problem;
    if (!loops_fit(rung, t, p)) return RUNG_CANNOT;
    if (!rung->tile[0]) return RUNG_CHOSEN;
    if (!subgroups_fit(rung, t) || !fours_fit(p)) return RUNG_CANNOT;
    if (rung->tile[0] == 1 && p->args.T > FEW) return RUNG_CAN;
    if (rung->tile[3] == PLAIN) return RUNG_CHOSEN;
    return !texels_fit(t, p) ? RUNG_CANNOT : t->texel_loads_fast ? RUNG_CHOSEN : RUNG_CAN;
}

// Of the sizes that a device can give a subgroup, the first in the list: 16 lanes are a head of 64 elements by fours.
#define BLOCK(shader_, walk, load, lanes, rows, keys, idea_)                       \
    {                                                                              \
        .kernel = { shader_, { 0, 0, lanes, rows, keys }, lanes }, .judge = judge, \
        .tile = { rows, lanes, walk, load }, .idea = idea_                         \
    }
#define BLOCKS(name, walk, keys, idea)                                                        \
    BLOCK(name ".texel", walk, TEXEL, 16, 8, keys, idea ", fetching texels"),                 \
        BLOCK(name ".texel", walk, TEXEL, 8, 8, keys, idea ", fetching texels"),              \
        BLOCK(name ".texel", walk, TEXEL, 4, 8, keys, idea ", fetching texels"),              \
        BLOCK(name, walk, PLAIN, 16, 8, 0, idea), BLOCK(name, walk, PLAIN, 32, 8, 0, idea),   \
        BLOCK(name, walk, PLAIN, 64, 8, 0, idea), BLOCK(name, walk, PLAIN, 8, 8, keys, idea), \
        BLOCK(name, walk, PLAIN, 4, 8, keys, idea)
#define ROW(shader_, walk, idea_)                                                                     \
    {                                                                                                 \
        .kernel = { .shader = shader_ }, .judge = judge, .tile = { 0, 0, walk, PLAIN }, .idea = idea_ \
    }

#define ALONE(load, lanes, keys)                                                                               \
    BLOCK(load == TEXEL ? "attention_subgroup.texel" : "attention_subgroup", ALONG_KEYS, load, lanes, 1, keys, \
          "a few queries, as in decoding: one per subgroup")

static const Rung forward[] = {
    ALONE(TEXEL, 16, 2),
    ALONE(TEXEL, 8, 2),
    ALONE(TEXEL, 4, 2),
    ALONE(PLAIN, 32, 0),
    ALONE(PLAIN, 64, 0),
    BLOCKS("attention_subgroup", ALONG_KEYS, 2, "a block of queries per subgroup, in registers"),
    ROW("attention_row", ALONG_KEYS, "one query per invocation, which walks along the keys"),
};

static const Rung backward_q[] = {
    BLOCKS("attention_backward_q_subgroup", ALONG_KEYS, 2, "a block of queries per subgroup, in registers"),
    ROW("attention_backward_q", ALONG_KEYS, "one query per invocation, which walks along the keys"),
};

static const Rung backward_kv[] = {
    BLOCKS("attention_backward_kv_subgroup", ALONG_QUERIES, 0, "a block of keys per subgroup, in registers"),
    ROW("attention_backward_kv", ALONG_QUERIES, "one key per invocation, which walks along the queries"),
};

const Ladder attention_ladders[] = {
    [LADDER_FORWARD] = LADDER("attention", forward),
    [LADDER_BACKWARD_Q] = LADDER("attention_backward_q", backward_q),
    [LADDER_BACKWARD_KV] = LADDER("attention_backward_kv", backward_kv),
};
