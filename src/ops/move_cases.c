// The twins and the cases of permute, slice and concat.
#include "ops/move.h"
#include "ops/ops.h"

// size: the dimensions, as many as are not 0
static Shape case_shape(const Trial *trial)
{
    Shape shape = { 0 };
    while (shape.rank < MAX_RANK && trial->c->size[shape.rank]) {
        shape.dim[shape.rank] = trial->c->size[shape.rank];
        shape.rank++;
    }
    return shape;
}

static void declare_input(Trial *trial, const char *name, Shape shape)
{
    if (trial->c->dtype == I32)
        trial_ids(trial, name, shape, 1 << 30);
    else
        trial_normal(trial, name, F32, shape, true);
}

// The index of element i along each dimension.
static void unravel(Shape shape, int64_t i, int64_t *index)
{
    for (int d = shape.rank - 1; d >= 0; d--) {
        index[d] = i % shape.dim[d];
        i /= shape.dim[d];
    }
}

static int64_t ravel(Shape shape, const int64_t *index)
{
    int64_t i = 0;
    for (int d = 0; d < shape.rank; d++) i = i * shape.dim[d] + index[d];
    return i;
}

// flags: the order, a hexadecimal digit for each dimension of y
static void order_of(const Trial *trial, int *order)
{
    int rank = case_shape(trial).rank;
    for (int i = 0; i < rank; i++) order[i] = trial->c->flags >> 4 * (rank - 1 - i) & 15;
}

static void permute_declare(Trial *trial)
{
    Shape x = case_shape(trial), y = x;
    int order[MAX_RANK];
    order_of(trial, order);
    for (int i = 0; i < x.rank; i++) y.dim[i] = x.dim[order[i]];
    declare_input(trial, "x", x);
    trial_output(trial, "y", trial->c->dtype, y);
}

static void permute_cpu(Trial *trial)
{
    const TrialTensor *x = &trial->in[0], *y = &trial->out[0];
    int order[MAX_RANK];
    order_of(trial, order);
    for (int64_t i = 0; i < y->count; i++) {
        int64_t index[MAX_RANK], from[MAX_RANK];
        unravel(y->shape, i, index);
        for (int d = 0; d < y->shape.rank; d++) from[order[d]] = index[d];
        y->value[i] = x->value[ravel(x->shape, from)];
    }
}

static void permute_run(Trial *trial, Tape *t)
{
    int order[MAX_RANK];
    order_of(trial, order);
    trial->out[0].tensor = permute(t, trial->in[0].tensor, order);
}

// real: axis, begin, n
static void slice_declare(Trial *trial)
{
    Shape shape = case_shape(trial);
    declare_input(trial, "x", shape);
    shape.dim[(int)trial->c->real[0]] = (int64_t)trial->c->real[2];
    trial_output(trial, "y", trial->c->dtype, shape);
}

static void slice_cpu(Trial *trial)
{
    const TrialTensor *x = &trial->in[0], *y = &trial->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t index[MAX_RANK];
        unravel(y->shape, i, index);
        index[(int)trial->c->real[0]] += (int64_t)trial->c->real[1];
        y->value[i] = x->value[ravel(x->shape, index)];
    }
}

static void slice_run(Trial *trial, Tape *t)
{
    const double *real = trial->c->real;
    trial->out[0].tensor = slice(t, trial->in[0].tensor, (int)real[0], (int64_t)real[1], (int64_t)real[2]);
}

// real: axis and the three inputs' sizes along it (0: there is none)
static void concat_declare(Trial *trial)
{
    int axis = (int)trial->c->real[0];
    Shape shape = case_shape(trial);
    int64_t whole = 0;
    for (int i = 1; i <= 3 && trial->c->real[i] > 0; i++) {
        shape.dim[axis] = (int64_t)trial->c->real[i];
        declare_input(trial, "x", shape);
        whole += shape.dim[axis];
    }
    shape.dim[axis] = whole;
    trial_output(trial, "y", trial->c->dtype, shape);
}

static void concat_cpu(Trial *trial)
{
    int axis = (int)trial->c->real[0];
    const TrialTensor *y = &trial->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t index[MAX_RANK];
        const TrialTensor *x = trial->in;
        unravel(y->shape, i, index);
        while (index[axis] >= x->shape.dim[axis]) index[axis] -= (x++)->shape.dim[axis];
        y->value[i] = x->value[ravel(x->shape, index)];
    }
}

static void concat_run(Trial *trial, Tape *t)
{
    Tensor *xs[3];
    for (int i = 0; i < trial->in_count; i++) xs[i] = trial->in[i].tensor;
    trial->out[0].tensor = concat(t, xs, trial->in_count, (int)trial->c->real[0]);
}

#define ORDER(label_, order_, ...)                                \
    {                                                             \
        .label = label_, .size = { __VA_ARGS__ }, .flags = order_ \
    }
#define ORDER_IDS(label_, order_, ...)                                          \
    {                                                                           \
        .label = label_, .size = { __VA_ARGS__ }, .flags = order_, .dtype = I32 \
    }
#define ORDER_SPEED(label_, order_, ...)                                         \
    {                                                                            \
        .label = label_, .size = { __VA_ARGS__ }, .flags = order_, .bench = true \
    }
#define ALONG(label_, axis, a, b, c, ...)                                   \
    {                                                                       \
        .label = label_, .size = { __VA_ARGS__ }, .real = { axis, a, b, c } \
    }
#define ALONG_IDS(label_, axis, a, b, c, ...)                                             \
    {                                                                                     \
        .label = label_, .size = { __VA_ARGS__ }, .real = { axis, a, b, c }, .dtype = I32 \
    }
#define ALONG_SPEED(label_, axis, a, b, c, ...)                                            \
    {                                                                                      \
        .label = label_, .size = { __VA_ARGS__ }, .real = { axis, a, b, c }, .bench = true \
    }

static const Case permute_cases[] = {
    ORDER("1", 0x0, 1),
    ORDER("5 x 7 turned", 0x10, 5, 7),
    ORDER("64 x 100 turned", 0x10, 64, 100),
    ORDER("heads of 64", 0x0213, 2, 9, 3, 64),
    ORDER("heads of 5", 0x0213, 2, 9, 3, 5),
    ORDER("as it is", 0x012, 4, 6, 8),
    ORDER("six dimensions", 0x514203, 2, 3, 1, 4, 5, 3),
    ORDER("six dimensions, dense inside", 0x420135, 2, 3, 2, 4, 3, 12),
    ORDER_IDS("ids", 0x201, 4, 5, 6),
    ORDER_SPEED("heads 8x128x6x64", 0x0213, 8, 128, 6, 64),
};
static const Case slice_cases[] = {
    ALONG("1 of 1", 0, 0, 1, 0, 1),
    ALONG("rows, a view", 0, 3, 4, 0, 9, 8),
    ALONG("rows, no view", 0, 3, 4, 0, 9, 5),
    ALONG("columns", 1, 3, 9, 0, 7, 17),
    ALONG("columns in fours", 1, 64, 64, 0, 33, 192),
    ALONG("middle", 1, 2, 3, 0, 3, 6, 5),
    ALONG("middle in fours", 2, 1, 2, 0, 2, 3, 4, 8),
    ALONG("all of it", 1, 0, 6, 0, 3, 6, 5),
    ALONG_IDS("ids", 1, 2, 3, 0, 3, 6, 5),
    ALONG_SPEED("1024x1152, a third", 1, 384, 384, 0, 1024, 1152),
};
static const Case concat_cases[] = {
    ALONG("one", 0, 3, 0, 0, 3, 5),       ALONG("rows", 0, 3, 2, 5, 1, 7),
    ALONG("columns", 1, 3, 9, 1, 7, 1),   ALONG("columns in fours", 1, 64, 32, 4, 33, 1),
    ALONG("middle", 1, 2, 3, 1, 3, 1, 5), ALONG_IDS("ids", 1, 2, 3, 1, 3, 1, 5),
};

const Op op_permute = { .name = "permute",
                        .declare = permute_declare,
                        .cpu = permute_cpu,
                        .run = permute_run,
                        CASES(permute_cases),
                        .ladder = move_ladders,
                        .ladder_count = MOVE_LADDERS,
                        .exact = true };
const Op op_slice = { .name = "slice",
                      .declare = slice_declare,
                      .cpu = slice_cpu,
                      .run = slice_run,
                      CASES(slice_cases),
                      .ladder = move_ladders,
                      .ladder_count = MOVE_LADDERS,
                      .exact = true };
const Op op_concat = { .name = "concat",
                       .declare = concat_declare,
                       .cpu = concat_cpu,
                       .run = concat_run,
                       CASES(concat_cases),
                       .ladder = move_ladders,
                       .ladder_count = MOVE_LADDERS,
                       .exact = true };
