/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: reductions, sorting, indexing, products of matrices, arrays that are made from nothing.
 *
 * Indices are often floats here; they are converted.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <math.h>
#include <string.h>

enum { MAX_INDEX = 1 << 20 };

/* --- Reductions. */

/* Attribute axis: those, or with `exclude` all others; all where there are none. */
static int axes_of(CaMxnetCall *c, const char *key, int64_t *axes, int rank)
{
    int64_t list[CARINA_MAX_RANK];
    bool chosen[CARINA_MAX_RANK] = {false};
    const int n = ca_mxnet_list(c, key, list, CARINA_MAX_RANK);
    const bool others = ca_mxnet_flag(c, "exclude", false) || n <= 0;
    int n_out = 0;
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++)
        chosen[ca_build_axis(c->b, list[i], rank)] = true;
    for (int i = 0; i < rank; i++)
        if (chosen[i] != others)
            axes[n_out++] = i;
    return n_out;
}

static CaValue *axes_vector(CaMxnetCall *c, const char *key, CaValue *x)
{
    int64_t axes[CARINA_MAX_RANK];
    const int n = axes_of(c, key, axes, ca_build_rank(c->b, x));
    return ca_build_vector(c->b, axes, n);
}

static void reduce(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    const bool keep = ca_mxnet_flag(c, "keepdims", false);
    CaValue *v = ca_mxnet_reduce(c->b, c->op->ours, x, axes_vector(c, "axis", x), keep);
    ca_mxnet_out(
        c, ca_build_convert(c->b, v, ca_mxnet_dtype(c, "dtype", ca_build_type(c->b, v))));
}

/* NaN counts as what changes nothing. */
static void reduce_numbers(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const bool is_sum = strcmp(c->op->ours, "ReduceSum") == 0;
    CaValue *is_nan = ca_build_2(b, "NotEqual", x, x);
    CaValue *v =
        ca_build_3(b, "Select", is_nan, ca_build_number(b, x, is_sum ? 0 : 1), x);
    ca_mxnet_out(c, ca_mxnet_reduce(b, c->op->ours, v, axes_vector(c, "axis", x),
                                    ca_mxnet_flag(c, "keepdims", false)));
}

static void norm(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    const int64_t ord = ca_mxnet_int(c, "ord", 2);
    if (ord != 1 && ord != 2)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "ord %lld; Carina has 1 and 2",
                      (long long)ord);
    ca_mxnet_out(c, ca_mxnet_reduce(c->b, ord == 1 ? "ReduceL1" : "ReduceL2", x,
                                    axes_vector(c, "axis", x),
                                    ca_mxnet_flag(c, "keepdims", false)));
}

static CaValue *variance(CaBuild *b, CaValue *x, CaValue *mean, CaValue *axes, bool keep)
{
    CaValue *d = ca_build_2(b, "Subtract", x, mean);
    return ca_mxnet_reduce(b, "ReduceMean", ca_build_2(b, "Multiply", d, d), axes, keep);
}

static void moments(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *axes = axes_vector(c, "axes", x);
    const bool keep = ca_mxnet_flag(c, "keepdims", false);
    CaValue *wide = ca_mxnet_reduce(b, "ReduceMean", x, axes, true);
    CaValue *mean = keep ? wide : ca_mxnet_reduce(b, "ReduceMean", x, axes, false);
    CaValue *const out[] = {mean, variance(b, x, wide, axes, keep)};
    ca_mxnet_outs(c, out, 2);
}

static void spread(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *axes = axes_vector(c, "axis", x);
    if (ca_mxnet_int(c, "ddof", 0) != 0)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "ddof, which Carina does not have; use 0");
    CaValue *v = variance(b, x, ca_mxnet_reduce(b, "ReduceMean", x, axes, true), axes,
                          ca_mxnet_flag(c, "keepdims", false));
    ca_mxnet_out(c, strcmp(c->node->op, "_npi_std") == 0 ? ca_build_1(b, "Sqrt", v) : v);
}

/* x, flat where the attribute that names the axis is absent or None; *axis in [0, rank). */
static CaValue *along(CaMxnetCall *c, CaValue *x, int64_t absent, int *axis)
{
    static const int64_t all = -1;
    const bool named = ca_mxnet_attr(c->node, "axis") != NULL;
    bool is_none = false;
    for (int32_t i = 0; i < c->node->n_attrs; i++)
        is_none = is_none || (strcmp(c->node->attrs[i].key, "axis") == 0 && !named);
    if (is_none || (!named && absent == INT64_MIN)) {
        *axis = 0;
        return ca_build_reshape(c->b, x, &all, 1);
    }
    *axis = ca_build_axis(c->b, ca_mxnet_int(c, "axis", absent), ca_build_rank(c->b, x));
    return x;
}

/* --- Sorting. */

static CaValue *top_k(CaBuild *b, CaValue *x, CaValue *k, int axis, bool ascending)
{
    CaValue *const in[] = {x, k};
    CaValue *v = ca_build_make_at(b, "TopK", 11, in, 2, 2);
    ca_build_set_int(b, v, "axis", axis);
    ca_build_set_text(b, v, "mode", ascending ? "min" : "max");
    ca_build_set_text(b, v, "sort", "value");
    ca_build_set_text(b, v, "stable", "true");
    ca_build_set_text(b, v, "index_element_type", "i64");
    return ca_build_settle(b) ? v : NULL;
}

static void arg_extreme(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    const bool channel = strcmp(c->node->op, "argmax_channel") == 0,
               numpy = strncmp(c->node->op, "_npi_", 5) == 0;
    int at = 0;
    CaValue *x = along(c, ca_mxnet_in(c, 0), channel ? 1 : INT64_MIN, &at);
    CaValue *v = top_k(b, x, ca_build_scalar(b, 1), at, strcmp(c->op->ours, "min") == 0);
    const int64_t axis = at;
    if (!v)
        return;
    v = ca_build_convert(b, v + 1, numpy ? CARINA_I64 : CARINA_F32);
    ca_mxnet_out(c, ca_mxnet_flag(c, "keepdims", false)
                        ? v
                        : ca_build_2(b, "Squeeze", v, ca_build_vector(b, &axis, 1)));
}

/* k 0: all of them. */
static CaValue *how_many(CaMxnetCall *c, CaValue *x, int axis, int64_t k)
{
    CaBuild *const b = c->b;
    if (k > 0)
        return ca_build_scalar(b, k);
    return ca_build_3(b, "Gather", ca_mxnet_shape_of(b, x), ca_build_scalar(b, axis),
                      ca_build_scalar(b, 0));
}

static void topk(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    const char *what = ca_mxnet_text(c, "ret_typ", "indices");
    int axis = 0;
    CaValue *x = along(c, ca_mxnet_in(c, 0), -1, &axis);
    CaValue *v = top_k(b, x, how_many(c, x, axis, ca_mxnet_int(c, "k", 1)), axis,
                       ca_mxnet_flag(c, "is_ascend", false));
    const CarinaType type = ca_mxnet_dtype(c, "dtype", CARINA_F32);
    if (!v)
        return;
    CaValue *const index = ca_build_convert(b, v + 1, type);
    CaValue *const both[] = {v, index};
    if (strcmp(what, "both") == 0)
        ca_mxnet_outs(c, both, 2);
    else if (strcmp(what, "value") == 0 || strcmp(what, "indices") == 0)
        ca_mxnet_out(c, strcmp(what, "value") == 0 ? v : index);
    else
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "ret_typ %.20s, which Carina does not have; use indices, value or both",
            what);
}

static void sort(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int axis = 0;
    CaValue *x = along(c, ca_mxnet_in(c, 0), -1, &axis);
    CaValue *v =
        top_k(b, x, how_many(c, x, axis, 0), axis, ca_mxnet_flag(c, "is_ascend", true));
    const CarinaType type = ca_mxnet_dtype(c, "dtype", CARINA_F32);
    if (v)
        ca_mxnet_out(c, strstr(c->node->op, "argsort") ? ca_build_convert(b, v + 1, type)
                                                       : v);
}

static void cum_sum(CaMxnetCall *c)
{
    int axis = 0;
    CaValue *x = along(c, ca_mxnet_in(c, 0), INT64_MIN, &axis);
    ca_mxnet_out(c, ca_build_2(c->b, "CumSum", x, ca_build_scalar(c->b, axis)));
}

/* --- Indexing. */

/* Indices held within [0, n): what lies outside is the nearest. */
static CaValue *held(CaBuild *b, CaValue *index, int64_t n)
{
    CaValue *v = ca_build_1(b, "Clamp", ca_mxnet_index(b, index));
    ca_build_set_real(b, v, "min", 0);
    ca_build_set_real(b, v, "max", (double)(n > 0 ? n - 1 : 0));
    return v;
}

static void take(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *index = ca_mxnet_in(c, 1);
    const CarinaShape s = ca_build_shape(b, x);
    const int axis = ca_build_axis(b, ca_mxnet_int(c, "axis", 0), ca_build_rank(b, x));
    const int64_t n = b->status == CARINA_OK ? s.dims[axis] : 0;
    if (n < 0)
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "the length of its axis %d is not known; give the model's input shape", axis);
    if (b->status != CARINA_OK)
        return;
    if (ca_mxnet_is(c, "mode", "wrap")) {
        index = ca_mxnet_index(b, index);
        index = ca_build_2(b, "FloorMod", index, ca_build_number(b, index, (double)n));
    } else {
        index = held(b, index, n);
    }
    ca_mxnet_out(c, ca_build_3(b, "Gather", x, index, ca_build_scalar(b, axis)));
}

static void embedding(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *table = ca_mxnet_weight(c, 1, "weight");
    const CarinaShape s = ca_build_shape(b, table);
    if (b->status == CARINA_OK && s.rank != 2)
        ca_build_fail(b, CARINA_ERR_SHAPE, "a table of %d dimensions, needs 2", s.rank);
    if (b->status == CARINA_OK)
        ca_mxnet_out(c,
                     ca_build_3(b, "Gather", table, held(b, ca_mxnet_in(c, 0), s.dims[0]),
                                ca_build_scalar(b, 0)));
}

/* One element of each row along an axis. */
static void pick(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int at = 0;
    CaValue *x = along(c, ca_mxnet_in(c, 0), -1, &at), *index = ca_mxnet_in(c, 1);
    const CarinaShape s = ca_build_shape(b, x), t = ca_build_shape(b, index);
    const int64_t axis = at;
    if (b->status == CARINA_OK && (s.rank < 1 || s.dims[at] < 0))
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "the length of its axis is not known; give the model's input shape");
    if (ca_mxnet_is(c, "mode", "wrap"))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "mode wrap; use clip");
    if (b->status != CARINA_OK)
        return;
    index = held(b, index, s.dims[at]);
    if (t.rank == s.rank - 1)
        index = ca_build_2(b, "Unsqueeze", index, ca_build_vector(b, &axis, 1));
    CaValue *v = ca_build_2(b, "GatherElements", x, index);
    ca_build_set_int(b, v, "axis", axis);
    const bool keep = ca_mxnet_flag(c, "keepdims", false);
    ca_mxnet_out(c, keep ? v : ca_build_2(b, "Squeeze", v, ca_build_vector(b, &axis, 1)));
}

static void batch_take(CaMxnetCall *c)
{
    static const int64_t last = 1;
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *index = ca_mxnet_in(c, 1);
    const CarinaShape s = ca_build_shape(b, x);
    if (b->status == CARINA_OK && (s.rank != 2 || s.dims[1] < 0))
        ca_build_fail(b, CARINA_ERR_SHAPE, "needs an input of 2 known dimensions");
    if (b->status != CARINA_OK)
        return;
    index = ca_build_2(b, "Unsqueeze", held(b, index, s.dims[1]),
                       ca_build_vector(b, &last, 1));
    CaValue *v = ca_build_2(b, "GatherElements", x, index);
    ca_build_set_int(b, v, "axis", 1);
    ca_mxnet_out(c, ca_build_2(b, "Squeeze", v, ca_build_vector(b, &last, 1)));
}

/* MXNet's coordinates stand first, ours last. */
static CaValue *coordinates_last(CaBuild *b, CaValue *index)
{
    int perm[CARINA_MAX_RANK];
    const int rank = ca_build_rank(b, index);
    for (int i = 0; i < rank; i++)
        perm[i] = (i + 1) % rank;
    return ca_build_transpose(b, ca_mxnet_index(b, index), perm, rank);
}

static void gather_nd(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(
        c, ca_build_2(c->b, "GatherND", x, coordinates_last(c->b, ca_mxnet_in(c, 1))));
}

static CaValue *filled(CaBuild *b, CaValue *number, const int64_t *dims, int n)
{
    return ca_build_2(b, "Broadcast", number, ca_build_vector(b, dims, n));
}

static void scatter_nd(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int64_t dims[CARINA_MAX_RANK];
    const int n = ca_mxnet_list(c, "shape", dims, CARINA_MAX_RANK);
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *zeros = filled(b, ca_build_number(b, x, 0), dims, n < 0 ? 0 : n);
    ca_mxnet_out(c, ca_build_3(b, "ScatterNDUpdate", zeros,
                               coordinates_last(b, ca_mxnet_in(c, 1)), x));
}

static void one_hot(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    const CarinaType type = ca_mxnet_dtype(c, "dtype", CARINA_F32);
    CaValue *on = ca_build_number(b, NULL, ca_mxnet_real(c, "on_value", 1));
    CaValue *off = ca_build_number(b, NULL, ca_mxnet_real(c, "off_value", 0));
    CaValue *index = ca_mxnet_index(b, ca_mxnet_in(c, 0));
    CaValue *const in[] = {index, ca_build_scalar(b, ca_mxnet_int(c, "depth", 0)),
                           ca_build_convert(b, on, type), ca_build_convert(b, off, type)};
    CaValue *v = ca_build_make_at(b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(b, v, "axis", -1);
    ca_mxnet_out(c, v);
}

/* --- Products. */

/* The last of a with the first of b, whatever their ranks. */
static CaValue *any_dot(CaMxnetCall *c, CaValue *x, CaValue *y)
{
    CaBuild *const b = c->b;
    const CarinaShape s = ca_build_static_shape(b, x), t = ca_build_static_shape(b, y);
    int64_t dims[2 * CARINA_MAX_RANK];
    int64_t n_x = 0, n_y = 0;
    int n = 0;
    if (b->status == CARINA_OK &&
        (!ca_shape_count(&s, &n_x) || !ca_shape_count(&t, &n_y) || s.rank < 1 ||
         t.rank < 1 || s.rank + t.rank - 2 > CARINA_MAX_RANK))
        ca_build_fail(b, CARINA_ERR_SHAPE, "a product of %d and %d dimensions", s.rank,
                      t.rank);
    if (b->status != CARINA_OK)
        return NULL;
    const int64_t left[] = {ca_shape_product(&s, 0, s.rank - 1), s.dims[s.rank - 1]};
    const int64_t right[] = {t.dims[0], ca_shape_product(&t, 1, t.rank)};
    for (int i = 0; i < s.rank - 1; i++)
        dims[n++] = s.dims[i];
    for (int i = 1; i < t.rank; i++)
        dims[n++] = t.dims[i];
    CaValue *v = ca_mxnet_matmul(b, ca_build_reshape(b, x, left, 2),
                                 ca_build_reshape(b, y, right, 2), false, false);
    return ca_build_reshape(b, v, dims, n);
}

static void dot(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *y = ca_mxnet_in(c, 1);
    const bool tx = ca_mxnet_flag(c, "transpose_a", false),
               ty = ca_mxnet_flag(c, "transpose_b", false);
    const int rx = ca_build_rank(b, x), ry = ca_build_rank(b, y);
    if ((rx > 2 && tx) || (ry > 2 && ty))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "transposed operands of %d and %d dimensions; transpose before it",
                      rx, ry);
    if (b->status != CARINA_OK)
        return;
    ca_mxnet_out(c, rx <= 2 && ry <= 2 && rx + ry >= 3 ? ca_mxnet_matmul(b, x, y, tx, ty)
                                                       : any_dot(c, x, y));
}

static void matmul(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, ca_mxnet_matmul(c->b, x, ca_mxnet_in(c, 1),
                                    ca_mxnet_flag(c, "transpose_a", false),
                                    ca_mxnet_flag(c, "transpose_b", false)));
}

static void gemm(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    if (ca_mxnet_int(c, "axis", -2) != -2)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "another axis than -2; transpose before it");
    CaValue *v =
        ca_mxnet_matmul(b, x, ca_mxnet_in(c, 1), ca_mxnet_flag(c, "transpose_a", false),
                        ca_mxnet_flag(c, "transpose_b", false));
    v = ca_build_times(b, v, ca_mxnet_real(c, "alpha", 1));
    if (strcmp(c->op->ours, "plus") == 0)
        v = ca_build_2(b, "Add", v,
                       ca_build_times(b, ca_mxnet_in(c, 2), ca_mxnet_real(c, "beta", 1)));
    ca_mxnet_out(c, v);
}

static void einsum(CaMxnetCall *c)
{
    CaValue *in[8];
    if (c->n_in < 1 || c->n_in > 8) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "%d inputs; Carina reads 1 to 8", c->n_in);
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        in[i] = ca_mxnet_in(c, i);
    CaValue *v = ca_build_make(c->b, "Einsum", in, c->n_in, 1);
    ca_build_set_text(c->b, v, "equation", ca_mxnet_text(c, "subscripts", ""));
    ca_mxnet_out(c, v);
}

/* --- Attention: queries, keys and values interleaved by heads, [L, B, heads * parts * d]. */

/* Part i of the input as [B * heads, L, d]. */
static CaValue *head_part(CaMxnetCall *c, CaValue *x, int64_t heads, int64_t parts,
                          int64_t i)
{
    static const int perm[] = {1, 2, 0, 3};
    CaBuild *const b = c->b;
    const CarinaShape s = ca_build_static_shape(b, x);
    if (b->status == CARINA_OK &&
        (s.rank != 3 || heads < 1 || heads > INT32_MAX || s.dims[1] > INT32_MAX ||
         s.dims[2] % (heads * parts) != 0))
        ca_build_fail(b, CARINA_ERR_SHAPE, "its input does not divide into %lld heads",
                      (long long)heads);
    if (b->status != CARINA_OK)
        return NULL;
    const int64_t d = s.dims[2] / (heads * parts), part = 3;
    const int64_t all[] = {s.dims[0], s.dims[1], heads, parts, d},
                  flat[] = {s.dims[1] * heads, s.dims[0], d};
    CaValue *v = ca_build_reshape(b, x, all, 5);
    v = ca_build_2(b, "Squeeze", ca_mxnet_slice(b, v, 3, i, i + 1),
                   ca_build_vector(b, &part, 1));
    return ca_build_reshape(b, ca_build_transpose(b, v, perm, 4), flat, 3);
}

static void attention_scores(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    const bool within = strcmp(c->op->ours, "self") == 0;
    const int64_t heads = ca_mxnet_int(c, "heads", 0);
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *q = head_part(c, x, heads, within ? 3 : 1, 0);
    CaValue *k = within ? head_part(c, x, heads, 3, 1)
                        : head_part(c, ca_mxnet_in(c, 1), heads, 2, 0);
    const CarinaShape s = ca_build_shape(b, q);
    if (b->status != CARINA_OK || s.rank != 3 || s.dims[2] < 1)
        return;
    q = ca_build_times(b, q, 1 / sqrt((double)s.dims[2]));
    ca_mxnet_out(c, ca_mxnet_matmul(b, q, k, false, true));
}

static void attention_values(CaMxnetCall *c)
{
    static const int perm[] = {2, 0, 1, 3};
    CaBuild *const b = c->b;
    const bool within = strcmp(c->op->ours, "self") == 0;
    const int64_t heads = ca_mxnet_int(c, "heads", 0);
    CaValue *v = head_part(c, ca_mxnet_in(c, 0), heads, within ? 3 : 2, within ? 2 : 1);
    v = ca_mxnet_matmul(b, ca_mxnet_in(c, 1), v, false, false);
    const CarinaShape s = ca_build_static_shape(b, v);
    if (b->status != CARINA_OK || s.rank != 3)
        return;
    const int64_t apart[] = {s.dims[0] / heads, heads, s.dims[1], s.dims[2]},
                  out[] = {s.dims[1], s.dims[0] / heads, heads * s.dims[2]};
    v = ca_build_transpose(b, ca_build_reshape(b, v, apart, 4), perm, 4);
    ca_mxnet_out(c, ca_build_reshape(b, v, out, 3));
}

/* --- Arrays from nothing. */

static void full(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int64_t dims[CARINA_MAX_RANK];
    const int n = ca_mxnet_list(c, "shape", dims, CARINA_MAX_RANK);
    const char *ours = c->op->ours;
    const double value = strcmp(ours, "value") == 0 ? ca_mxnet_real(c, "value", 0)
                         : strcmp(ours, "1") == 0   ? 1
                                                    : 0;
    for (int i = 0; i < n; i++)
        if (dims[i] < 1)
            ca_build_fail(b, CARINA_ERR_SHAPE,
                          "shape %.60s is not known; write its numbers into the symbol",
                          ca_mxnet_text(c, "shape", ""));
    CaValue *v = ca_build_convert(b, ca_build_number(b, NULL, value),
                                  ca_mxnet_dtype(c, "dtype", CARINA_F32));
    ca_mxnet_out(c, filled(b, v, dims, n < 0 ? 0 : n));
}

static void full_like(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const char *ours = c->op->ours;
    const double value = strcmp(ours, "value") == 0 ? ca_mxnet_real(c, "fill_value", 0)
                         : strcmp(ours, "1") == 0   ? 1
                                                    : 0;
    ca_mxnet_out(c, ca_build_2(b, "Broadcast", ca_build_number(b, x, value),
                               ca_mxnet_shape_of(b, x)));
}

/* n numbers from start by step, each `repeat` times. */
static CaValue *numbers(CaMxnetCall *c, double start, double step, int64_t n,
                        int64_t repeat)
{
    CaBuild *const b = c->b;
    CarinaShape s = ca_shape(1, &n);
    if (n < 0 || n > MAX_INDEX || repeat < 1) {
        ca_build_fail(b, CARINA_ERR_LIMIT, "%lld numbers; Carina makes at most %d",
                      (long long)n, MAX_INDEX);
        return NULL;
    }
    double *v = ca_arena_array(b->work, (size_t)n + 1, sizeof *v);
    if (!v)
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
    for (int64_t i = 0; v && i < n; i++)
        v[i] = start + step * (double)(i / repeat);
    return ca_build_convert(b, ca_build_reals(b, &s, v),
                            ca_mxnet_dtype(c, "dtype", CARINA_F32));
}

static void arange(CaMxnetCall *c)
{
    const double start = ca_mxnet_real(c, "start", 0), step = ca_mxnet_real(c, "step", 1);
    const bool has_stop = ca_mxnet_attr(c->node, "stop") != NULL;
    const double from = has_stop ? start : 0,
                 to = has_stop ? ca_mxnet_real(c, "stop", 0) : start;
    const int64_t repeat = ca_mxnet_int(c, "repeat", 1);
    const double n = step != 0 ? ceil((to - from) / step) : -1;
    if (!(n >= 0 && n <= MAX_INDEX) || repeat < 1 || repeat > MAX_INDEX)
        ca_build_fail(c->b, CARINA_ERR_LIMIT,
                      "from %g to %g by %g, which is no array of up to %d numbers", from,
                      to, step, MAX_INDEX);
    if (c->b->status == CARINA_OK)
        ca_mxnet_out(c, numbers(c, from, step, (int64_t)n * repeat, repeat));
}

/* As many as the input has, or as long as its axis. */
static void arange_like(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const CarinaShape s = ca_build_static_shape(b, x);
    const bool by_axis = ca_mxnet_attr(c->node, "axis") != NULL;
    const double start = ca_mxnet_real(c, "start", 0), step = ca_mxnet_real(c, "step", 1);
    int64_t n = 0;
    const int axis = by_axis ? ca_build_axis(b, ca_mxnet_int(c, "axis", 0), s.rank) : 0;
    if (b->status != CARINA_OK || !ca_shape_count(&s, &n))
        return;
    CaValue *v =
        numbers(c, start, step, by_axis ? s.dims[axis] : n, ca_mxnet_int(c, "repeat", 1));
    ca_mxnet_out(c, by_axis ? v : ca_build_reshape(b, v, s.dims, s.rank));
}

static void shape_array(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_mxnet_shape_of(c->b, ca_mxnet_in(c, 0)));
}

static void size_array(CaMxnetCall *c)
{
    CaValue *shape = ca_mxnet_shape_of(c->b, ca_mxnet_in(c, 0));
    ca_mxnet_out(
        c, ca_mxnet_reduce(c->b, "ReduceProd", shape, ca_build_iota(c->b, 0, 1), true));
}

const CaMxnetOp ca_mxnet_arrays[] = {
    {"Embedding", embedding, NULL, 1},
    {"_arange", arange, NULL, 0},
    {"_contrib_SparseEmbedding", embedding, NULL, 1},
    {"_contrib_arange_like", arange_like, NULL, 0},
    {"_contrib_interleaved_matmul_encdec_qk", attention_scores, "cross", 0},
    {"_contrib_interleaved_matmul_encdec_valatt", attention_values, "cross", 0},
    {"_contrib_interleaved_matmul_selfatt_qk", attention_scores, "self", 0},
    {"_contrib_interleaved_matmul_selfatt_valatt", attention_values, "self", 0},
    {"_full", full, "value", 0},
    {"_linalg_gemm", gemm, "plus", 0},
    {"_linalg_gemm2", gemm, "product", 0},
    {"_np_cumsum", cum_sum, NULL, 0},
    {"_np_dot", dot, NULL, 0},
    {"_np_max", reduce, "ReduceMax", 0},
    {"_np_min", reduce, "ReduceMin", 0},
    {"_np_prod", reduce, "ReduceProd", 0},
    {"_np_sum", reduce, "ReduceSum", 0},
    {"_npi_arange", arange, NULL, 0},
    {"_npi_argmax", arg_extreme, "max", 0},
    {"_npi_argmin", arg_extreme, "min", 0},
    {"_npi_argsort", sort, NULL, 0},
    {"_npi_einsum", einsum, NULL, 0},
    {"_npi_full", full, "value", 0},
    {"_npi_full_like", full_like, "value", 0},
    {"_npi_gather_nd", gather_nd, NULL, 0},
    {"_npi_matmul", matmul, NULL, 0},
    {"_npi_mean", reduce, "ReduceMean", 0},
    {"_npi_ones", full, "1", 0},
    {"_npi_sort", sort, NULL, 0},
    {"_npi_std", spread, NULL, 0},
    {"_npi_take", take, NULL, 0},
    {"_npi_var", spread, NULL, 0},
    {"_npi_zeros", full, "0", 0},
    {"_npx_arange_like", arange_like, NULL, 0},
    {"_npx_batch_dot", matmul, NULL, 0},
    {"_npx_embedding", embedding, NULL, 1},
    {"_npx_gather_nd", gather_nd, NULL, 0},
    {"_npx_one_hot", one_hot, NULL, 0},
    {"_npx_pick", pick, NULL, 0},
    {"_npx_shape_array", shape_array, NULL, 0},
    {"_npx_topk", topk, NULL, 0},
    {"_ones", full, "1", 0},
    {"_zeros", full, "0", 0},
    {"_zeros_without_dtype", full, "0", 0},
    {"argmax", arg_extreme, "max", 0},
    {"argmax_channel", arg_extreme, "max", 0},
    {"argmin", arg_extreme, "min", 0},
    {"argsort", sort, NULL, 0},
    {"batch_dot", matmul, NULL, 0},
    {"batch_take", batch_take, NULL, 0},
    {"choose_element_0index", pick, NULL, 0},
    {"cumsum", cum_sum, NULL, 0},
    {"dot", dot, NULL, 0},
    {"gather_nd", gather_nd, NULL, 0},
    {"linalg_gemm", gemm, "plus", 0},
    {"linalg_gemm2", gemm, "product", 0},
    {"max", reduce, "ReduceMax", 0},
    {"max_axis", reduce, "ReduceMax", 0},
    {"mean", reduce, "ReduceMean", 0},
    {"min", reduce, "ReduceMin", 0},
    {"min_axis", reduce, "ReduceMin", 0},
    {"moments", moments, NULL, 0},
    {"nanprod", reduce_numbers, "ReduceProd", 0},
    {"nansum", reduce_numbers, "ReduceSum", 0},
    {"norm", norm, NULL, 0},
    {"one_hot", one_hot, NULL, 0},
    {"ones_like", full_like, "1", 0},
    {"pick", pick, NULL, 0},
    {"prod", reduce, "ReduceProd", 0},
    {"scatter_nd", scatter_nd, NULL, 0},
    {"shape_array", shape_array, NULL, 0},
    {"size_array", size_array, NULL, 0},
    {"sort", sort, NULL, 0},
    {"sum", reduce, "ReduceSum", 0},
    {"sum_axis", reduce, "ReduceSum", 0},
    {"take", take, NULL, 0},
    {"topk", topk, NULL, 0},
    {"zeros_like", full_like, "0", 0},
    {NULL, NULL, NULL, 0},
};
