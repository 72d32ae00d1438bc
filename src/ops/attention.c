// Attention          score[b,h,t,s] = scale · q[b,t,h]·k[b,s,g] + bias[h,t,s],   g = h / (H/G)
//                    y[b,t,h] = Σ_s softmax_s(score) · v[b,s,g]   over the keys s that query t sees
//                    lse[b,h,t] = log Σ_s exp(score)              all that backward needs besides q, k, v and y
//   q [B,T,H,D], k and v [B,S,G,D] → y [B,T,H,D]     Vaswani et al. 2017, §3.2.1; in one pass: Dao 2023, algorithm 1
// Backward is in attention_backward.c. The pattern softmax(score) is never in memory: what it needs grows with T, not T·S.
// attention_plain.c is the one to read first.
#include "ops/attention.h"
#include <math.h>

// ---- A problem as the kernels see it -----------------------------------------------------------------------------

static bool is_shape(const Tensor *x, DType dtype, Shape shape)
{
    return x->dtype == dtype && shape_equal(x->shape, shape);
}

static void check_mask(const char *op, const char *name, const Tensor *x, Shape shape)
{
    op_check(!x || is_shape(x, I32, shape), "%s: %s is %s, not i32 %s", op, name, tensor_text(x), shape_text(shape));
}

static void check_masks(const char *op, const Attention *a, int64_t B, int64_t T, int64_t S, int64_t H)
{
    check_mask(op, "q_pos", a->q_pos, SHAPE(B, T));
    check_mask(op, "k_pos", a->k_pos, SHAPE(B, S));
    check_mask(op, "q_seq", a->q_seq, SHAPE(B, T));
    check_mask(op, "k_seq", a->k_seq, SHAPE(B, S));
    check_mask(op, "lengths", a->lengths, SHAPE(B));
    op_check(!a->bias || is_shape(a->bias, F32, SHAPE(1, T, S)) || is_shape(a->bias, F32, SHAPE(H, T, S)),
             "%s: bias is %s, not f32 [1 or %lld, %lld, %lld]", op, tensor_text(a->bias), (long long)H, (long long)T,
             (long long)S);
}

// Pairs that a causal mask or a window hides wholly are not counted; other masks are not known here.
static double count_pairs(const Attention *a, int64_t T, int64_t S)
{
    double pairs = 0;
    for (int64_t t = 0; t < T; t++) {
        int64_t at = t + S - T, begin = a->window > 0 ? at - a->window + 1 : 0, end = a->causal ? at + 1 : S;
        if (begin < 0) begin = 0;
        if (end > begin) pairs += (double)(end - begin);
    }
    return pairs;
}

AttentionProblem attention_problem(const char *op, const Tensor *q, const Tensor *k, const Tensor *v,
                                   const Attention *a)
{
    op_check(q->shape.rank == 4 && k->shape.rank == 4 && dim(q, 3) == dim(k, 3) && dim(q, 2) % dim(k, 2) == 0,
             "%s: q is %s but k is %s", op, tensor_text(q), tensor_text(k));
    op_check(!v || (v->dtype == k->dtype && shape_equal(k->shape, v->shape)), "%s: k is %s but v is %s", op,
             tensor_text(k), tensor_text(v));
    op_check(q->dtype == F32 && k->dtype == F32, "%s: q is %s and k is %s; both must be f32", op, tensor_text(q),
             tensor_text(k));
    int64_t B = dim(q, 0), T = dim(q, 1), H = dim(q, 2), S = dim(k, 1);
    if (a->pages) {
        op_check(a->pages->dtype == I32 && a->pages->shape.rank == 2 && dim(a->pages, 0) == B &&
                     dim(k, 1) == a->page_size,
                 "%s: pages is %s, pages hold %lld keys, q is %s and k is %s", op, tensor_text(a->pages),
                 (long long)a->page_size, tensor_text(q), tensor_text(k));
        S = dim(a->pages, 1) * a->page_size;
    } else {
        op_check(dim(k, 0) == B, "%s: q is %s but k is %s", op, tensor_text(q), tensor_text(k));
    }
    check_masks(op, a, B, T, S, H);

    AttentionProblem p = { .D = (uint32_t)dim(q, 3), .q = q->span, .k = k->span };
    if (v) p.v = v->span;
    const Tensor *given[] = { a->bias, a->q_pos, a->k_pos, a->q_seq, a->k_seq, a->pages, a->lengths };
    for (int i = 0; i < ATTENTION_MASKS; i++) {
        p.mask[i] = given[i] ? given[i]->span : span_part(q->span, 0, 4);
        if (given[i]) p.features |= 1u << i;
    }
    p.args = (AttentionArgs){
        .B = (uint32_t)B,
        .T = (uint32_t)T,
        .S = (uint32_t)S,
        .H = (uint32_t)H,
        .G = (uint32_t)dim(k, 2),
        .bias_heads = a->bias ? (uint32_t)dim(a->bias, 0) : 0,
        .scale = a->scale != 0 ? a->scale : 1 / sqrtf((float)p.D),
        .causal = a->causal,
        .window = a->window > 0 ? (uint32_t)(a->window < T + S ? a->window : T + S) : 0, // no key is further off
        .page_size = (uint32_t)a->page_size,
        .page_columns = a->pages ? (uint32_t)dim(a->pages, 1) : 0,
    };
    p.pairs = count_pairs(a, T, S) * (double)(B * H);
    return p;
}

AttentionProblem attention_part(const AttentionProblem *whole, uint32_t first, uint32_t n)
{
    AttentionProblem p = *whole;
    uint32_t B = p.args.B;
    p.args.B = n;
    p.q = attention_rows(p.q, B, first, n);
    bool paged = p.args.page_columns > 0; // pages belong to no batch
    if (!paged) p.k = attention_rows(p.k, B, first, n);
    if (!paged && p.v.bytes) p.v = attention_rows(p.v, B, first, n);
    for (int i = 1; i < ATTENTION_MASKS; i++) // bias belongs to no batch either
        if (p.features >> i & 1) p.mask[i] = attention_rows(p.mask[i], B, first, n);
    p.pairs *= (double)n / B;
    return p;
}

uint32_t attention_batches(const GpuTraits *traits, const AttentionProblem *p)
{
    uint64_t largest = p->q.bytes;
    if (!p->args.page_columns && p->k.bytes > largest) largest = p->k.bytes;
    uint64_t limit = traits->max_binding_bytes - traits->alignment; // a part may begin off the device's alignment
    if (traits->texel_loads_fast && limit > 16 * traits->max_texel_elements) limit = 16 * traits->max_texel_elements;
    uint64_t fit = limit / (largest / p->args.B);
    return fit < 1 ? 1 : fit > p->args.B ? p->args.B : (uint32_t)fit;
}

const Kernel *attention_kernel(Gpu *gpu, KernelSpec spec, const AttentionProblem *p)
{
    spec.constants[0] = p->D;
    spec.constants[1] = p->features;
    return gpu_kernel(gpu, &spec);
}

// A rung's group of tile[1] makes a block of tile[0] rows, or an invocation makes one row where tile[0] is 0.
void attention_dispatch(Tape *t, const Rung *rung, AttentionProblem p, uint32_t lines, uint32_t n, Work cost,
                        Spans spans)
{
    Gpu *gpu = stream_gpu(t->stream);
    const Kernel *kernel = attention_kernel(gpu, rung->kernel, &p);
    uint32_t rows = rung->tile[0] ? rung->tile[0] : 1, invocations = rung->tile[0] ? rung->tile[1] : 1;
    uint32_t all = lines * ((n + rows - 1) / rows), parts = (uint32_t)(cost.flops / op_most_flops(gpu)) + 1;
    if (parts > all) parts = all;
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t end = (uint32_t)((uint64_t)all * (i + 1) / parts);
        p.args.first = (uint32_t)((uint64_t)all * i / parts);
        p.args.items = end - p.args.first;
        double share = (double)p.args.items / all;
        gpu_dispatch(
            t->stream, kernel,
            ITEMS((uint64_t)p.args.items * invocations, .flops = cost.flops * share, .bytes = cost.bytes * share),
            spans, &p.args, sizeof p.args);
    }
}

// ---- Forward -----------------------------------------------------------------------------------------------------

typedef struct MergeArgs {
    uint32_t B, T, H, chunks;
} MergeArgs;

static void forward(Tape *t, const Rung *rung, const AttentionProblem *p, Span y, Span lse, uint32_t chunks)
{
    Work cost = { .flops = 4 * p->pairs * p->D, .bytes = (double)(2 * p->q.bytes + p->k.bytes + p->v.bytes) };
    attention_dispatch(t, rung, *p, chunks * p->args.B * p->args.H, p->args.T, cost,
                       SPANS(p->q, p->k, p->v, y, lse, MASK_SPANS(p)));
}

// Each chunk of the keys by itself, so that a few queries have work for all of a device; then one out of all of them
// (Dao et al. 2023, Flash-Decoding).
static void forward_in_chunks(Tape *t, const Rung *rung, const AttentionProblem *p, Span y, Span lse, uint32_t chunks)
{
    const AttentionArgs *a = &p->args;
    Span part_y = tape_tensor(t, F32, SHAPE(chunks, a->B, a->T, a->H, p->D))->span;
    Span part_lse = tape_tensor(t, F32, SHAPE(chunks, a->B, a->H, a->T))->span;
    forward(t, rung, p, part_y, part_lse, chunks);
    double n = (double)y.bytes / 4;
    gpu_dispatch(t->stream, KERNEL(stream_gpu(t->stream), "attention_merge", .constants = { p->D }),
                 ITEMS(y.bytes / 16, .flops = 2 * chunks * n, .bytes = 4 * (chunks + 1) * n),
                 SPANS(part_y, part_lse, y, lse), ARGS(MergeArgs, a->B, a->T, a->H, chunks));
}

Tensor *attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a)
{
    AttentionProblem p = attention_problem("attention", q, k, v, a);
    bool saves = tape_saves(t, INPUTS(q, k, v, a->bias));
    op_check(!saves || (!a->pages && k->dtype == F32), "attention: a cache gets no gradient");
    op_check(!saves || k != v, "attention: k and v are one tensor, which cannot hold both gradients");
    Gpu *gpu = stream_gpu(t->stream);
    Tensor *y = tape_like(t, q), *lse = tape_tensor(t, F32, SHAPE(p.args.B, p.args.H, p.args.T));
    uint32_t B = p.args.B, batches = attention_batches(gpu_traits(gpu), &p);
    for (uint32_t b = 0; b < B; b += batches) {
        uint32_t n = B - b < batches ? B - b : batches;
        AttentionProblem part = attention_part(&p, b, n);
        const Rung *rung = ladder_pick(t, &attention_ladders[LADDER_FORWARD], &part);
        Span part_y = attention_rows(y->span, B, b, n), part_lse = attention_rows(lse->span, B, b, n);
        uint32_t chunks = attention_chunks(rung, &part);
        (chunks > 1 ? forward_in_chunks : forward)(t, rung, &part, part_y, part_lse, chunks);
    }
    return tape_node(t, y, attention_backward, INPUTS(q, k, v, a->bias), SAVED(lse), ATTRIBUTES(*a));
}
