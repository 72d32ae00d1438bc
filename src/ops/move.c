// Moving, without arithmetic
//   permute   y[i_0, …] = x[…] with y's dimension d being x's dimension order[d]; backward permutes back
//   slice     y = x[…, begin … begin+n, …]; backward adds into that part, and nothing elsewhere
//   concat    y = xs side by side along an axis; backward slices
// All are one kernel: a table whose elements lie by other strides on either side.
#include "ops/move.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct Layout {
    int64_t from, to; // strides
} Layout;

typedef struct Move {
    int rank;
    int64_t dim[MAX_RANK];
    Layout stride[MAX_RANK];
    Layout start;
    DType dtype;
    Span from, to;
} Move;

typedef struct MoveArgs {
    uint32_t n, accumulate, dim[MAX_RANK], from[MAX_RANK], to[MAX_RANK];
} MoveArgs;

static bool can_fours(const GpuTraits *traits, const void *problem)
{
    (void)traits;
    const Move *m = problem;
    const Layout *inner = &m->stride[m->rank - 1];
    bool fours = m->dtype == F32 && inner->from == 1 && inner->to == 1 && m->dim[m->rank - 1] % 4 == 0;
    for (int i = 0; i < m->rank - 1; i++) fours &= (m->stride[i].from | m->stride[i].to) % 4 == 0;
    return fours && (m->from.offset | m->to.offset) % 16 == 0;
}

static bool can_texel(const GpuTraits *traits, const void *problem)
{
    return can_fours(traits, problem) && texels_hold(traits, ((const Move *)problem)->from.bytes);
}

// tile[0]: elements of an invocation
#define RUNG(shader_, can_, chosen_, elements, idea_)                                                        \
    {                                                                                                        \
        .kernel = { .shader = shader_ }, .can = can_, .chosen = chosen_, .idea = idea_, .tile = { elements } \
    }

static const Rung rungs[] = {
    RUNG("move_fours.texel", can_texel, rung_likes_texels, 4, "four elements an invocation, read by texel fetches"),
    RUNG("move_fours", can_fours, NULL, 4, "four elements an invocation, where the innermost dimension stays dense"),
    RUNG("move", NULL, NULL, 1, "one element an invocation"),
};
const Ladder move_ladders[MOVE_LADDERS] = { LADDER("move", rungs) };

// Leaves out dimensions of 1 and joins those that are one on both sides: fewer divisions for the kernel.
static void simplify(Move *m)
{
    int rank = 0;
    for (int i = 0; i < m->rank; i++) {
        if (m->dim[i] == 1) continue;
        Layout *outer = rank ? &m->stride[rank - 1] : NULL, inner = m->stride[i];
        if (outer && outer->from == inner.from * m->dim[i] && outer->to == inner.to * m->dim[i]) {
            m->dim[rank - 1] *= m->dim[i];
            *outer = inner;
            continue;
        }
        m->dim[rank] = m->dim[i];
        m->stride[rank++] = inner;
    }
    if (rank == 0) { // one element
        m->dim[0] = 1;
        m->stride[rank++] = (Layout){ 1, 1 };
    }
    m->rank = rank;
}

// Words from the first to the last that a side has.
static Layout extent(const Move *m)
{
    Layout words = { 1, 1 };
    for (int i = 0; i < m->rank; i++) {
        words.from += (m->dim[i] - 1) * m->stride[i].from;
        words.to += (m->dim[i] - 1) * m->stride[i].to;
    }
    return words;
}

static void move_whole(Tape *t, Move m, Layout words, uint32_t accumulate)
{
    Gpu *gpu = stream_gpu(t->stream);
    m.from = span_part(m.from, 4 * (uint64_t)m.start.from, 4 * (uint64_t)words.from);
    m.to = span_part(m.to, 4 * (uint64_t)m.start.to, 4 * (uint64_t)words.to);
    const Rung *rung = ladder_pick(t, &move_ladders[0], &m);
    KernelSpec spec = rung->kernel;
    spec.constants[0] = (uint32_t)m.rank;
    int64_t width = rung->tile[0], n = 1;
    MoveArgs args = { .accumulate = accumulate };
    for (int i = 0; i < m.rank; i++) {
        bool last = i == m.rank - 1;
        args.dim[i] = (uint32_t)(last ? m.dim[i] / width : m.dim[i]);
        args.from[i] = (uint32_t)(last ? m.stride[i].from : m.stride[i].from / width);
        args.to[i] = (uint32_t)(last ? m.stride[i].to : m.stride[i].to / width);
        n *= m.dim[i];
    }
    args.n = (uint32_t)(n / width);
    gpu_dispatch(t->stream, gpu_kernel(gpu, &spec), ITEMS(n / width, .bytes = (8 + 4 * accumulate) * (double)n),
                 SPANS(m.from, m.to), &args, sizeof args);
}

// The dimension along which the larger side reaches furthest.
static int longest(const Move *m, Layout words)
{
    int at = 0;
    int64_t most = 0;
    for (int i = 0; i < m->rank; i++) {
        int64_t reach = (m->dim[i] - 1) * (words.from > words.to ? m->stride[i].from : m->stride[i].to);
        if (reach > most) most = reach, at = i;
    }
    return at;
}

// In halves along one dimension after the other, where a side is larger than the device binds.
static void move(Tape *t, Move m, uint32_t accumulate)
{
    simplify(&m);
    Layout words = extent(&m);
    const GpuTraits *traits = gpu_traits(stream_gpu(t->stream));
    int64_t most = (int64_t)(traits->max_binding_bytes - traits->alignment) / 4;
    if (words.from <= most && words.to <= most) {
        move_whole(t, m, words, accumulate);
        return;
    }
    int axis = longest(&m, words);
    int64_t half = m.dim[axis] / 2;
    if (half > 4) half -= half % 4;
    Move rest = m;
    rest.start.from += half * m.stride[axis].from;
    rest.start.to += half * m.stride[axis].to;
    rest.dim[axis] -= half;
    m.dim[axis] = half;
    move(t, m, accumulate);
    move(t, rest, accumulate);
}

static void check_words(const char *op, const Tensor *x)
{
    op_check(dtype_bytes(x->dtype) == 4, "%s: %s is not of 32 bits", op, tensor_text(x));
}

// ---- permute -----------------------------------------------------------------------------------------------------

// Moves between y, dense, and x, whose dimension order[d] is y's dimension d.
static Move permutation(const Tensor *x, const int *order, bool back)
{
    Move m = { .rank = x->shape.rank, .dtype = x->dtype };
    int64_t stride[MAX_RANK], inner = 1;
    for (int i = m.rank - 1; i >= 0; i--) {
        stride[i] = inner;
        inner *= dim(x, i);
    }
    inner = 1;
    for (int i = m.rank - 1; i >= 0; i--) {
        m.dim[i] = dim(x, order[i]);
        m.stride[i] = back ? (Layout){ inner, stride[order[i]] } : (Layout){ stride[order[i]], inner };
        inner *= m.dim[i];
    }
    return m;
}

static void permute_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0];
    uint32_t accumulate;
    Move m = permutation(x, (const int *)n->attributes, true);
    m.from = tape_dy(n);
    m.to = tape_grad(t, x, &accumulate);
    move(t, m, accumulate);
}

Tensor *permute(Tape *t, Tensor *x, const int *order)
{
    check_words("permute", x);
    struct {
        int order[MAX_RANK];
    } kept = { { 0 } };
    Shape shape = x->shape;
    unsigned seen = 0;
    for (int i = 0; i < shape.rank; i++) {
        op_check(order[i] >= 0 && order[i] < shape.rank, "permute: there is no dimension %d of %s", order[i],
                 tensor_text(x));
        seen |= 1u << order[i];
        shape.dim[i] = dim(x, kept.order[i] = order[i]);
    }
    op_check(seen == (1u << shape.rank) - 1, "permute: a dimension of %s is named twice", tensor_text(x));
    Tensor *y = tape_tensor(t, x->dtype, shape);
    Move m = permutation(x, order, false);
    m.from = x->span;
    m.to = y->span;
    move(t, m, 0);
    return tape_node(t, y, permute_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES(kept));
}

// ---- slice, concat -----------------------------------------------------------------------------------------------

// A tensor seen along an axis: [outer, axis, inner].
typedef struct Axis {
    int axis;
    int64_t begin;
} Axis;

static int64_t inner_count(const Tensor *x, int axis)
{
    int64_t n = 1;
    for (int i = axis + 1; i < x->shape.rank; i++) n *= dim(x, i);
    return n;
}

// The part of `whole` that begins at axis.begin and is as large as `part`, onto part or (out) back.
static Move slab(const Tensor *whole, const Tensor *part, Axis axis, bool out)
{
    int64_t inner = inner_count(whole, axis.axis), n = dim(part, axis.axis) * inner;
    int64_t stride = dim(whole, axis.axis) * inner, start = axis.begin * inner;
    Move m = { .rank = 2, .dim = { count(part) / n, n }, .dtype = whole->dtype };
    m.stride[0] = out ? (Layout){ stride, n } : (Layout){ n, stride };
    m.stride[1] = (Layout){ 1, 1 };
    m.start = out ? (Layout){ start, 0 } : (Layout){ 0, start };
    return m;
}

static void slice_backward(Tape *t, const Node *n)
{
    Tensor *x = n->input[0];
    uint32_t accumulate;
    Move m = slab(x, n->output, *(const Axis *)n->attributes, false);
    m.from = tape_dy(n);
    m.to = tape_grad(t, x, &accumulate);
    m.dtype = F32;
    if (!accumulate && count(n->output) < count(x)) stream_fill(t->stream, m.to, 0); // the other parts' gradient
    move(t, m, accumulate);
}

Tensor *slice(Tape *t, Tensor *x, int axis, int64_t begin, int64_t n)
{
    int at = axis < 0 ? axis + x->shape.rank : axis;
    op_check(at >= 0 && at < x->shape.rank && begin >= 0 && n > 0 && n <= dim(x, at) - begin,
             "slice: %lld … %lld along dimension %d of %s", (long long)begin, (long long)(begin + n), axis,
             tensor_text(x));
    Axis attributes = { at, begin };
    Shape shape = x->shape;
    shape.dim[at] = n;
    uint64_t start = (uint64_t)(begin * inner_count(x, at) * dtype_bytes(x->dtype));
    Tensor *y;
    if (shape_count(shape) == n * inner_count(x, at) && (x->span.offset + start) % 16 == 0) { // in one piece
        y = ARENA_NEW(&t->host, Tensor);
        *y = (Tensor){ .shape = shape, .dtype = x->dtype };
        y->span = span_part(x->span, start, (uint64_t)tensor_bytes(y));
    } else {
        check_words("slice", x);
        y = tape_tensor(t, x->dtype, shape);
        Move m = slab(x, y, attributes, true);
        m.from = x->span;
        m.to = y->span;
        move(t, m, 0);
    }
    return tape_node(t, y, slice_backward, INPUTS(x), SAVED_NONE, ATTRIBUTES(attributes));
}

static void concat_backward(Tape *t, const Node *n)
{
    Axis at = *(const Axis *)n->attributes;
    for (int i = 0; i < NODE_TENSORS && n->input[i]; i++) {
        Tensor *x = n->input[i];
        if (x->needs_grad) {
            uint32_t accumulate;
            Move m = slab(n->output, x, at, true);
            m.from = tape_dy(n);
            m.to = tape_grad(t, x, &accumulate);
            move(t, m, accumulate);
        }
        at.begin += dim(x, at.axis);
    }
}

Tensor *concat(Tape *t, Tensor *const *xs, int n, int axis)
{
    op_check(n > 0 && n <= NODE_TENSORS, "concat: %d tensors", n);
    Shape shape = xs[0]->shape;
    Axis at = { axis < 0 ? axis + shape.rank : axis, 0 }, first = at;
    op_check(at.axis >= 0 && at.axis < shape.rank, "concat: dimension %d of %s", axis, tensor_text(xs[0]));
    shape.dim[at.axis] = 0;
    for (int i = 0; i < n; i++) {
        Shape other = xs[i]->shape, want = shape;
        want.dim[at.axis] = other.dim[at.axis];
        op_check(shape_equal(other, want) && xs[i]->dtype == xs[0]->dtype, "concat: %s and %s along dimension %d",
                 tensor_text(xs[0]), tensor_text(xs[i]), axis);
        check_words("concat", xs[i]);
        shape.dim[at.axis] += other.dim[at.axis];
    }
    Tensor *y = tape_tensor(t, xs[0]->dtype, shape);
    for (int i = 0; i < n; i++) {
        Move m = slab(y, xs[i], at, false);
        m.from = xs[i]->span;
        m.to = y->span;
        move(t, m, 0);
        at.begin += dim(xs[i], at.axis);
    }
    return tape_node(t, y, concat_backward, xs, n, SAVED_NONE, ATTRIBUTES(first));
}
