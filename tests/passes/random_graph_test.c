/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random graphs, each run before and after every single pass, and after all of them.
 *
 * While a graph is made, two bounds are carried along with each value: M, the greatest magnitude it can have, and E,
 * the error that rounding can have brought in. An operator with Lipschitz constant L (in the maximum norm) and
 * magnitude bound M' gives E' = L E + 4 u M', u = 2^-24: no pattern here has more than 4 roundings at its own
 * magnitude. Before and after differ by at most the sum of both errors; as a rewrite may round at the larger of the
 * magnitudes before and after it and in another order, each side is granted 4 E.
 */
#include "graph_diff.h"
#include "ir/ir.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_GRAPHS = 400, MAX_VALUES = 64 };
static const double unit = 0x1p-24;

typedef struct Made {
    CaValue *value; /* f32 [N, C, H, W] */
    double most, error;
} Made;

typedef struct Maker {
    CaGraph *g;
    uint64_t state;
    Made made[MAX_VALUES];
    int n;
    CarinaStatus status;
    CarinaError err;
} Maker;

static int pick(Maker *m, int below)
{
    return (int)random_whole(&m->state, (uint64_t)below);
}

static CaNode *node(Maker *m, const char *op, CaValue *a, CaValue *b, CaValue *c)
{
    CaValue *const in[3] = {a, b, c};
    CaNode *n = NULL;
    if (m->status == CARINA_OK)
        m->status = ca_graph_add(&n, m->g, NULL, op, 0, NULL, in,
                                 c   ? 3
                                 : b ? 2
                                     : 1,
                                 1, &m->err);
    return m->status == CARINA_OK ? n : NULL;
}

static void set(Maker *m, CaNode *n, const char *attr, const char *text)
{
    if (m->status == CARINA_OK)
        m->status = ca_node_set_text(m->g, n, attr, text, &m->err);
}

static CaValue *done(Maker *m, CaNode *n)
{
    if (m->status == CARINA_OK)
        m->status = ca_node_infer(m->g, n, &m->err);
    return m->status == CARINA_OK ? &n->outputs[0] : NULL;
}

static CaValue *op(Maker *m, const char *name, CaValue *a, CaValue *b)
{
    return done(m, node(m, name, a, b, NULL));
}

/* Numbers in [low, high). */
static CaValue *reals(Maker *m, int rank, const int64_t *dims, double low, double high)
{
    const CarinaShape s = ca_shape(rank, dims);
    const int64_t n = ca_shape_product(&s, 0, rank);
    double v[4096];
    CaValue *c = NULL;
    for (int64_t i = 0; i < n && i < 4096; i++)
        v[i] = low + (high - low) * (random_real(&m->state) + 1) / 2;
    if (m->status == CARINA_OK)
        m->status = ca_graph_reals(&c, m->g, NULL, NULL, CARINA_F32, &s, v, n, &m->err);
    return c;
}

static CaValue *number(Maker *m, double v) { return reals(m, 0, NULL, v, v); }

static CaValue *ints(Maker *m, int n, const int64_t *v)
{
    CaValue *c = NULL;
    if (m->status == CARINA_OK)
        m->status = ca_graph_ints(&c, m->g, NULL, NULL, NULL, v, n, &m->err);
    return c;
}

static void keep(Maker *m, CaValue *v, double lipschitz, double most, double error)
{
    if (m->status != CARINA_OK || m->n == MAX_VALUES)
        return;
    m->made[m->n++] = (Made){v, most, lipschitz * error + 4 * unit * fmax(most, 1)};
}

/* Per channel or one number. */
static CaValue *coefficient(Maker *m, const Made *x, double low, double high)
{
    const int64_t dims[4] = {1, x->value->shape.dims[1], 1, 1};
    return pick(m, 2) ? reals(m, 4, dims, low, high) : reals(m, 0, NULL, low, high);
}

static void linear(Maker *m, const Made *x)
{
    static const char *const ops[] = {"Multiply", "Add", "Subtract", "Divide"};
    const int k = pick(m, 4);
    CaValue *c = coefficient(m, x, 0.5, 1.5);
    CaValue *y =
        k < 2 && pick(m, 2) ? op(m, ops[k], c, x->value) : op(m, ops[k], x->value, c);
    if (k == 0 || k == 3)
        keep(m, y, 2, 2 * x->most, x->error);
    else
        keep(m, y, 1, x->most + 1.5, x->error);
}

static void set_window(Maker *m, CaNode *n, int stride, int pad)
{
    set(m, n, "strides", stride == 2 ? "2,2" : "1,1");
    set(m, n, "pads_begin", pad ? "1,1" : "0,0");
    set(m, n, "pads_end", pad ? "1,1" : "0,0");
}

/* Weights of which each output's row sums to at most 1 in magnitude, now and then stored as float16. */
static CaValue *weights(Maker *m, int rank, const int64_t *dims, int64_t row)
{
    CaValue *w = reals(m, rank, dims, -1.0 / (double)row, 1.0 / (double)row);
    if (pick(m, 3) == 0 && m->status == CARINA_OK) {
        CaNode *narrow = node(m, "Convert", w, NULL, NULL);
        set(m, narrow, "destination_type", "f16");
        CaValue *stored = done(m, narrow);
        CaNode *wide = node(m, "Convert", stored, NULL, NULL);
        set(m, wide, "destination_type", "f32");
        w = done(m, wide);
    }
    return w;
}

static void convolution(Maker *m, const Made *x)
{
    const int64_t *d = x->value->shape.dims, c = d[1];
    const int kind = pick(m, 3), k = d[2] >= 3 && d[3] >= 3 && pick(m, 2) ? 3 : 1;
    const int64_t plain[4] = {pick(m, 2) ? 2 : 4, c, k, k}, depth[5] = {c, 1, 1, k, k};
    const int64_t back[4] = {c, 4, k, k};
    static const char *const names[] = {"Convolution", "GroupConvolution",
                                        "ConvolutionBackpropData"};
    CaValue *w = kind == 0   ? weights(m, 4, plain, c * k * k)
                 : kind == 1 ? weights(m, 5, depth, k * k)
                             : weights(m, 4, back, c * k * k);
    CaNode *n = node(m, names[kind], x->value, w, NULL);
    set_window(m, n, kind < 2 ? 1 + pick(m, 2) : 1, k == 3 ? pick(m, 2) : 0);
    set(m, n, "dilations", "1,1");
    keep(m, done(m, n), 1, x->most, x->error);
}

static void batch_norm(Maker *m, const Made *x)
{
    const int64_t c = x->value->shape.dims[1];
    CaValue *in[5] = {x->value, reals(m, 1, &c, 0.5, 1), reals(m, 1, &c, -1, 1),
                      reals(m, 1, &c, -1, 1), reals(m, 1, &c, 0.25, 1)};
    CaNode *n = NULL;
    if (m->status == CARINA_OK)
        m->status = ca_graph_add(&n, m->g, NULL, "BatchNormInference", 5, NULL, in, 5, 1,
                                 &m->err);
    set(m, n, "epsilon", "0.001");
    keep(m, done(m, n), 2, 2 * x->most + 3, x->error);
}

static CaValue *clamp6(Maker *m, CaValue *x)
{
    CaNode *n = node(m, "Clamp", x, NULL, NULL);
    set(m, n, "min", "0");
    set(m, n, "max", "6");
    return done(m, n);
}

/* Activations as exporters spell them. Their slopes stay below 1.5. */
static void activation(Maker *m, const Made *made)
{
    CaValue *x = made->value, *y = NULL;
    switch (pick(m, 10)) {
    case 0: y = op(m, "ReLU", x, NULL); break;
    case 1: y = op(m, "Multiply", x, op(m, "Sigmoid", x, NULL)); break;
    case 2:
        y = op(m, "Divide",
               op(m, "Multiply", clamp6(m, op(m, "Add", x, number(m, 3))), x),
               number(m, 6));
        break;
    case 3:
        y = op(m, "Multiply", x, op(m, "Tanh", op(m, "SoftPlus", x, NULL), NULL));
        break;
    case 4:
        y = op(m, "Erf", op(m, "Divide", x, number(m, sqrt(2))), NULL);
        y = op(m, "Multiply", op(m, "Multiply", x, op(m, "Add", y, number(m, 1))),
               number(m, 0.5));
        break;
    case 6:
        y = op(m, "Multiply", clamp6(m, op(m, "Add", x, number(m, 3))),
               number(m, 1.0 / 6));
        break;
    case 7:
        y = op(m, "Multiply", op(m, "Subtract", x, op(m, "Abs", x, NULL)),
               coefficient(m, made, -0.25, 0.25));
        y = op(m, "Add", op(m, "ReLU", x, NULL), y);
        break;
    case 8:
        y = op(m, "ReLU", op(m, "Negative", x, NULL), NULL);
        y = op(m, "Subtract", op(m, "ReLU", x, NULL),
               op(m, "Multiply", coefficient(m, made, 0, 1), y));
        break;
    case 5: y = op(m, "Maximum", x, op(m, "Multiply", x, number(m, 0.125))); break;
    default:
        y = op(m, "Multiply", x,
               done(m, node(m, "HardSigmoid", x, number(m, 1.0 / 6), number(m, 0.5))));
    }
    keep(m, y, 1.5, made->most, made->error);
}

static void pool(Maker *m, const Made *x)
{
    const bool is_max = pick(m, 2);
    if (x->value->shape.dims[2] < 3 || x->value->shape.dims[3] < 3)
        return;
    CaNode *n = NULL;
    if (m->status == CARINA_OK)
        m->status = ca_graph_add(&n, m->g, NULL, is_max ? "MaxPool" : "AvgPool", 1, NULL,
                                 &x->value, 1, 1, &m->err);
    set(m, n, "kernel", "3,3");
    set_window(m, n, 1 + pick(m, 2), pick(m, 2));
    if (!is_max)
        set(m, n, "exclude-pad", pick(m, 2) ? "true" : "false");
    keep(m, done(m, n), 1, x->most, x->error);
}

static void pad(Maker *m, const Made *x)
{
    const int64_t amount[4] = {0, 0, pick(m, 2), pick(m, 2)};
    if (x->value->shape.dims[2] > 8)
        return;
    CaNode *n = node(m, "Pad", x->value, ints(m, 4, amount), ints(m, 4, amount));
    set(m, n, "pad_mode", "constant");
    keep(m, done(m, n), 1, x->most, x->error);
}

static void move(Maker *m, const Made *x)
{
    static const int64_t there[4] = {0, 2, 3, 1}, back[4] = {0, 3, 1, 2};
    const CarinaShape s = x->value->shape;
    const int64_t flat[2] = {s.dims[0], -1};
    CaValue *y = x->value;
    CaNode *n = NULL;
    switch (pick(m, 3)) {
    case 0:
        y = op(m, "Transpose", op(m, "Transpose", y, ints(m, 4, there)),
               ints(m, 4, back));
        break;
    case 1:
        n = node(m, "Reshape", y, ints(m, 2, flat), NULL);
        set(m, n, "special_zero", "false");
        y = done(m, n);
        n = node(m, "Reshape", y, ints(m, 4, s.dims), NULL);
        set(m, n, "special_zero", "false");
        y = done(m, n);
        break;
    default: y = op(m, "Identity", y, NULL);
    }
    keep(m, y, 1, x->most, x->error);
}

/* Through the last axis. */
static void product(Maker *m, const Made *x)
{
    const int64_t k = x->value->shape.dims[3], dims[2] = {k, 5}, back[2] = {4, k};
    const bool transposed = pick(m, 2);
    CaValue *w = transposed ? weights(m, 2, back, k) : weights(m, 2, dims, k);
    CaNode *n = node(m, "MatMul", x->value, w, NULL);
    set(m, n, "transpose_b", transposed ? "true" : "false");
    CaValue *y = done(m, n);
    if (m->status == CARINA_OK && pick(m, 2))
        y = op(m, pick(m, 2) ? "Add" : "Multiply", y,
               reals(m, 1, &y->shape.dims[3], 0.5, 1));
    keep(m, y, 1, x->most + 1, x->error);
}

/* (x - mean) / sqrt(var + 1/4): slope at most 2 / sqrt(1/4) and a bit for the spread's own slope: 8. */
static void layer_norm(Maker *m, const Made *made)
{
    const int64_t last = -1;
    CaValue *x = made->value;
    CaNode *n = node(m, "ReduceMean", x, ints(m, 1, &last), NULL);
    set(m, n, "keep_dims", "true");
    CaValue *average = done(m, n), *y = NULL;
    CaValue *d = op(m, "Subtract", x, average);
    n = node(m, "ReduceMean", op(m, "Power", d, number(m, 2)), ints(m, 1, &last), NULL);
    set(m, n, "keep_dims", "true");
    CaValue *spread = op(m, "Sqrt", op(m, "Add", done(m, n), number(m, 0.25)), NULL);
    /* The variance is rounded at the square of the magnitude. */
    const double square = 4 * made->most * made->most;
    if (pick(m, 2)) { /* its terms are twice the magnitude of x */
        CaValue *f = op(m, "Divide", number(m, 1), spread);
        y = op(m, "Add", op(m, "Multiply", x, f),
               op(m, "Subtract", number(m, 0.5), op(m, "Multiply", f, average)));
        keep(m, y, 8, 4.5, made->error + unit * 4 * (square + 4 * made->most));
        return;
    }
    keep(m, op(m, "Divide", d, spread), 8, 4, made->error + unit * 4 * square);
}

static const Made *same_shape(Maker *m, const Made *x)
{
    for (int tries = 0; tries < 8; tries++) {
        const Made *y = &m->made[pick(m, m->n)];
        if (ca_shape_equal(&x->value->shape, &y->value->shape))
            return y;
    }
    return x;
}

static void join(Maker *m, const Made *x)
{
    const Made *y = same_shape(m, x);
    if (pick(m, 2) || x->value->shape.dims[1] > 8) {
        keep(m, op(m, "Add", x->value, y->value), 1, x->most + y->most,
             x->error + y->error);
        return;
    }
    CaNode *n = node(m, "Concat", x->value, y->value, NULL);
    set(m, n, "axis", "1");
    keep(m, done(m, n), 1, fmax(x->most, y->most), fmax(x->error, y->error));
}

/* --- Other orders of axes. */

/* Mostly as channels-last models have it. */
static void turn(Maker *m, const Made *x)
{
    static const int64_t orders[][4] = {{0, 2, 3, 1}, {0, 2, 3, 1}, {0, 3, 1, 2},
                                        {0, 3, 1, 2}, {0, 2, 1, 3}, {1, 0, 3, 2}};
    keep(m, op(m, "Transpose", x->value, ints(m, 4, orders[pick(m, 6)])), 1, x->most,
         x->error);
}

static CaValue *axis_of(Maker *m, int64_t axis)
{
    const CarinaShape scalar = {.rank = 0};
    CaValue *c = NULL;
    if (m->status == CARINA_OK)
        m->status = ca_graph_ints(&c, m->g, NULL, NULL, &scalar, &axis, 1, &m->err);
    return c;
}

/* Means, with or without their axes, at times as a gate. */
static void mean(Maker *m, const Made *x)
{
    const CarinaShape s = x->value->shape;
    const int64_t axes[2] = {1 + pick(m, 2), -1}, ones[2] = {axes[0], 3};
    const bool keeps = pick(m, 2);
    CaNode *n = node(m, "ReduceMean", x->value, ints(m, 2, axes), NULL);
    set(m, n, "keep_dims", keeps ? "true" : "false");
    CaValue *y = done(m, n);
    if (!keeps)
        y = op(m, "Unsqueeze", y, ints(m, 2, ones));
    keep(m, y, 1, x->most, x->error);
    if (pick(m, 2)) /* |d(x g)| <= |g| |dx| + |x| |dg|, g below 1 with slope 1/4 */
        keep(m, op(m, "Multiply", x->value, op(m, "Sigmoid", y, NULL)), 1 + x->most / 4,
             x->most, x->error);
    (void)s;
}

/* Each row sums to 1: a slope of 1/2 at most. */
static void softmax(Maker *m, const Made *x)
{
    static const char *const axes[] = {"1", "2", "3", "-1"};
    CaNode *n = node(m, "SoftMax", x->value, NULL, NULL);
    set(m, n, "axis", axes[pick(m, 4)]);
    keep(m, done(m, n), 1, 1, x->error);
}

/* The halves of an axis change places. */
static void halves(Maker *m, const Made *x)
{
    static const char *const names[] = {"0", "1", "2", "3"};
    const int axis = pick(m, 4);
    CaNode *n = NULL;
    if (x->value->shape.dims[axis] % 2)
        return;
    CaValue *const in[2] = {x->value, axis_of(m, axis)};
    if (m->status == CARINA_OK)
        m->status = ca_graph_add(&n, m->g, NULL, "Split", 1, NULL, in, 2, 2, &m->err);
    set(m, n, "num_splits", "2");
    if (!done(m, n))
        return;
    n = node(m, "Concat", &n->outputs[1], &n->outputs[0], NULL);
    set(m, n, "axis", names[axis]);
    keep(m, done(m, n), 1, x->most, x->error);
}

static void slice(Maker *m, const Made *x)
{
    const CarinaShape s = x->value->shape;
    int64_t first[4], last[4], step[4];
    for (int d = 0; d < 4; d++) {
        first[d] = s.dims[d] > 3 ? pick(m, 2) : 0;
        last[d] = s.dims[d] - (s.dims[d] > 3 ? pick(m, 2) : 0);
        step[d] = 1;
    }
    CaValue *const in[4] = {x->value, ints(m, 4, first), ints(m, 4, last),
                            ints(m, 4, step)};
    CaNode *n = NULL;
    const bool strided = pick(m, 2);
    if (m->status == CARINA_OK)
        m->status = ca_graph_add(&n, m->g, NULL, strided ? "StridedSlice" : "Slice", 0,
                                 NULL, in, 4, 1, &m->err);
    if (strided) {
        set(m, n, "begin_mask", pick(m, 2) ? "0,1,0,1" : "0,0,0,0");
        set(m, n, "end_mask", pick(m, 2) ? "1,0,1,0" : "0,0,0,0");
    }
    keep(m, done(m, n), 1, x->most, x->error);
}

/* One channel of the last or second axis taken, or all of them backwards. */
static void gather(Maker *m, const Made *x)
{
    const int64_t axis = pick(m, 2) ? 1 : 3, n = x->value->shape.dims[axis];
    int64_t at[64];
    for (int64_t i = 0; i < n && i < 64; i++)
        at[i] = n - 1 - i;
    const bool is_one = pick(m, 2);
    CaValue *y = done(m, node(m, "Gather", x->value,
                              is_one ? axis_of(m, 0) : ints(m, n < 64 ? (int)n : 64, at),
                              axis_of(m, axis)));
    if (is_one)
        y = op(m, "Unsqueeze", y, ints(m, 1, &axis));
    keep(m, y, 1, x->most, x->error);
}

static CaValue *reshape(Maker *m, CaValue *x, int n_dims, const int64_t *dims)
{
    CaNode *n = node(m, "Reshape", x, ints(m, n_dims, dims), NULL);
    set(m, n, "special_zero", "false");
    return done(m, n);
}

/* Axes joined, halved, exchanged: shuffled channels, flattened images. */
static void regroup(Maker *m, const Made *x)
{
    static const int64_t swap[5] = {0, 1, 2, 4, 3};
    const int64_t *d = x->value->shape.dims;
    const int64_t image[3] = {d[0], d[1] * d[2], d[3]};
    const int64_t split[5] = {d[0], d[1], d[2], 2, d[3] / 2};
    const CarinaShape s = x->value->shape;
    CaValue *y = x->value;
    if (d[3] % 2 == 0 && pick(m, 2)) {
        y = op(m, "Transpose", reshape(m, y, 5, split), ints(m, 5, swap));
    } else {
        y = op(m, "ReLU", reshape(m, y, 3, image), NULL);
    }
    keep(m, reshape(m, y, 4, s.dims), 1, x->most, x->error);
}

/* All features, through a product. */
static void flatten(Maker *m, const Made *x)
{
    const int64_t *d = x->value->shape.dims, k = d[1] * d[2] * d[3];
    const int64_t flat[2] = {d[0], -1}, dims[2] = {k, 6}, back[4] = {d[0], 1, 2, 3};
    if (k > 512)
        return;
    CaValue *y = reshape(m, x->value, 2, flat);
    if (pick(m, 2))
        y = op(m, "Multiply", y, reals(m, 1, &k, -1, 1));
    y = op(m, "MatMul", op(m, "ReLU", y, NULL), weights(m, 2, dims, k));
    keep(m, reshape(m, y, 4, back), 1, x->most, x->error);
}

/* By the dimensions that x says it has. */
static void like_itself(Maker *m, const Made *x)
{
    CaNode *n = node(m, "Reshape", op(m, "Sigmoid", x->value, NULL),
                     op(m, "ShapeOf", x->value, NULL), NULL);
    set(m, n, "special_zero", "false");
    keep(m, done(m, n), 1, 1, x->error);
}

static void slope(Maker *m, const Made *x)
{
    const int64_t *d = x->value->shape.dims, last[3] = {1, 1, d[3]};
    CaValue *c = pick(m, 2) ? reals(m, 3, last, 0, 1) : reals(m, 1, &d[1], 0, 1);
    keep(m, op(m, "PReLU", x->value, c), 1, x->most, x->error);
}

static void tile(Maker *m, const Made *x)
{
    int64_t repeats[4] = {1, 1, 1, 1};
    const int axis = 1 + pick(m, 3);
    if (x->value->shape.dims[axis] > 4)
        return;
    repeats[axis] = 2;
    keep(m, op(m, "Tile", x->value, ints(m, 4, repeats)), 1, x->most, x->error);
}

/* Constant questions, x the keys and the answers. The scores' slope is the sum of a question, 1, times the scale;
 * weights that differ by d move the answer by 2 d of its magnitude. */
static void attention(Maker *m, const Made *x)
{
    const int64_t *d = x->value->shape.dims, dims[4] = {d[0], d[1], 3, d[3]};
    const double each = 1.0 / (double)d[3], scale = pick(m, 2) ? 0.5 : 1;
    CaValue *q = reals(m, 4, dims, -each, each);
    if (scale != 1)
        q = op(m, "Multiply", q, number(m, scale));
    CaNode *n = node(m, "MatMul", q, x->value, NULL);
    set(m, n, "transpose_b", "true");
    n = node(m, "SoftMax", done(m, n), NULL, NULL);
    set(m, n, "axis", "-1");
    CaValue *y = op(m, "MatMul", done(m, n), x->value);
    keep(m, y, 1 + 2 * x->most, x->most, x->error);
}

/* Halves of the channels, each through a convolution of its own. */
static void groups(Maker *m, const Made *x)
{
    const int64_t c = x->value->shape.dims[1] / 2, dims[4] = {2, c, 1, 1};
    CaValue *const in[2] = {x->value, axis_of(m, 1)};
    CaNode *split = NULL;
    CaValue *y[2] = {NULL, NULL};
    const bool has_end = pick(m, 2);
    if (x->value->shape.dims[1] % 2)
        return;
    if (m->status == CARINA_OK)
        m->status = ca_graph_add(&split, m->g, NULL, "Split", 1, NULL, in, 2, 2, &m->err);
    set(m, split, "num_splits", "2");
    for (int i = 0; i < 2 && done(m, split); i++) {
        CaNode *n = node(m, "Convolution", &split->outputs[i],
                         reals(m, 4, dims, -1.0 / (double)c, 1.0 / (double)c), NULL);
        set_window(m, n, 1, 0);
        set(m, n, "dilations", "1,1");
        y[i] = done(m, n);
        if (has_end)
            y[i] = op(m, "ReLU", y[i], NULL);
    }
    CaNode *n = node(m, "Concat", y[0], y[1], NULL);
    set(m, n, "axis", "1");
    keep(m, done(m, n), 1, x->most, x->error);
}

/* A convolution, something pointwise, and a 1x1 convolution that skips half of it. */
static void stride(Maker *m, const Made *x)
{
    const int64_t c = x->value->shape.dims[1], dims[4] = {4, c, 1, 1},
                  back[4] = {2, 4, 1, 1};
    CaNode *n = node(m, "Convolution", x->value, weights(m, 4, dims, c), NULL);
    set_window(m, n, 1, 0);
    set(m, n, "dilations", "1,1");
    CaValue *y = op(m, "ReLU", done(m, n), NULL);
    if (c == 4 && pick(m, 2))
        y = op(m, "Add", op(m, "Multiply", y, number(m, 0.5)),
               op(m, "Multiply", x->value, number(m, 0.5)));
    n = node(m, "Convolution", y, weights(m, 4, back, 4), NULL);
    set_window(m, n, 2, 0);
    set(m, n, "dilations", "1,1");
    keep(m, done(m, n), 1, x->most, x->error);
}

/* Through the last axis of all others joined. */
static void tensordot(Maker *m, const Made *x)
{
    const CarinaShape s = x->value->shape;
    const int64_t k = s.dims[3], dims[2] = {k, 3}, flat[2] = {-1, k};
    const int64_t back[4] = {s.dims[0], s.dims[1], s.dims[2], 3};
    CaValue *y = op(m, "MatMul", reshape(m, x->value, 2, flat), weights(m, 2, dims, k));
    keep(m, reshape(m, y, 4, back), 1, x->most, x->error);
}

static void arrange(Maker *m, const Made *x)
{
    static void (*const kinds[])(Maker *, const Made *) = {
        mean,        softmax, halves, slice,     gather, regroup, flatten,
        like_itself, slope,   tile,   attention, groups, stride,  tensordot};
    kinds[pick(m, (int)(sizeof kinds / sizeof *kinds))](m, x);
}

static void step(Maker *m)
{
    static void (*const steps[])(Maker *, const Made *) = {
        linear,     linear,     linear, convolution, convolution, convolution, batch_norm,
        activation, activation, pool,   pad,         move,        product,     layer_norm,
        join,       turn,       turn,   turn,        arrange,     arrange,     arrange};
    /* Mostly the newest, so that chains grow. */
    const Made x = m->made[pick(m, 4) ? m->n - 1 : pick(m, m->n)];
    steps[pick(m, (int)(sizeof steps / sizeof *steps))](m, &x);
}

/* Returns the tolerance. */
static double make(Maker *m, uint64_t seed)
{
    CaValue *x = NULL;
    double error = 0;
    memset(m, 0, sizeof *m);
    m->state = seed;
    m->status = ca_graph_create(&m->g, &m->err);
    const int64_t dims[4] = {1 + pick(m, 2), pick(m, 2) ? 2 : 4, 3 + pick(m, 4),
                             3 + pick(m, 4)};
    const CarinaShape s = ca_shape(4, dims);
    if (m->status == CARINA_OK)
        m->status = ca_graph_parameter(&x, m->g, "x", CARINA_F32, &s, &m->err);
    keep(m, x, 0, 2, 0);
    m->made[0].error = 0;
    for (int i = 4 + pick(m, 12); i > 0 && m->status == CARINA_OK; i--)
        step(m);
    for (int i = 0, at = m->n - 1; i < 2 && at > 0 && m->status == CARINA_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "out%d", i);
        m->status = ca_graph_result(m->g, name, m->made[at].value, &m->err);
        error = fmax(error, m->made[at].error);
        at = pick(m, m->n);
    }
    return 8 * error;
}

static int n_transposes(const CaGraph *g)
{
    int n = 0;
    CA_EACH_NODE(node, g)
        n += ca_node_is(node, "Transpose");
    return n;
}

/* pass NULL: all. */
static bool holds(const Maker *m, const CaPass *pass, double tolerance, uint64_t seed,
                  int *n_fired)
{
    CaGraph *g = NULL;
    CarinaError err = {0};
    int n = 0;
    double most, diff = INFINITY;
    const char *fault = NULL;
    CarinaStatus status = ca_graph_copy(&g, m->g, &err);
    if (status == CARINA_OK)
        status = ca_graph_infer(g, &err);
    if (status == CARINA_OK)
        status = pass ? pass->run(g, &n, &err) : ca_passes_run(g, NULL, NULL, NULL, &err);
    if (status == CARINA_OK) {
        diff = graph_diff(m->g, g, seed, 2, &most);
        fault = graph_fault(g);
    }
    *n_fired += n;
    if (status == CARINA_OK && n_transposes(g) > n_transposes(m->g))
        fault = "there are more Transposes than before";
    const bool is_good = status == CARINA_OK && diff <= tolerance && !fault;
    if (!is_good) {
        CaText t = {.limit = 1 << 20};
        ca_ir_text(&t, m->g);
        ca_text_add(&t, "--- after:\n");
        if (g)
            ca_ir_text(&t, g);
        printf("seed %llu, pass %s: differs by %g, tolerance %g; %s\n%s",
               (unsigned long long)seed, pass ? pass->name : "all", diff, tolerance,
               fault ? fault : err.text, t.data);
        ca_text_free(&t);
    }
    ca_graph_free(&g);
    return is_good;
}

/* Passes whose patterns the generator does not make have pairs only. */
static bool is_expected(const CaPass *pass)
{
    static const char *const others[] = {"simplify-reshape", "unroll-loops", NULL};
    for (int i = 0; others[i]; i++)
        if (strcmp(others[i], pass->name) == 0)
            return false;
    return true;
}

TEST(passes_keep_what_random_graphs_compute)
{
    enum { MAX_PASSES = 64 };
    bool is_good = true;
    int fired[MAX_PASSES + 1] = {0};
    for (uint64_t seed = 1; seed <= N_GRAPHS && is_good; seed++) {
        Maker m;
        const double tolerance = make(&m, seed);
        is_good = m.status == CARINA_OK;
        if (!is_good)
            printf("seed %llu: %s\n", (unsigned long long)seed, m.err.text);
        for (int i = 0; is_good && i < MAX_PASSES && ca_pass_at(i); i++)
            is_good = holds(&m, ca_pass_at(i), tolerance, seed, &fired[i]);
        is_good = is_good && holds(&m, NULL, tolerance, seed, &fired[MAX_PASSES]);
        ca_graph_free(&m.g);
    }
    CHECK(is_good);
    for (int i = 0; i < MAX_PASSES && ca_pass_at(i); i++) {
        if (!fired[i] && is_expected(ca_pass_at(i)))
            printf("%s changed none of the graphs\n", ca_pass_at(i)->name);
        CHECK(fired[i] || !is_expected(ca_pass_at(i)));
    }
}
