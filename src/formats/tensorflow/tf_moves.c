/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: shapes, and what puts elements elsewhere or repeats them.
 */
#include "formats/tensorflow/tf_layout.h"

#include <string.h>

/* A list of axes may be one number. */
static CaValue *list_of(CaBuild *b, CaValue *v)
{
    const int64_t all = -1;
    return ca_build_shape(b, v).rank == 0 ? ca_build_reshape(b, v, &all, 1) : v;
}

/* --- Shapes. */

static CarinaType out_type(CaTfCall *c, const char *attr)
{
    const CarinaType type = ca_tf_type(ca_tf_attr_type(c->r, c->node, attr));
    return type == CARINA_UNKNOWN ? CARINA_I32 : type;
}

static CaValue *shape_of(CaBuild *b, CaValue *x, CarinaType type)
{
    CaValue *v = ca_build_1(b, "ShapeOf", x);
    ca_build_set_text(b, v, "output_type", carina_type_name(type));
    return v;
}

static void shape(CaTfCall *c)
{
    for (int i = 0; i < c->n_in; i++) /* ShapeN has one output for each input */
        ca_tf_out(c, i, shape_of(c->b, ca_tf_in(c, i), out_type(c, "out_type")));
}

static void size(CaTfCall *c)
{
    const int64_t axis = 0;
    CaValue *v = ca_build_2(c->b, "ReduceProd",
                            shape_of(c->b, ca_tf_in(c, 0), out_type(c, "out_type")),
                            ca_build_vector(c->b, &axis, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    ca_tf_out(c, 0, v);
}

static void rank(CaTfCall *c)
{
    const int n = ca_build_rank(c->b, ca_tf_in(c, 0));
    ca_tf_out(c, 0, ca_build_convert(c->b, ca_build_scalar(c->b, n), CARINA_I32));
}

/* A shape that is computed from others' stays so: another batch then needs no other model. One dimension of it that is
 * not known among others that are is what is left. */
static void reshape(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t dims[CARINA_MAX_RANK];
    int n_free = 0, n_zero = 0;
    CaValue *x = ca_tf_in(c, 0), *to = ca_tf_in(c, 1);
    if (!ca_build_settle(b))
        return;
    const bool is_computed = to->constant && !ca_node_is(to->node, "Const");
    const int n = is_computed ? -1 : ca_tf_some_ints(c, 1, dims, CARINA_MAX_RANK);
    for (int i = 0; i < n; i++) {
        n_free += dims[i] < 0;
        n_zero += dims[i] == 0;
    }
    if (n >= 0 && n_free <= 1 && (n_zero == 0 || n_free == 0)) {
        ca_tf_out(c, 0, ca_build_reshape(b, x, dims, n));
        return;
    }
    CaValue *v = ca_build_2(b, "Reshape", x, to);
    ca_build_set_text(b, v, "special_zero", "false");
    ca_tf_out(c, 0, v);
}

static void expand_dims(CaTfCall *c)
{
    ca_tf_out(
        c, 0,
        ca_build_2(c->b, "Unsqueeze", ca_tf_in(c, 0), list_of(c->b, ca_tf_in(c, 1))));
}

static void squeeze(CaTfCall *c)
{
    int64_t axes[CARINA_MAX_RANK];
    int n = ca_tf_attr_ints(c->r, c->node, "squeeze_dims", axes, CARINA_MAX_RANK);
    if (n < 0)
        n = ca_tf_attr_ints(c->r, c->node, "axis", axes, CARINA_MAX_RANK);
    CaValue *x = ca_tf_in(c, 0);
    ca_tf_out(c, 0,
              n > 0 ? ca_build_2(c->b, "Squeeze", x, ca_build_vector(c->b, axes, n))
                    : ca_build_1(c->b, "Squeeze", x));
}

static void transpose(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t order[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    const int n = ca_build_known_ints(b, ca_tf_in(c, 1), order, CARINA_MAX_RANK);
    uint32_t seen = 0;
    if (n < 0) {
        ca_tf_out(c, 0, ca_build_2(b, "Transpose", x, ca_tf_in(c, 1)));
        return;
    }
    for (int i = 0; i < n; i++) {
        const int64_t to = order[i] < 0 ? order[i] + n : order[i];
        perm[i] = (int)to;
        if (to < 0 || to >= n || (seen >> to & 1) || (s.rank >= 0 && s.rank != n)) {
            ca_build_fail(b, CARINA_ERR_SHAPE,
                          "its permutation of %d axes does not fit its input", n);
            return;
        }
        seen |= 1u << to;
    }
    ca_tf_out(c, 0, ca_build_transpose(b, x, perm, n));
}

static void invert_permutation(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    const CarinaType type = ca_build_type(b, x);
    CaValue *const limits[] = {ca_build_scalar(b, 0),
                               ca_build_to_scalar(b, shape_of(b, x, CARINA_I64)),
                               ca_build_scalar(b, 1)};
    CaValue *places = ca_build_make(b, "Range", limits, 3, 1);
    ca_build_set_text(b, places, "output_type", carina_type_name(type));
    CaValue *const in[] = {x, x, places, ca_build_scalar(b, 0)};
    ca_tf_out(c, 0, ca_build_make(b, "ScatterElementsUpdate", in, 4, 1));
}

/* --- Joining and cutting. */

static CaValue *joined(CaBuild *b, CaValue *const *in, int n, int64_t axis)
{
    if (n == 1)
        return in[0];
    CaValue *v = ca_build_make(b, "Concat", in, n, 1);
    ca_build_set_int(b, v, "axis", axis);
    return v;
}

static void concat(CaTfCall *c)
{
    const bool axis_first = strcmp(c->node->op, "Concat") == 0;
    int64_t axis = 0;
    if (c->n_in < 2)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "nothing to join; the file is damaged");
    else if (ca_build_known_ints(c->b, c->in[axis_first ? 0 : c->n_in - 1], &axis, 1) !=
             1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "its axis is computed");
    else
        ca_tf_out(c, 0, joined(c->b, c->in + axis_first, c->n_in - 1, axis));
}

static void pack(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t axis = ca_tf_attr_int(c->r, c->node, "axis", 0);
    CaValue **parts = ca_arena_array(b->work, (size_t)c->n_in + 1, sizeof *parts);
    if (!parts || c->n_in == 0) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "nothing to join; the file is damaged");
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        parts[i] =
            ca_build_2(b, "Unsqueeze", ca_tf_in(c, i), ca_build_vector(b, &axis, 1));
    ca_tf_out(c, 0, joined(b, parts, c->n_in, axis));
}

static CaValue *split_evenly(CaTfCall *c, CaValue *x, CaValue *axis, int64_t n)
{
    if (n < 1 || n > CA_MAX_PORTS) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%lld parts; the file is damaged",
                      (long long)n);
        return NULL;
    }
    CaValue *v = ca_build_make(c->b, "Split", (CaValue *[]){x, axis}, 2, (int)n);
    ca_build_set_int(c->b, v, "num_splits", n);
    return ca_build_settle(c->b) ? v : NULL;
}

static void unpack(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t axis = ca_tf_attr_int(c->r, c->node, "axis", 0),
                  n = ca_tf_attr_int(c->r, c->node, "num", 0);
    CaValue *v = split_evenly(c, ca_tf_in(c, 0), ca_build_scalar(b, axis), n);
    for (int i = 0; v && i < n; i++)
        if (ca_tf_out_used(c, i))
            ca_tf_out(c, i,
                      ca_build_2(b, "Squeeze", v + i, ca_build_vector(b, &axis, 1)));
}

static void split(CaTfCall *c)
{
    const int64_t n = ca_tf_attr_int(c->r, c->node, "num_split", 0);
    CaValue *v =
        split_evenly(c, ca_tf_in(c, 1), ca_build_to_scalar(c->b, ca_tf_in(c, 0)), n);
    for (int i = 0; v && i < n; i++)
        ca_tf_out(c, i, v + i);
}

static void split_by_sizes(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t n = ca_tf_attr_int(c->r, c->node, "num_split", 0);
    if (n < 1 || n > CA_MAX_PORTS) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "%lld parts; the file is damaged",
                      (long long)n);
        return;
    }
    CaValue *const in[] = {ca_tf_in(c, 0), ca_build_to_scalar(b, ca_tf_in(c, 2)),
                           ca_tf_in(c, 1)};
    CaValue *v = ca_build_make(b, "VariadicSplit", in, 3, (int)n);
    for (int i = 0; ca_build_settle(b) && v && i < n; i++)
        ca_tf_out(c, i, v + i);
}

/* --- Repeating. */

static void tile(CaTfCall *c)
{
    ca_tf_out(c, 0, ca_build_2(c->b, "Tile", ca_tf_in(c, 0), ca_tf_in(c, 1)));
}

static CaValue *broadcast(CaBuild *b, CaValue *v, CaValue *to)
{
    CaValue *out = ca_build_2(b, "Broadcast", v, to);
    ca_build_set_text(b, out, "mode", "numpy");
    return out;
}

static void fill(CaTfCall *c)
{
    ca_tf_out(c, 0, broadcast(c->b, ca_tf_in(c, 1), ca_tf_in(c, 0)));
}
static void broadcast_to(CaTfCall *c)
{
    ca_tf_out(c, 0, broadcast(c->b, ca_tf_in(c, 0), ca_tf_in(c, 1)));
}
static void constant_like(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    CaValue *value = ca_build_number(b, x, strcmp(c->node->op, "OnesLike") == 0);
    CaValue *to = ca_shape_is_static(&s) ? ca_build_vector(b, s.dims, s.rank)
                                         : shape_of(b, x, CARINA_I64);
    ca_tf_out(c, 0, broadcast(b, value, to));
}

static void range(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *const in[] = {ca_build_to_scalar(b, ca_tf_in(c, 0)),
                           ca_build_to_scalar(b, ca_tf_in(c, 1)),
                           ca_build_to_scalar(b, ca_tf_in(c, 2))};
    const CarinaType type = ca_build_type(b, in[0]);
    CaValue *v = ca_build_make(b, "Range", in, 3, 1);
    ca_build_set_text(b, v, "output_type", carina_type_name(type));
    ca_tf_out(c, 0, v);
}

/* start + i (stop - start) / (n - 1) */
static void lin_space(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *start = ca_build_to_scalar(b, ca_tf_in(c, 0)),
            *stop = ca_build_to_scalar(b, ca_tf_in(c, 1)),
            *n = ca_build_convert(b, ca_build_to_scalar(b, ca_tf_in(c, 2)), CARINA_I64);
    const CarinaType type = ca_build_type(b, start);
    CaValue *const limits[] = {ca_build_scalar(b, 0), n, ca_build_scalar(b, 1)};
    CaValue *v = ca_build_make(b, "Range", limits, 3, 1);
    ca_build_set_text(b, v, "output_type", carina_type_name(type));
    CaValue *gaps =
        ca_build_2(b, "Maximum", ca_build_plus(b, n, -1), ca_build_scalar(b, 1));
    CaValue *step = ca_build_2(b, "Divide", ca_build_2(b, "Subtract", stop, start),
                               ca_build_convert(b, gaps, type));
    ca_tf_out(c, 0, ca_build_2(b, "Add", start, ca_build_2(b, "Multiply", v, step)));
}

static void one_hot(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *index = ca_tf_in(c, 0);
    CaValue *const in[] = {index,
                           ca_build_convert(b, ca_build_to_scalar(b, ca_tf_in(c, 1)),
                                            ca_build_type(b, index)),
                           ca_build_to_scalar(b, ca_tf_in(c, 2)),
                           ca_build_to_scalar(b, ca_tf_in(c, 3))};
    CaValue *v = ca_build_make_at(b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(b, v, "axis", ca_tf_attr_int(c->r, c->node, "axis", -1));
    ca_tf_out(c, 0, v);
}

/* --- Around and backwards. */

/* Rows of two numbers, an axis each: in front of it, behind it. */
static void pad(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t pairs[2 * CARINA_MAX_RANK], begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    CaValue *x = ca_tf_in(c, 0), *begins, *ends;
    const bool mirror = strcmp(c->node->op, "MirrorPad") == 0;
    const int n = ca_build_known_ints(b, ca_tf_in(c, 1), pairs, 2 * CARINA_MAX_RANK);
    for (int i = 0; i < n / 2; i++) {
        begin[i] = pairs[2 * i];
        end[i] = pairs[2 * i + 1];
    }
    if (n >= 0) {
        begins = ca_build_vector(b, begin, n / 2);
        ends = ca_build_vector(b, end, n / 2);
    } else {
        begins = ca_build_3(b, "Gather", ca_tf_in(c, 1), ca_build_scalar(b, 0),
                            ca_build_scalar(b, 1));
        ends = ca_build_3(b, "Gather", ca_tf_in(c, 1), ca_build_scalar(b, 1),
                          ca_build_scalar(b, 1));
    }
    CaValue *value = mirror            ? NULL
                     : ca_tf_opt(c, 2) ? ca_build_to_scalar(b, c->in[2])
                                       : ca_build_number(b, x, 0);
    CaValue *const in[] = {x, begins, ends, value};
    CaValue *v = ca_build_make_at(b, "Pad", 1, in, mirror ? 3 : 4, 1);
    const char *mode = mirror ? ca_tf_attr_text(c->r, c->node, "mode", "") : "CONSTANT";
    ca_build_set_text(b, v, "pad_mode",
                      strcmp(mode, "REFLECT") == 0     ? "reflect"
                      : strcmp(mode, "SYMMETRIC") == 0 ? "symmetric"
                                                       : "constant");
    ca_tf_out(c, 0, v);
}

static void reverse(CaTfCall *c)
{
    CaValue *v = ca_build_2(c->b, "Reverse", ca_tf_in(c, 0), ca_tf_in(c, 1));
    ca_build_set_text(c->b, v, "mode", c->row->ours);
    ca_tf_out(c, 0, v);
}

static void reverse_sequence(CaTfCall *c)
{
    CaValue *v = ca_build_2(c->b, "ReverseSequence", ca_tf_in(c, 0), ca_tf_in(c, 1));
    ca_build_set_int(c->b, v, "batch_axis",
                     ca_tf_attr_int(c->r, c->node, "batch_dim", 0));
    ca_build_set_int(c->b, v, "seq_axis", ca_tf_attr_int(c->r, c->node, "seq_dim", 0));
    ca_tf_out(c, 0, v);
}

/* [from, to) of one axis. */
static CaValue *part(CaBuild *b, CaValue *v, int64_t from, int64_t to, int64_t axis)
{
    const int64_t one = 1;
    CaValue *const in[] = {v, ca_build_vector(b, &from, 1), ca_build_vector(b, &to, 1),
                           ca_build_vector(b, &one, 1), ca_build_vector(b, &axis, 1)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

static void roll(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t shifts[CARINA_MAX_RANK], axes[CARINA_MAX_RANK];
    CaValue *v = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, v);
    const int n = ca_build_known_ints(b, ca_tf_in(c, 1), shifts, CARINA_MAX_RANK),
              n_axes = ca_build_known_ints(b, ca_tf_in(c, 2), axes, CARINA_MAX_RANK);
    if (n < 0 || n != n_axes)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "its shift or axis is computed");
    for (int i = 0; i < n && b->status == CARINA_OK; i++) {
        const int axis = ca_build_axis(b, axes[i], s.rank < 0 ? 0 : s.rank);
        const int64_t length = b->status == CARINA_OK ? s.dims[axis] : 0;
        if (length < 0)
            ca_build_fail(
                b, CARINA_ERR_SHAPE,
                "the length it turns is not known; give the model's input shape");
        if (length <= 0 || shifts[i] % length == 0)
            continue;
        const int64_t by = (shifts[i] % length + length) % length;
        CaValue *const both[] = {part(b, v, length - by, length, axis),
                                 part(b, v, 0, length - by, axis)};
        v = joined(b, both, 2, axis);
    }
    ca_tf_out(c, 0, v);
}

const CaTfOp ca_tf_moves[] = {
    {"BroadcastTo", broadcast_to, NULL, 0},
    {"Concat", concat, NULL, 0},
    {"ConcatV2", concat, NULL, 0},
    {"ConjugateTranspose", transpose, NULL, 0},
    {"ExpandDims", expand_dims, NULL, 0},
    {"Fill", fill, NULL, 0},
    {"InvertPermutation", invert_permutation, NULL, 0},
    {"LinSpace", lin_space, NULL, 0},
    {"MirrorPad", pad, NULL, 0},
    {"OneHot", one_hot, NULL, 0},
    {"OnesLike", constant_like, NULL, 0},
    {"Pack", pack, NULL, 0},
    {"Pad", pad, NULL, 0},
    {"PadV2", pad, NULL, 0},
    {"Range", range, NULL, 0},
    {"Rank", rank, NULL, 0},
    {"Reshape", reshape, NULL, 0},
    {"Reverse", reverse, "mask", 0},
    {"ReverseSequence", reverse_sequence, NULL, 0},
    {"ReverseV2", reverse, "index", 0},
    {"Roll", roll, NULL, 0},
    {"Shape", shape, NULL, 0},
    {"ShapeN", shape, NULL, 0},
    {"Size", size, NULL, 0},
    {"Split", split, NULL, 0},
    {"SplitV", split_by_sizes, NULL, 0},
    {"Squeeze", squeeze, NULL, 0},
    {"Tile", tile, NULL, 0},
    {"Transpose", transpose, NULL, 0},
    {"Unpack", unpack, NULL, 0},
    {"ZerosLike", constant_like, NULL, 0},
    {NULL, NULL, NULL, 0},
};
