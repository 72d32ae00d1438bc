// Plain attention    pattern[b,h,t,·] = softmax over the keys s that query t sees of scale · q[b,t,h]·k[b,s,g] + bias[h,t,s]
//                    y[b,t,h] = Σ_s pattern[b,h,t,s] · v[b,s,g],   g = h / (H/G)            Vaswani et al. 2017, eq. 1
//   q [B,T,H,D], k and v [B,S,G,D] → pattern [B,H,T,S], y [B,T,H,D]
// Put together from other ops. Heads stand before places there, so that the H/G heads of one key head are rows of one matrix:
//   scores  [B·G, H/G·T, D] · [B·G, S, D]ᵀ          y  [B·G, H/G·T, S] · [B·G, S, D]
// Backward is theirs, but for the bias:  dbias[h,t,s] += Σ_b dscore[b,h,t,s]  (and Σ_h where one bias serves all heads)
// The pattern is in memory, which grows with T·S: attention.c makes the same y without it.
#include "ops/attention.h"
#include "ops/rows.h"

static const int swapped[] = { 0, 2, 1, 3 }; // places and heads

// [B,n,H,D] → [B·G, H/G·n, D]
static Tensor *by_key_head(Tape *t, Tensor *x, int64_t G)
{
    Shape shape = SHAPE(dim(x, 0) * G, dim(x, 2) / G * dim(x, 1), dim(x, 3));
    return reshape(t, permute(t, x, swapped), shape);
}

// Keys or values [B,S,G,D] out of their pages: each page is a row of a table.
static Tensor *out_of_pages(Tape *t, Tensor *x, const Attention *a)
{
    if (!a->pages) return x;
    Tensor *rows = reshape(t, x, SHAPE(dim(x, 0), count(x) / dim(x, 0)));
    Shape shape = SHAPE(dim(a->pages, 0), dim(a->pages, 1) * a->page_size, dim(x, 2), dim(x, 3));
    return reshape(t, embedding(t, rows, a->pages), shape);
}

// ---- Who sees whom -----------------------------------------------------------------------------------------------

static void hide_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0], *bias = n->input[1];
    tape_pass(t, n, x); // softmax sends nothing back to what is hidden
    if (!bias || !bias->needs_grad) return;
    uint32_t accumulate;
    Span dbias = tape_grad(t, bias, &accumulate);
    sum_columns(t, tape_dy(n), count(x) / count(bias), count(bias), dbias, accumulate, 1);
}

// The scores x [B,H,T,S] with their bias, and −∞ where a query does not see a key: in x's own memory, for the product
// that made x does not need its values.
static Tensor *hide(Tape *t, Tensor *x, AttentionProblem p, Tensor *bias)
{
    Gpu *gpu = stream_gpu(t->stream);
    const Kernel *kernel = KERNEL(gpu, "attention_scores", .constants = { 0, p.features }); // of any head dimension
    int64_t S = dim(x, 3), all = rows(x), most = rows_in_part(gpu_traits(gpu), S);
    for (int64_t first = 0, n; first < all; first += n) {
        n = all - first < most ? all - first : most;
        p.args.first = (uint32_t)first;
        p.args.items = (uint32_t)(n * S);
        gpu_dispatch(t->stream, kernel,
                     ITEMS(n * S, .flops = 2 * (double)(n * S), .bytes = (bias ? 12 : 8) * (double)(n * S)),
                     SPANS(span_part(x->span, 4 * (uint64_t)(first * S), 4 * (uint64_t)(n * S)), MASK_SPANS(&p)),
                     &p.args, sizeof p.args);
    }
    Tensor *scores = ARENA_NEW(&t->host, Tensor);
    *scores = (Tensor){ .shape = x->shape, .dtype = F32, .span = x->span };
    return tape_node(t, scores, hide_backward, INPUTS(x, bias), SAVED_NONE, ATTRIBUTES_NONE);
}

// ---- The op ------------------------------------------------------------------------------------------------------

Tensor *attention_pattern(Tape *t, Tensor *q, Tensor *k, const Attention *a)
{
    AttentionProblem p = attention_problem("attention_pattern", q, k, NULL, a);
    int64_t G = dim(k, 2);
    Tensor *queries = by_key_head(t, scale(t, q, p.args.scale), G);
    Tensor *products = matmul_nt(t, queries, by_key_head(t, out_of_pages(t, k, a), G));
    Shape shape = SHAPE(dim(q, 0), dim(q, 2), dim(q, 1), dim(products, 2));
    return softmax(t, hide(t, reshape(t, products, shape), p, a->bias), NULL);
}

Tensor *attention_plain(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a, Tensor **pattern)
{
    attention_problem("attention_plain", q, k, v, a);
    int64_t B = dim(q, 0), T = dim(q, 1), H = dim(q, 2), D = dim(q, 3), G = dim(k, 2);
    Tensor *weights = attention_pattern(t, q, k, a);
    Tensor *values = by_key_head(t, out_of_pages(t, v, a), G);
    Tensor *y = matmul_nn(t, reshape(t, weights, SHAPE(B * G, H / G * T, dim(weights, 3))), values);
    if (pattern) *pattern = weights;
    return permute(t, reshape(t, y, SHAPE(B, H, T, D)), swapped);
}
