/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: reductions, running sums, the largest and their places.
 */
#include "formats/tensorflow/tf.h"

#include <string.h>

/* A list of axes may be one number. */
static CaValue *list_of(CaBuild *b, CaValue *v)
{
    const int64_t all = -1;
    return ca_build_shape(b, v).rank == 0 ? ca_build_reshape(b, v, &all, 1) : v;
}

static void reduce(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0), *axes = list_of(b, ca_tf_in(c, 1));
    const CarinaShape s = ca_build_shape(b, axes);
    const bool keep = ca_tf_attr_bool(c->r, c->node, "keep_dims", false);
    if (s.rank == 1 && s.dims[0] == 0) { /* reduces nothing */
        ca_tf_out(c, 0,
                  strcmp(c->row->ours, "ReduceL2") == 0 ? ca_build_1(b, "Abs", x) : x);
        return;
    }
    CaValue *v = ca_build_2(b, c->row->ours, x, axes);
    ca_build_set_text(b, v, "keep_dims", keep ? "true" : "false");
    ca_tf_out(c, 0, v);
}

static void half_sum_of_squares(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    const int rank = ca_build_rank(b, x);
    if (b->status != CARINA_OK)
        return;
    CaValue *v = ca_build_2(b, "ReduceSum", ca_build_2(b, "Multiply", x, x),
                            ca_build_iota(b, 0, rank));
    ca_build_set_text(b, v, "keep_dims", "false");
    ca_tf_out(c, 0, ca_build_times(b, v, 0.5));
}

/* --- The largest. Of equal ones the first is taken. */

static CaValue *top_k(CaTfCall *c, CaValue *x, CaValue *k, int64_t axis, const char *mode,
                      bool sorted, CarinaType index)
{
    CaBuild *b = c->b;
    CaValue *const in[] = {x, k};
    CaValue *v = ca_build_make(b, "TopK", in, 2, 2);
    ca_build_set_int(b, v, "axis", axis);
    ca_build_set_text(b, v, "mode", mode);
    ca_build_set_text(b, v, "sort", sorted ? "value" : "index");
    ca_build_set_text(b, v, "index_element_type", carina_type_name(index));
    ca_build_set_text(b, v, "stable", sorted ? "true" : "false");
    return v;
}

static CarinaType index_type(CaTfCall *c, const char *attr, CarinaType absent)
{
    const CarinaType type = ca_tf_type(ca_tf_attr_type(c->r, c->node, attr));
    return type == CARINA_I32 || type == CARINA_I64 ? type
           : type == CARINA_UNKNOWN                 ? absent
                                                    : CARINA_I64;
}

static void arg_extreme(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t axis = 0;
    CaValue *x = ca_tf_in(c, 0);
    if (ca_build_known_ints(b, ca_tf_in(c, 1), &axis, 1) != 1)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "its axis is computed");
    const int at = ca_build_axis(b, axis, ca_build_rank(b, x));
    const CarinaType type = index_type(c, "output_type", CARINA_I64);
    const int64_t where = at;
    CaValue *v = top_k(c, x, ca_build_scalar(b, 1), at, c->row->ours, true, type);
    if (!ca_build_settle(b) || !v)
        return;
    ca_tf_out(c, 0, ca_build_2(b, "Squeeze", v + 1, ca_build_vector(b, &where, 1)));
}

static void largest(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    const int rank = ca_build_rank(b, x);
    CaValue *k = strcmp(c->node->op, "TopK") == 0
                     ? ca_build_scalar(b, ca_tf_attr_int(c->r, c->node, "k", 1))
                     : ca_build_to_scalar(b, ca_tf_in(c, 1));
    /* Not sorted: any order is right, and a fixed one is better than any. */
    CaValue *v = top_k(c, x, k, rank > 0 ? rank - 1 : 0, "max", true,
                       index_type(c, "index_type", CARINA_I32));
    if (!ca_build_settle(b) || !v)
        return;
    ca_tf_out(c, 0, v);
    ca_tf_out(c, 1, v + 1);
}

/* Is the target's prediction one of the k largest? Predictions [N, C], targets [N]. */
static void in_top(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t last = -1;
    CaValue *x = ca_tf_in(c, 0), *targets = ca_tf_in(c, 1);
    CaValue *k = c->n_in > 2 ? ca_build_to_scalar(b, c->in[2])
                             : ca_build_scalar(b, ca_tf_attr_int(c->r, c->node, "k", 1));
    CaValue *column = ca_build_2(b, "Unsqueeze", targets, ca_build_vector(b, &last, 1));
    CaValue *own = ca_build_2(b, "GatherElements", x, column);
    ca_build_set_int(b, own, "axis", 1);
    CaValue *above = ca_build_convert(b, ca_build_2(b, "Greater", x, own), CARINA_I64);
    CaValue *count = ca_build_2(b, "ReduceSum", above, ca_build_vector(b, &last, 1));
    ca_build_set_text(b, count, "keep_dims", "false");
    ca_tf_out(c, 0, ca_build_2(b, "Less", count, ca_build_convert(b, k, CARINA_I64)));
}

static void running_sum(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *v =
        ca_build_2(b, "CumSum", ca_tf_in(c, 0), ca_build_to_scalar(b, ca_tf_in(c, 1)));
    const bool exclusive = ca_tf_attr_bool(c->r, c->node, "exclusive", false),
               reverse = ca_tf_attr_bool(c->r, c->node, "reverse", false);
    ca_build_set_text(b, v, "exclusive", exclusive ? "true" : "false");
    ca_build_set_text(b, v, "reverse", reverse ? "true" : "false");
    ca_tf_out(c, 0, v);
}

/* x moved along an axis by n places, in front of it ones. */
static CaValue *moved(CaTfCall *c, CaValue *x, int64_t axis, int64_t n, int64_t length)
{
    CaBuild *b = c->b;
    const int64_t zero = 0, one = 1, end = length - n;
    CarinaShape s = ca_build_shape(b, x);
    int64_t before[CARINA_MAX_RANK] = {0}, behind[CARINA_MAX_RANK] = {0};
    CaValue *const cut[] = {x, ca_build_vector(b, &zero, 1), ca_build_vector(b, &end, 1),
                            ca_build_vector(b, &one, 1), ca_build_vector(b, &axis, 1)};
    before[axis] = n;
    CaValue *const in[] = {ca_build_make(b, "Slice", cut, 5, 1),
                           ca_build_vector(b, before, s.rank),
                           ca_build_vector(b, behind, s.rank), ca_build_number(b, x, 1)};
    CaValue *v = ca_build_make(b, "Pad", in, 4, 1);
    ca_build_set_text(b, v, "pad_mode", "constant");
    return v;
}

static CaValue *turned(CaTfCall *c, CaValue *x, int64_t axis)
{
    CaValue *v = ca_build_2(c->b, "Reverse", x, ca_build_vector(c->b, &axis, 1));
    ca_build_set_text(c->b, v, "mode", "index");
    return v;
}

/* Products up to each place: windows of 1, 2, 4 ... elements times those before them. */
static void running_product(CaTfCall *c)
{
    CaBuild *b = c->b;
    const bool exclusive = ca_tf_attr_bool(c->r, c->node, "exclusive", false),
               reverse = ca_tf_attr_bool(c->r, c->node, "reverse", false);
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    int64_t axis = 0;
    const bool known = ca_build_known_ints(b, ca_tf_in(c, 1), &axis, 1) == 1;
    axis = known && s.rank > 0 ? ca_build_axis(b, axis, s.rank) : 0;
    const int64_t length = s.rank > 0 ? s.dims[axis] : -1;
    if (!known || length < 1 || length > INT32_MAX) {
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "the length of its axis is not known; give the model's input shape");
        return;
    }
    CaValue *v = reverse ? turned(c, x, axis) : x;
    if (exclusive)
        v = moved(c, v, axis, 1, length);
    for (int64_t n = 1; n < length && b->status == CARINA_OK; n *= 2)
        v = ca_build_2(b, "Multiply", v, moved(c, v, axis, n, length));
    ca_tf_out(c, 0, reverse ? turned(c, v, axis) : v);
}

const CaTfOp ca_tf_reduce[] = {
    {"All", reduce, "ReduceLogicalAnd", 0},
    {"Any", reduce, "ReduceLogicalOr", 0},
    {"ArgMax", arg_extreme, "max", 0},
    {"ArgMin", arg_extreme, "min", 0},
    {"Cumprod", running_product, NULL, 0},
    {"Cumsum", running_sum, NULL, 0},
    {"EuclideanNorm", reduce, "ReduceL2", 0},
    {"InTopK", in_top, NULL, 0},
    {"InTopKV2", in_top, NULL, 0},
    {"L2Loss", half_sum_of_squares, NULL, 0},
    {"Max", reduce, "ReduceMax", 0},
    {"Mean", reduce, "ReduceMean", 0},
    {"Min", reduce, "ReduceMin", 0},
    {"Prod", reduce, "ReduceProd", 0},
    {"Sum", reduce, "ReduceSum", 0},
    {"TopK", largest, NULL, 0},
    {"TopKV2", largest, NULL, 0},
    {NULL, NULL, NULL, 0},
};
