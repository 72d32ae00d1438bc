// Attention backward   from y's gradient dy [B,T,H,D] and the saved lse [B,H,T]          Dao 2023, algorithm 2
//   p = exp(score − lse)            the pattern, computed again pair by pair
//   delta[b,h,t] = dy·y             what the softmax subtracts:  ds = p · (dy·v_s − delta)
//   dv[b,s,g] += Σ_{h of g} Σ_t p·dy[b,t,h]         dk[b,s,g] += scale · Σ_{h of g} Σ_t ds·q[b,t,h]
//   dq[b,t,h] += scale · Σ_s ds·k[b,s,g]            dbias[h,t,s] += Σ_b ds  (and Σ_h where one bias serves all heads)
// dq has a kernel whose invocations own queries, dk and dv one whose invocations own keys: every sum has one owner and one
// order, so there are no atomics and the same bits each time.
#include "ops/attention.h"

typedef struct DeltaArgs {
    uint32_t T, H, items;
} DeltaArgs;

// A gradient to be made: bytes 0 where nobody asks for it.
typedef struct Target {
    Span span;
    uint32_t accumulate;
} Target;

static Target target(Tape *t, Tensor *x)
{
    Target to = { 0 };
    if (x && x->needs_grad) to.span = tape_grad(t, x, &to.accumulate);
    return to;
}

// What each kernel costs: so many products of the size of q·k for each pair that is seen.
#define COST(p, products) \
    .flops = 2.0 * (products) * (p)->pairs * (p)->D, .bytes = (double)(3 * (p)->q.bytes + 3 * (p)->k.bytes)

static void backward_q(Tape *t, AttentionProblem p, Span dy, Span lse, Span delta, Target dq)
{
    const Rung *rung = ladder_pick(t, &attention_ladders[LADDER_BACKWARD_Q], &p);
    p.args.accumulate = dq.accumulate;
    attention_dispatch(t, rung, p, p.args.B * p.args.H, p.args.T, (Work){ COST(&p, 3) },
                       SPANS(p.q, p.k, p.v, dy, lse, delta, dq.span, MASK_SPANS(&p)));
}

static void backward_kv(Tape *t, AttentionProblem p, Span dy, Span lse, Span delta, Target dk, Target dv)
{
    const Rung *rung = ladder_pick(t, &attention_ladders[LADDER_BACKWARD_KV], &p);
    p.args.accumulate = dk.accumulate;
    p.args.accumulate_v = dv.accumulate;
    attention_dispatch(t, rung, p, p.args.B * p.args.G, p.args.S, (Work){ COST(&p, 4) },
                       SPANS(p.q, p.k, p.v, dy, lse, delta, dk.span, dv.span, MASK_SPANS(&p)));
}

static void backward_bias(Tape *t, AttentionProblem p, Span dy, Span lse, Span delta, Target dbias)
{
    p.args.items = p.args.bias_heads * p.args.T * p.args.S;
    p.args.accumulate = dbias.accumulate;
    const GpuTraits *traits = gpu_traits(stream_gpu(t->stream));
    uint64_t steps = (uint64_t)p.args.B * (p.args.H / p.args.bias_heads + 1) * (p.D + 2);
    if (traits->max_loop_steps && steps > traits->max_loop_steps) {
        Error err = { "" };
        error_set(&err, "%s: its loops end too early for a bias's gradient over %u batches of %u heads", traits->name,
                  p.args.B, p.args.H);
        stream_fail(t->stream, &err);
        return;
    }
    KernelSpec spec = { .shader = "attention_backward_bias" };
    gpu_dispatch(t->stream, attention_kernel(stream_gpu(t->stream), spec, &p), ITEMS(p.args.items, COST(&p, 2)),
                 SPANS(p.q, p.k, p.v, dy, lse, delta, dbias.span, MASK_SPANS(&p)), &p.args, sizeof p.args);
}

static Target target_part(Target to, uint32_t B, uint32_t b, uint32_t n)
{
    return (Target){ attention_rows(to.span, B, b, n), to.accumulate };
}

void attention_backward(Tape *t, const Node *node)
{
    const Attention *a = (const Attention *)node->attributes;
    Tensor *q = node->input[0], *k = node->input[1], *v = node->input[2], *bias = node->input[3], *y = node->output;
    Tensor *lse = node->saved[0];
    AttentionProblem p = attention_problem("attention", q, k, v, a);
    Gpu *gpu = stream_gpu(t->stream);
    Span all_dy = tape_dy(node), all_delta = tape_tensor(t, F32, lse->shape)->span;
    Target dq = target(t, q), dk = target(t, k), dv = target(t, v), dbias = target(t, bias);
    bool keys = dk.span.bytes || dv.span.bytes;
    if (keys && !dk.span.bytes) dk.span = tape_like(t, k)->span; // one kernel makes both: the other one goes nowhere
    if (keys && !dv.span.bytes) dv.span = tape_like(t, v)->span;

    uint32_t B = p.args.B, batches = attention_batches(gpu_traits(gpu), &p);
    for (uint32_t b = 0; b < B; b += batches) {
        uint32_t n = B - b < batches ? B - b : batches, rows = n * p.args.H * p.args.T;
        AttentionProblem part = attention_part(&p, b, n);
        Span dy = attention_rows(all_dy, B, b, n), part_lse = attention_rows(lse->span, B, b, n);
        Span delta = attention_rows(all_delta, B, b, n);
        gpu_dispatch(t->stream, KERNEL(gpu, "attention_backward_delta", .constants = { p.D }),
                     ITEMS(rows, .flops = 2.0 * rows * p.D, .bytes = 8.0 * rows * p.D),
                     SPANS(attention_rows(y->span, B, b, n), dy, delta), ARGS(DeltaArgs, p.args.T, p.args.H, rows));
        if (dq.span.bytes) backward_q(t, part, dy, part_lse, delta, target_part(dq, B, b, n));
        if (keys) backward_kv(t, part, dy, part_lse, delta, target_part(dk, B, b, n), target_part(dv, B, b, n));
        if (dbias.span.bytes) backward_bias(t, part, dy, part_lse, delta, dbias);
        dbias.accumulate = 1;
    }
}
