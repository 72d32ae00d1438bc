// Rotary positions: each pair (a, b) of a head is turned by its position's angle        Su et al. 2021, §3.4.2, eq. 34
//   y_a = a·cos φ − b·sin φ,  y_b = a·sin φ + b·cos φ,  φ = pos · base^(−2i/d) for pair i of d/2
//   x [B,T,H,D], pos [B,T], table [P,d/2,2] → y; only the first d of each D are turned, to NaN where pos is not below P
// Backward                  dx (+)= dy turned by −φ
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/rows.h"
#include <math.h>

void rope_table(float *table, int64_t positions, int64_t rotary_dim, RopeScaling scaling)
{
    double base = (double)scaling.base, d = (double)rotary_dim,
           linear = scaling.linear > 0 ? (double)scaling.linear : 1;
    if (scaling.ntk > 0 && rotary_dim > 2) base *= pow((double)scaling.ntk, d / (d - 2));
    for (int64_t i = 0; i < rotary_dim / 2; i++) {
        double frequency = pow(base, -2.0 * (double)i / d) / linear;
        for (int64_t p = 0; p < positions; p++) {
            float *pair = table + (p * (rotary_dim / 2) + i) * 2;
            pair[0] = (float)cos((double)p * frequency);
            pair[1] = (float)sin((double)p * frequency);
        }
    }
}

typedef struct RopeArgs {
    uint32_t n, heads, dim, turned, positions, backward, accumulate;
} RopeArgs;

typedef struct RopeProblem {
    RopeArgs args;
    Span x, table, y;
} RopeProblem;

static bool can_fours(const GpuTraits *traits, const void *problem)
{
    (void)traits;
    const RopeProblem *p = problem;
    uint64_t odd = p->x.offset | p->table.offset | p->y.offset;
    return p->args.dim % 8 == 0 && p->args.turned % 8 == 0 && odd % 16 == 0;
}

static bool can_texel(const GpuTraits *traits, const void *problem)
{
    const RopeProblem *p = problem;
    return can_fours(traits, problem) && texels_hold(traits, p->x.bytes) && texels_hold(traits, p->table.bytes);
}

// tile[0]: how many elements one invocation turns
#define RUNG(shader_, can_, chosen_, elements, idea_)                                                        \
    {                                                                                                        \
        .kernel = { .shader = shader_ }, .can = can_, .chosen = chosen_, .idea = idea_, .tile = { elements } \
    }

static const Rung rungs[] = {
    RUNG("rope_fours.texel", can_texel, rung_likes_texels, 8, "four pairs an invocation, read by texel fetches"),
    RUNG("rope_fours", can_fours, NULL, 8, "four pairs an invocation"),
    RUNG("rope", NULL, NULL, 2, "one pair an invocation"),
};
static const Ladder ladder[] = { LADDER("rope", rungs) };

// In parts of whole positions, where x is larger than the device binds.
static void turn(Tape *t, RopePairing pairing, const Tensor *pos, RopeProblem problem)
{
    Gpu *gpu = stream_gpu(t->stream);
    const Rung *rung = ladder_pick(t, &ladder[0], &problem);
    KernelSpec spec = rung->kernel;
    spec.constants[0] = pairing;
    int64_t width = (int64_t)problem.args.heads * problem.args.dim, n = count(pos);
    int64_t most = rows_in_part(gpu_traits(gpu), width);
    for (int64_t first = 0; first < n; first += most) {
        int64_t part = n - first < most ? n - first : most;
        uint64_t from = 4 * (uint64_t)(first * width), bytes = 4 * (uint64_t)(part * width);
        problem.args.n = (uint32_t)part * problem.args.heads;
        gpu_dispatch(
            t->stream, gpu_kernel(gpu, &spec),
            ITEMS(part * width / rung->tile[0], .flops = 3 * (double)(part * width), .bytes = 2 * (double)bytes),
            SPANS(span_part(problem.x, from, bytes), span_part(pos->span, 4 * (uint64_t)first, 4 * (uint64_t)part),
                  problem.table, span_part(problem.y, from, bytes)),
            &problem.args, sizeof problem.args);
    }
}

static RopeArgs args_of(const Tensor *x, const Tensor *table)
{
    return (RopeArgs){ .heads = (uint32_t)dim(x, 2),
                       .dim = (uint32_t)dim(x, 3),
                       .turned = 2 * (uint32_t)dim(table, 1),
                       .positions = (uint32_t)dim(table, 0) };
}

static void rope_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *pos = n->saved[0], *table = n->saved[1];
    RopeProblem problem = { args_of(x, table), tape_dy(n), table->span, { 0 } };
    problem.args.backward = 1;
    problem.y = tape_grad(t, x, &problem.args.accumulate);
    turn(t, *(const RopePairing *)n->attributes, pos, problem);
}

Tensor *rope(Tape *t, Tensor *x, Tensor *pos, Tensor *table, RopePairing pairing)
{
    op_check(x->shape.rank == 4 && x->dtype == F32 && dim(x, 3) % 2 == 0 && pos->dtype == I32 &&
                 count(pos) == dim(x, 0) * dim(x, 1) && table->shape.rank == 3 && table->dtype == F32 &&
                 2 * dim(table, 1) <= dim(x, 3) && dim(table, 2) == 2,
             "rope: x is %s, pos is %s, table is %s", tensor_text(x), tensor_text(pos), tensor_text(table));
    Tensor *y = tape_like(t, x);
    turn(t, pairing, pos, (RopeProblem){ args_of(x, table), x->span, table->span, y->span });
    return tape_node(t, y, rope_backward, INPUTS(x), SAVED(pos, table), ATTRIBUTES(pairing));
}

// ---- Twin and cases ----------------------------------------------------------------------------------------------

// size: B, T, H, D, turned, positions;   real: linear, ntk;   flags: RopePairing
static void rope_declare(Trial *trial)
{
    const int64_t *size = trial->c->size;
    Shape shape = SHAPE(size[0], size[1], size[2], size[3]);
    trial_normal(trial, "x", F32, shape, true);
    trial_ids(trial, "pos", SHAPE(size[0], size[1]), size[5]);
    TrialTensor *table = trial_normal(trial, "table", F32, SHAPE(size[5], size[4] / 2, 2), false);
    float *values = ARENA_ARRAY(&trial->arena, float, table->count);
    rope_table(values, size[5], size[4],
               (RopeScaling){ 10000, .linear = (float)trial->c->real[0], .ntk = (float)trial->c->real[1] });
    for (int64_t i = 0; i < table->count; i++) table->value[i] = (double)values[i];
    trial_output(trial, "y", F32, shape);
}

// The angle is taken here from its formula, not from the table.
static double angle_of(const Case *c, double position, int64_t pair)
{
    double d = (double)c->size[4], linear = c->real[0] > 0 ? c->real[0] : 1, ntk = c->real[1] > 0 ? c->real[1] : 1;
    double base = 10000 * pow(ntk, d / (d - 2));
    return position / linear / pow(base, 2 * (double)pair / d);
}

static void rope_cpu(Trial *trial)
{
    const Case *c = trial->c;
    int64_t H = c->size[2], D = c->size[3], half = c->size[4] / 2;
    for (int64_t r = 0; r < trial->in[0].count / D; r++) {
        const double *x = trial->in[0].value + r * D;
        double *y = trial->out[0].value + r * D, position = trial->in[1].value[r / H];
        for (int64_t i = 2 * half; i < D; i++) y[i] = x[i];
        for (int64_t i = 0; i < half; i++) {
            double angle = angle_of(c, position, i);
            int64_t a = c->flags == ROPE_HALVES ? i : 2 * i, b = c->flags == ROPE_HALVES ? i + half : 2 * i + 1;
            y[a] = x[a] * cos(angle) - x[b] * sin(angle);
            y[b] = x[a] * sin(angle) + x[b] * cos(angle);
        }
    }
}

static void rope_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor =
        rope(t, trial->in[0].tensor, trial->in[1].tensor, trial->in[2].tensor, (RopePairing)trial->c->flags);
}

#define TRY(label_, pairing, linear, ntk, ...)                                                     \
    {                                                                                              \
        .label = label_, .size = { __VA_ARGS__ }, .real = { linear, ntk }, .flags = ROPE_##pairing \
    }
#define SPEED(label_, pairing, ...)                                                      \
    {                                                                                    \
        .label = label_, .size = { __VA_ARGS__ }, .flags = ROPE_##pairing, .bench = true \
    }

static const Case cases[] = {
    TRY("1x1x1x4 interleaved", INTERLEAVED, 0, 0, 1, 1, 1, 4, 4, 5),
    TRY("1x1x1x4 halves", HALVES, 0, 0, 1, 1, 1, 4, 4, 5),
    TRY("2x7x3x64 interleaved", INTERLEAVED, 0, 0, 2, 7, 3, 64, 64, 30),
    TRY("2x7x3x64 halves", HALVES, 0, 0, 2, 7, 3, 64, 64, 30),
    TRY("24 of 40 interleaved", INTERLEAVED, 0, 0, 1, 9, 5, 40, 24, 33),
    TRY("24 of 40 halves", HALVES, 0, 0, 1, 9, 5, 40, 24, 33),
    TRY("6 of 10 interleaved", INTERLEAVED, 0, 0, 2, 5, 1, 10, 6, 33),
    TRY("6 of 10 halves", HALVES, 0, 0, 2, 5, 1, 10, 6, 33),
    TRY("linear 4", HALVES, 4, 0, 1, 9, 2, 32, 32, 50),
    TRY("ntk 2", HALVES, 0, 2, 1, 9, 2, 32, 32, 50),
    SPEED("8x128x6x64 halves", HALVES, 8, 128, 6, 64, 64, 256),
};

const Op op_rope = {
    .name = "rope", .declare = rope_declare, .cpu = rope_cpu, .run = rope_run, CASES(cases), LADDERS(ladder)
};
