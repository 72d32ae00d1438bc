// Linear layer with quantised weights       y[m,n] = Σ_k x[m,k]·w[n,k] + bias[n]      x [M,K] f32, w [N,K] in planes
// Backward           dx += dy·w; weights of such types are not trained
#include "ops/ops.h"
#include "ops/product.h"
#include "ops/quantized.h"
#include <math.h>

enum { FLAG_ACCUMULATE = 1, FLAG_BIAS = 2 };                                          // as in the shader
enum { PANEL_BYTES = 32 << 20, LEAST_PART = BAND * BANDS_OF_A_PART, PART_ROWS = 64 }; // parts end between tiles

typedef struct Problem {
    int64_t M, N, K;
    Planes w;
    Span x, y, bias; // bias.bytes 0: none
    bool accumulate;
} Problem;

typedef struct MatvecArgs {
    uint32_t M, N, K, lda, ldc, flags;
} MatvecArgs;

typedef struct PanelArgs {
    uint32_t N, K;
} PanelArgs;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// The most rows of w that one dispatch binds, with `row_bytes` each: whole bands.
static int64_t rows_bound(const GpuTraits *traits, int64_t N, int64_t row_bytes, int64_t bytes)
{
    int64_t n = least(bytes, (int64_t)(traits->max_binding_bytes - traits->alignment)) / row_bytes;
    if (n >= (N + BAND - 1) / BAND * BAND) return N;
    n -= n % (n < PART_ROWS ? LEAST_PART : PART_ROWS);
    op_check(n > 0, "linear: %d rows of %lld bytes are more than the device binds", LEAST_PART, (long long)row_bytes);
    return n;
}

// ---- The ladder ----------------------------------------------------------------------------------------------------

// rung->tile: which kernel, invocations of a group. constants: format, rows of x, bands.
enum { BY_BAND, BY_SUBGROUPS, BY_TEXELS };

static uint32_t lanes_of(const Rung *rung, const GpuTraits *t)
{
    return rung->kernel.subgroup ? rung->kernel.subgroup : t->subgroup_size;
}

static RungVerdict judge(const Rung *rung, const GpuTraits *t, const void *problem)
{
    const Problem *p = problem;
    uint32_t lanes = lanes_of(rung, t);
    if (t->max_loop_steps && (uint64_t)p->K > t->max_loop_steps) return RUNG_CANNOT;
    if (p->x.offset % 16 || p->M > rung->kernel.constants[1]) return RUNG_CANNOT;
    if (rung->tile[0] == BY_BAND) return RUNG_CHOSEN;
    bool sized = t->max_subgroup_size ? t->min_subgroup_size <= lanes && lanes <= t->max_subgroup_size
                                      : t->subgroup_size == lanes;
    if (!rung->kernel.subgroup) sized = t->min_subgroup_size == t->max_subgroup_size;
    if (!t->subgroup_arithmetic || !sized || lanes < BAND || lanes > rung->tile[1]) return RUNG_CANNOT;
    if (rung->tile[0] == BY_SUBGROUPS) return RUNG_CHOSEN;
    if (!t->subgroup_shuffle) return RUNG_CANNOT;
    if (!texels_hold(t, p->x.bytes) || !texels_hold(t, p->w.quants.bytes)) return RUNG_CANNOT;
    return rung_likes_texels(t, p) ? RUNG_CHOSEN : RUNG_CAN;
}

#define MATVEC(shader_, how, rows, bands, invocations, subgroup_, idea_)                               \
    {                                                                                                  \
        .kernel = { shader_, { 0, rows, bands }, subgroup_ }, .judge = judge, .idea = idea_, .tile = { \
            how,                                                                                       \
            invocations                                                                                \
        }                                                                                              \
    }
static const char by_texels[] = "a subgroup for a few bands, lanes side by side along k, by texel fetches";
static const char by_loads[] = "a subgroup for a band, lanes side by side along k";

// On Intel's GPUs, which have subgroups of 8 to 32 lanes, one row's registers fit 16 and two rows' 8.
static const Rung rungs[] = {
    MATVEC("matvec_quantized.texel", BY_TEXELS, 1, 2, 32, 0, by_texels),
    MATVEC("matvec_quantized.texel", BY_TEXELS, 2, 2, 32, 0, by_texels),
    MATVEC("matvec_quantized", BY_SUBGROUPS, 1, 1, 64, 16, by_loads),
    MATVEC("matvec_quantized", BY_SUBGROUPS, 1, 1, 64, 32, by_loads),
    MATVEC("matvec_quantized", BY_SUBGROUPS, 1, 1, 64, 0, by_loads),
    MATVEC("matvec_quantized", BY_SUBGROUPS, 2, 1, 64, 8, by_loads),
    MATVEC("matvec_quantized", BY_SUBGROUPS, 2, 1, 64, 32, by_loads),
    MATVEC("matvec_quantized", BY_SUBGROUPS, 2, 1, 64, 0, by_loads),
    MATVEC("matvec_band", BY_BAND, 2, 0, 0, 0, "an invocation for a band, which walks along k"),
};
static const Ladder ladders[] = { LADDER("matvec_quantized", rungs) };
// Rows of x in a dispatch, and at most without panels.
enum { ROWS_AT_ONCE = 2, MATVEC_ROWS = 8 };

// ---- A few rows ------------------------------------------------------------------------------------------------------

static Work work_of(const Problem *p, const Rung *rung, const GpuTraits *traits)
{
    uint64_t bands = (uint64_t)(p->N + BAND - 1) / BAND;
    Work work = { .items = bands * (uint64_t)p->M };
    if (rung->tile[0] != BY_BAND) {
        uint64_t of_group = rung->tile[1] / lanes_of(rung, traits) * rung->kernel.constants[2];
        work.items = (bands + of_group - 1) / of_group * rung->tile[1];
    }
    work.flops = 2 * (double)p->M * (double)p->N * (double)p->K;
    work.bytes = (double)planes_bytes(p->w.dtype, p->N, p->K) + 4 * (double)p->M * (double)(p->N + p->K);
    return work;
}

static void dispatch_matvec(Tape *t, const Problem *p, int64_t ldc)
{
    Gpu *gpu = stream_gpu(t->stream);
    const Rung *rung = ladder_pick(t, &ladders[0], p);
    KernelSpec spec = rung->kernel;
    spec.constants[0] = p->w.dtype;
    uint32_t flags = (p->accumulate ? FLAG_ACCUMULATE : 0) | (p->bias.bytes ? FLAG_BIAS : 0);
    gpu_dispatch(
        t->stream, gpu_kernel(gpu, &spec), work_of(p, rung, gpu_traits(gpu)),
        SPANS(p->x, p->w.quants, p->w.high, p->w.scales, p->w.supers, p->bias.bytes ? p->bias : p->x, p->y),
        ARGS(MatvecArgs, (uint32_t)p->M, (uint32_t)p->N, (uint32_t)p->K, (uint32_t)p->K, (uint32_t)ldc, flags));
}

// Rows m … of x with rows n … of w.
static Problem part_of(const Problem *whole, int64_t m, int64_t M, int64_t n, int64_t N)
{
    Problem p = *whole;
    p.M = M;
    p.N = N;
    p.w = planes_rows(&whole->w, n, N);
    p.x = span_part(whole->x, 4 * (uint64_t)(m * p.K), 4 * (uint64_t)(M * p.K));
    p.y = span_part(whole->y, 4 * (uint64_t)(m * whole->N + n), 4 * (uint64_t)((M - 1) * whole->N + N));
    if (p.bias.bytes) p.bias = span_part(p.bias, 4 * (uint64_t)n, 4 * (uint64_t)N);
    return p;
}

static void matvec(Tape *t, const Problem *whole)
{
    int64_t most = rows_bound(gpu_traits(stream_gpu(t->stream)), whole->N, whole->K, INT64_MAX);
    for (int64_t m = 0; m < whole->M; m += ROWS_AT_ONCE)
        for (int64_t n = 0; n < whole->N; n += most) {
            Problem p = part_of(whole, m, least(ROWS_AT_ONCE, whole->M - m), n, least(most, whole->N - n));
            dispatch_matvec(t, &p, whole->N);
        }
}

// ---- Many rows: panels -----------------------------------------------------------------------------------------------

// Calls `use` with rows n … n + N of w as f32 [N, K], for each panel.
static void each_panel(Tape *t, const Tensor *w, void (*use)(Tape *t, void *context, Span panel, int64_t n, int64_t N),
                       void *context)
{
    Gpu *gpu = stream_gpu(t->stream);
    int64_t N = dim(w, 0), K = dim(w, 1), most = rows_bound(gpu_traits(gpu), N, 4 * K, PANEL_BYTES);
    Planes whole = planes_of(w);
    TapeMark mark = tape_mark(t);
    Span panel = tape_tensor(t, F32, SHAPE(least(most, N), K))->span;
    for (int64_t n = 0; n < N; n += most) {
        int64_t n_rows = least(most, N - n);
        Planes p = planes_rows(&whole, n, n_rows);
        Span y = span_part(panel, 0, 4 * (uint64_t)(n_rows * K));
        gpu_dispatch(t->stream, KERNEL(gpu, "dequantize", .constants = { w->dtype }),
                     ITEMS((n_rows + BAND - 1) / BAND * (K / CELL), .flops = 2 * (double)(n_rows * K),
                           .bytes = (double)planes_bytes(w->dtype, n_rows, K) + (double)y.bytes),
                     SPANS(p.quants, p.high, p.scales, p.supers, y), ARGS(PanelArgs, (uint32_t)n_rows, (uint32_t)K));
        use(t, context, y, n, n_rows);
    }
    tape_release_scratch(t, mark);
}

typedef struct PanelUse {
    Span x, y; // y: the product, or dx
    const Tensor *bias;
    int64_t M, N, K; // of the whole weight
    bool accumulate;
} PanelUse;

static void multiply_panel(Tape *t, void *context, Span panel, int64_t n, int64_t N)
{
    const PanelUse *u = context;
    Span y = span_part(u->y, 4 * (uint64_t)n, 4 * (uint64_t)((u->M - 1) * u->N + N));
    Product p = product_of(PRODUCT_NT, u->x, panel, y, u->M, N, u->K);
    p.ldc = u->N;
    p.accumulate = u->accumulate;
    if (u->bias) p.bias = span_part(u->bias->span, 4 * (uint64_t)n, 4 * (uint64_t)N);
    product_run(t, p);
}

static void multiply_panel_back(Tape *t, void *context, Span panel, int64_t n, int64_t N)
{
    PanelUse *u = context;
    Span dy = span_part(u->x, 4 * (uint64_t)n, 4 * (uint64_t)((u->M - 1) * u->N + N));
    Product p = product_of(PRODUCT_NN, dy, panel, u->y, u->M, u->K, N);
    p.lda = u->N;
    p.accumulate = u->accumulate;
    product_run(t, p);
    u->accumulate = true;
}

void quantized_product(Tape *t, Span x, int64_t M, const Tensor *w, const Tensor *bias, Span y, bool accumulate)
{
    if (M > MATVEC_ROWS) {
        each_panel(t, w, multiply_panel, &(PanelUse){ x, y, bias, M, dim(w, 0), dim(w, 1), accumulate });
        return;
    }
    Problem p = { M, dim(w, 0), dim(w, 1), planes_of(w), x, y, bias ? bias->span : (Span){ 0 }, accumulate };
    matvec(t, &p);
}

void quantized_backward(Tape *t, Span dy, int64_t M, const Tensor *w, Span dx, bool accumulate)
{
    each_panel(t, w, multiply_panel_back, &(PanelUse){ dy, dx, NULL, M, dim(w, 0), dim(w, 1), accumulate });
}

// ---- Rows by id ------------------------------------------------------------------------------------------------------

typedef struct GatherArgs {
    uint32_t n, width, first, rows, vocab;
} GatherArgs;

void gather_quantized(Tape *t, const Tensor *table, const Tensor *ids, Span y)
{
    Gpu *gpu = stream_gpu(t->stream);
    const GpuTraits *traits = gpu_traits(gpu);
    int64_t V = dim(table, 0), C = dim(table, 1), n = count(ids), most_rows = rows_bound(traits, V, C, INT64_MAX);
    int64_t most = least(n, (int64_t)(traits->max_binding_bytes - traits->alignment) / (4 * C));
    Planes whole = planes_of(table);
    for (int64_t j = 0; j < n; j += most)
        for (int64_t first = 0; first < V; first += most_rows) {
            int64_t R = least(most_rows, V - first), N = least(most, n - j);
            Planes p = planes_rows(&whole, first, R);
            gpu_dispatch(t->stream, KERNEL(gpu, "gather_quantized", .constants = { table->dtype }),
                         ITEMS(N * (C / CELL), .flops = 2 * (double)(N * C), .bytes = 5 * (double)(N * C)),
                         SPANS(p.quants, p.high, p.scales, p.supers,
                               span_part(ids->span, 4 * (uint64_t)j, 4 * (uint64_t)N),
                               span_part(y, 4 * (uint64_t)(j * C), 4 * (uint64_t)(N * C))),
                         ARGS(GatherArgs, (uint32_t)N, (uint32_t)C, (uint32_t)first, (uint32_t)R, (uint32_t)V));
        }
}

// ---- Twin and cases: size = { M, N, K, 1 for a bias } ------------------------------------------------------------------

enum { TINY = 1 }; // scales that are subnormal halves, as those of real K types are

static void linear_quantized_cpu(Trial *trial)
{
    const int64_t *size = trial->c->size, M = size[0], N = size[1], K = size[2];
    const double *x = trial->in[0].value, *w = trial->in[1].value, *bias = size[3] ? trial->in[2].value : NULL;
    double part = trial->c->flags & TINY ? 1.0 / 4096 : 1;
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            double sum = bias ? bias[n] : 0, scale = fabs(sum);
            for (int64_t k = 0; k < K; k++) {
                sum += x[m * K + k] * w[n * K + k];
                scale += part * fabs(x[m * K + k]); // the parts that a weight is made of are of size 1 to 4 each
            }
            trial->out[0].value[m * N + n] = sum;
            trial->out[0].scale[m * N + n] = scale;
        }
}

static void linear_quantized_declare(Trial *trial)
{
    const int64_t *size = trial->c->size, M = size[0], N = size[1], K = size[2];
    trial_normal(trial, "x", F32, SHAPE(M, K), true);
    trial_quantized(trial, "w", trial->c->dtype, N, K, trial->c->flags & TINY ? 1.0 / 4096 : 1);
    if (size[3]) trial_normal(trial, "bias", F32, SHAPE(N), true);
    trial_output_scaled(trial, "y", F32, SHAPE(M, N));
}

static void linear_quantized_run(Trial *trial, Tape *t)
{
    trial->out[0].tensor =
        linear(t, trial->in[0].tensor, trial->in[1].tensor, trial->c->size[3] ? trial->in[2].tensor : NULL);
}

#define SIZE(dtype_, label_, ...)                                 \
    {                                                             \
        .label = label_, .dtype = dtype_, .size = { __VA_ARGS__ } \
    }
#define SPEED(dtype_, label_, ...)                                                                \
    {                                                                                             \
        .label = label_, .dtype = dtype_, .size = { __VA_ARGS__ }, .no_grad = true, .bench = true \
    }
// What a layer of SmolLM2-135M multiplies with, and its head.
static const Case cases[] = {
    SIZE(Q8_0, "q8_0 1x1x32", 1, 1, 32),
    SIZE(Q8_0, "q8_0 1x70x576 bias", 1, 70, 576, 1),
    SIZE(Q8_0, "q8_0 19x33x64", 19, 33, 64),
    SIZE(Q4_0, "q4_0 1x5x96", 1, 5, 96),
    SIZE(Q4_0, "q4_0 3x70x160 bias", 3, 70, 160, 1),
    SIZE(Q4_1, "q4_1 1x18x32 bias", 1, 18, 32, 1),
    SIZE(Q4_1, "q4_1 2x35x576", 2, 35, 576),
    SIZE(Q4_1, "q4_1 7x67x96 bias", 7, 67, 96, 1),
    SIZE(Q4_1, "q4_1 9x67x96 bias", 9, 67, 96, 1),
    SIZE(Q4_1, "q4_1 9x167x96 bias", 9, 167, 96, 1),
    SIZE(Q5_0, "q5_0 1x9x96", 1, 9, 96),
    SIZE(Q5_0, "q5_0 4x34x64", 4, 34, 64),
    SIZE(Q5_1, "q5_1 1x9x160 bias", 1, 9, 160, 1),
    SIZE(Q5_1, "q5_1 4x12x32", 4, 12, 32),
    SIZE(Q4_K, "q4_k 1x37x256", 1, 37, 256),
    SIZE(Q4_K, "q4_k 4x6x768 bias", 4, 6, 768, 1),
    SIZE(Q5_K, "q5_k 1x10x512", 1, 10, 512),
    SIZE(Q5_K, "q5_k 10x6x256", 10, 6, 256),
    SIZE(Q6_K, "q6_k 1x37x256 bias", 1, 37, 256, 1),
    SIZE(Q6_K, "q6_k 3x6x768", 3, 6, 768),
    SIZE(Q6_K, "q6_k 9x70x256 bias", 9, 70, 256, 1),
    { .label = "q4_k 1x9x512 tiny", .dtype = Q4_K, .size = { 1, 9, 512 }, .flags = TINY },
    { .label = "q6_k 9x9x256 tiny", .dtype = Q6_K, .size = { 9, 9, 256 }, .flags = TINY },
    SPEED(Q4_1, "q4_1 1x576x576", 1, 576, 576),
    SPEED(Q4_1, "q4_1 1x1536x576", 1, 1536, 576),
    SPEED(Q4_1, "q4_1 1x576x1536", 1, 576, 1536),
    SPEED(Q4_0, "q4_0 1x2048x2048", 1, 2048, 2048),
    SPEED(Q4_K, "q4_k 1x2048x2048", 1, 2048, 2048),
    SPEED(Q6_K, "q6_k 1x2048x2048", 1, 2048, 2048),
    SPEED(Q8_0, "q8_0 1x49152x576", 1, 49152, 576),
    SPEED(Q4_1, "q4_1 8x1536x576", 8, 1536, 576),
    SPEED(Q4_1, "q4_1 9x1536x576", 9, 1536, 576),
    SPEED(Q4_1, "q4_1 512x1536x576", 512, 1536, 576),
};

const Op op_linear_quantized = { .name = "linear_quantized",
                                 .declare = linear_quantized_declare,
                                 .cpu = linear_quantized_cpu,
                                 .run = linear_quantized_run,
                                 CASES(cases),
                                 LADDERS(ladders) };
