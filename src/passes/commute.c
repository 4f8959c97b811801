/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How operators commute with Transpose.
 */
#include "passes/commute.h"

#include "passes/features.h"
#include "passes/products.h"
#include "passes/rewrite.h"

#include <string.h>

typedef struct Rule {
    const char *op_name;
    int axes_input; /* axes are that input, a constant; 0: none */
    bool (*can)(const CaNode *n);
    CarinaStatus (*apply)(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err);
    uint32_t (*dropped)(const CaNode *n); /* axes of the input that the output lacks */
} Rule;

static const CarinaShape *shape_at(const CaNode *n, int port)
{
    const CaValue *v = port < 0 ? &n->outputs[~port] : ca_node_input(n, port);
    return v ? &v->shape : NULL;
}

static int rank_at(const CaNode *n, int port)
{
    const CarinaShape *s = shape_at(n, port);
    return s ? s->rank : -1;
}

/* --- Lists of numbers. */

/* The constant integers of input i; -1 if they are none, or more than a shape has. */
static int read_ints(const CaNode *n, int i, int64_t v[CARINA_MAX_RANK])
{
    const CarinaTensor *t = ca_pass_constant(n, i);
    const int64_t count = t ? ca_tensor_count(t) : -1;
    if (count < 0 || count > CARINA_MAX_RANK || !ca_type_is_whole(t->type))
        return -1;
    for (int k = 0; k < (int)count; k++)
        v[k] = ca_get_int(t->type, t->data, k);
    return (int)count;
}

/* The name for what takes the place of v: its own, if nobody else reads it. */
static const char *heir(const CaValue *v)
{
    return ca_node_is(v->node, "Const") && ca_value_n_uses(v) == 1 ? v->node->name : NULL;
}

static CarinaStatus write_ints(CaGraph *g, CaNode *n, int i, const int64_t *v, int count,
                               CarinaError *err)
{
    CaValue *old = ca_node_input(n, i), *c = NULL;
    const bool is_scalar = old->shape.rank == 0 && count == 1;
    const CarinaShape list = ca_shape(is_scalar ? 0 : 1, (const int64_t[]){count});
    CA_TRY(ca_graph_ints(&c, g, n, heir(old), &list, v, count, err));
    ca_node_set_input(n, i, c);
    ca_rewrite_drop(g, old->node);
    return CARINA_OK;
}

/* One number for each axis of the data: it moves with the axis. */
static bool has_per_axis(const CaNode *n, int i)
{
    int64_t v[CARINA_MAX_RANK];
    return read_ints(n, i, v) == rank_at(n, 0);
}

static CarinaStatus move_per_axis(CaGraph *g, CaNode *n, int i, const CaOrder *p,
                                  CarinaError *err)
{
    int64_t v[CARINA_MAX_RANK], moved[CARINA_MAX_RANK];
    read_ints(n, i, v);
    for (int k = 0; k < p->rank; k++)
        moved[k] = v[p->at[k]];
    return write_ints(g, n, i, moved, p->rank, err);
}

/* --- Axes. */

static bool has_axes(const CaNode *n, int i)
{
    int64_t v[CARINA_MAX_RANK];
    const int count = read_ints(n, i, v);
    int axis;
    for (int k = 0; k < count; k++)
        if (!ca_axis(v[k], rank_at(n, 0), &axis))
            return false;
    return count >= 0;
}

static uint32_t axes_mask(const CaNode *n, int i)
{
    int64_t v[CARINA_MAX_RANK];
    const int count = read_ints(n, i, v);
    uint32_t mask = 0;
    for (int k = 0, axis; k < count; k++)
        if (ca_axis(v[k], rank_at(n, 0), &axis))
            mask |= 1u << axis;
    return mask;
}

static CarinaStatus move_axes(CaGraph *g, CaNode *n, int i, const CaOrder *p,
                              CarinaError *err)
{
    int64_t v[CARINA_MAX_RANK];
    const CaOrder to = ca_order_inverse(p);
    const int count = read_ints(n, i, v);
    for (int k = 0, axis; k < count; k++)
        if (ca_axis(v[k], p->rank, &axis))
            v[k] = to.at[axis];
    return write_ints(g, n, i, v, count, err);
}

static bool has_axis_attr(const CaNode *n)
{
    int axis;
    return ca_axis(carina_node_int(n, "axis", INT64_MAX), rank_at(n, 0), &axis);
}

static CarinaStatus move_axis_attr(CaGraph *g, CaNode *n, const CaOrder *p,
                                   CarinaError *err)
{
    const CaOrder to = ca_order_inverse(p);
    int axis = 0;
    ca_axis(carina_node_int(n, "axis", 0), p->rank, &axis);
    return ca_node_set_int(g, n, "axis", to.at[axis], err);
}

/* --- Element by element. */

/* One number whatever the other inputs are, which stays as it is. */
static bool is_single(const CarinaShape *s, int rank)
{
    int64_t count = 0;
    return s->rank < rank && ca_shape_count(s, &count) && count == 1;
}

/* An input of lower rank, by its shape with ones in front. */
static bool is_side(const CaValue *v)
{
    int n_long = 0;
    for (int d = 0; d < v->shape.rank; d++)
        n_long += v->shape.dims[d] != 1;
    return ca_shape_is_static(&v->shape) && (n_long <= 1 || ca_node_is(v->node, "Const"));
}

/* PReLU: a vector as long as axis 1 goes along axis 1. */
static bool is_per_channel_slope(const CaNode *n, int i)
{
    const CarinaShape *x = shape_at(n, 0), *s = shape_at(n, i);
    return i == 1 && ca_node_is(n, "PReLU") && s->rank == 1 && x->rank >= 2 &&
           s->dims[0] == x->dims[1] && s->dims[0] != 1;
}

static bool can_broadcast(const CaNode *n)
{
    const int rank = rank_at(n, ~0);
    if (rank < 0 || n->n_outputs != 1 || !ca_rewrite_is_numpy(n))
        return false;
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *v = ca_node_input(n, i);
        if (!v || v->shape.rank < 0 || v->shape.rank > rank ||
            (v->shape.rank < rank && !is_single(&v->shape, rank) && !is_side(v)))
            return false;
    }
    return true;
}

/* The side's shape in the order of the other inputs. */
static CarinaStatus move_side(CaGraph *g, CaNode *n, int i, const CaOrder *p,
                              CarinaError *err)
{
    CaValue *v = ca_node_input(n, i);
    CaNode *old = v->node;
    const char *name = heir(v);
    CarinaShape wide = {.rank = p->rank};
    const bool is_channel = is_per_channel_slope(n, i);
    const int shift = is_channel ? 1 : p->rank - v->shape.rank;
    for (int d = 0; d < p->rank; d++)
        wide.dims[d] =
            d < shift || d - shift >= v->shape.rank ? 1 : v->shape.dims[d - shift];
    const CarinaShape moved = ca_order_shape(p, &wide);
    if (is_channel && moved.dims[1] == wide.dims[1])
        return CARINA_OK;
    CA_TRY(ca_order_reshape(&v, g, n, NULL, v, &v->shape, &wide, err));
    if (ca_node_is(old, "Const")) {
        CaNode *reshape = v->node;
        CarinaTensor *t[1] = {NULL};
        CA_TRY(ca_node_infer(g, reshape, err));
        CA_TRY(ca_reference_known(reshape, t, err));
        CA_TRY(ca_graph_constant(&v, g, n, NULL, t[0], err));
        CA_TRY(ca_order_put(&v, g, n, name, v, &wide, p, err));
        ca_rewrite_drop(g, reshape);
    } else {
        CaNode *reshape = v->node;
        CA_TRY(ca_order_reshape(&v, g, n, NULL, ca_node_input(reshape, 0),
                                &ca_node_input(reshape, 0)->shape, &moved, err));
        ca_rewrite_drop(g, reshape);
    }
    ca_node_set_input(n, i, v);
    ca_rewrite_drop(g, old);
    return CARINA_OK;
}

static CarinaStatus move_sides(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    for (int i = 0; i < n->n_inputs; i++) {
        const CarinaShape *s = shape_at(n, i);
        if (s->rank < p->rank && !is_single(s, p->rank))
            CA_TRY(move_side(g, n, i, p, err));
    }
    return CARINA_OK;
}

/* --- Operators one by one. */

static uint32_t drop_unless_kept(const CaNode *n)
{
    return carina_node_bool(n, "keep_dims", false) ? 0 : axes_mask(n, 1);
}

static bool can_pad(const CaNode *n) { return has_per_axis(n, 1) && has_per_axis(n, 2); }

static CarinaStatus move_pad(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    CA_TRY(move_per_axis(g, n, 1, p, err));
    return move_per_axis(g, n, 2, p, err);
}

static bool can_tile(const CaNode *n) { return has_per_axis(n, 1); }

static bool can_stretch(const CaNode *n)
{
    const char *mode = carina_node_enum(n, "mode");
    return has_per_axis(n, 1) && n->n_inputs == 2 && rank_at(n, ~0) == rank_at(n, 0) &&
           (!mode[0] || strcmp(mode, "numpy") == 0 || strcmp(mode, "bidirectional") == 0);
}

static CarinaStatus move_second(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    return move_per_axis(g, n, 1, p, err);
}

/* Along an axis, by a vector or a number. */
static bool can_gather(const CaNode *n)
{
    int64_t axis[CARINA_MAX_RANK];
    const int rank = rank_at(n, 1);
    return read_ints(n, 2, axis) == 1 && has_axes(n, 2) && (rank == 0 || rank == 1) &&
           carina_node_int(n, "batch_dims", 0) == 0;
}

static uint32_t drop_by_number(const CaNode *n)
{
    return rank_at(n, 1) == 0 ? axes_mask(n, 2) : 0;
}

static uint32_t drop_ones(const CaNode *n)
{
    const CarinaShape *s = shape_at(n, 0);
    uint32_t mask = 0;
    if (ca_node_input(n, 1))
        return axes_mask(n, 1);
    for (int d = 0; d < s->rank && d < CARINA_MAX_RANK; d++)
        mask |= (uint32_t)(s->dims[d] == 1) << d;
    return mask;
}

static bool can_squeeze(const CaNode *n)
{
    return ca_node_input(n, 1) ? has_axes(n, 1) : ca_shape_is_static(shape_at(n, 0));
}

static CarinaStatus move_squeeze(CaGraph *g, CaNode *n, const CaOrder *p,
                                 CarinaError *err)
{
    return ca_node_input(n, 1) ? move_axes(g, n, 1, p, err) : CARINA_OK;
}

static bool can_slice(const CaNode *n)
{
    return ca_node_input(n, 4)
               ? has_axes(n, 4)
               : has_per_axis(n, 1) && has_per_axis(n, 2) && has_per_axis(n, 3);
}

static CarinaStatus move_slice(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    if (ca_node_input(n, 4))
        return move_axes(g, n, 4, p, err);
    for (int i = 1; i <= 3; i++)
        CA_TRY(move_per_axis(g, n, i, p, err));
    return CARINA_OK;
}

static bool can_resize(const CaNode *n)
{
    const int axes = n->opset >= 11 ? 2 : 3;
    return n->opset >= 4 && ca_node_input(n, axes) && has_axes(n, axes);
}

/* pads_begin, pads_end: short lists are of the first axes. */
static CarinaStatus move_list(CaGraph *g, CaNode *n, const char *attr, const CaOrder *p,
                              CarinaError *err)
{
    const CarinaInts list = carina_node_ints(n, attr);
    int64_t v[CARINA_MAX_RANK];
    if (list.n == 0)
        return CARINA_OK;
    for (int i = 0; i < p->rank; i++)
        v[i] = p->at[i] < list.n ? list.v[p->at[i]] : 0;
    return ca_node_set_ints(g, n, attr, v, p->rank, err);
}

static CarinaStatus move_resize(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    CA_TRY(move_list(g, n, "pads_begin", p, err));
    CA_TRY(move_list(g, n, "pads_end", p, err));
    return move_axes(g, n, n->opset >= 11 ? 2 : 3, p, err);
}

/* A Transpose within the data: on data in order p it is p^-1, then itself, then p. */
static bool can_transpose(const CaNode *n)
{
    CaOrder order;
    return ca_order_read(&order, n);
}

static CarinaStatus move_transpose(CaGraph *g, CaNode *n, const CaOrder *p,
                                   CarinaError *err)
{
    CaOrder own, back = ca_order_inverse(p);
    int64_t v[CARINA_MAX_RANK];
    ca_order_read(&own, n);
    back = ca_order_then(&back, &own);
    back = ca_order_then(&back, p);
    for (int i = 0; i < back.rank; i++)
        v[i] = back.at[i];
    return write_ints(g, n, 1, v, back.rank, err);
}

/* The dimensions in the order of before. */
static CarinaStatus move_shape_of(CaGraph *g, CaNode *n, const CaOrder *p,
                                  CarinaError *err)
{
    const CaOrder to = ca_order_inverse(p);
    int64_t at[CARINA_MAX_RANK];
    const CarinaShape scalar = ca_shape(0, NULL);
    const int64_t zero = 0;
    CaValue *indices = NULL, *axis = NULL;
    CaNode *gather = NULL, *before = n->next;
    for (int i = 0; i < p->rank; i++)
        at[i] = to.at[i];
    CA_TRY(ca_graph_ints(&indices, g, before, NULL, NULL, at, p->rank, err));
    CA_TRY(ca_graph_ints(&axis, g, before, NULL, &scalar, &zero, 1, err));
    CA_TRY(ca_graph_add(&gather, g, before, "Gather", 8, NULL,
                        (CaValue *[]){indices, indices, axis}, 3, 1, err));
    ca_rewrite_overtake(&n->outputs[0], &gather->outputs[0]);
    n->outputs[0].name = NULL;
    if (gather->name == n->name)
        CA_TRY(ca_node_rename(
            g, n, ca_arena_printf(ca_graph_arena(g), "%s/moved", n->name), err));
    ca_node_set_input(gather, 0, &n->outputs[0]);
    return CARINA_OK;
}

/* --- StridedSlice: one entry for each axis, none of a new axis. */

typedef struct Entries {
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK], strides[CARINA_MAX_RANK];
    int64_t free_begin[CARINA_MAX_RANK], free_end[CARINA_MAX_RANK];
    int64_t shrinks[CARINA_MAX_RANK];
    int rank;
} Entries;

static bool bit(CarinaInts mask, int i) { return i < mask.n && mask.v[i] != 0; }

static void put_entry(const CaNode *n, Entries *e, int d, int i, const int64_t *b,
                      const int64_t *end, const int64_t *s)
{
    const bool given = i >= 0;
    e->begin[d] = given ? b[i] : 0;
    e->end[d] = given ? end[i] : 0;
    e->strides[d] = given ? s[i] : 1;
    e->free_begin[d] = !given || bit(carina_node_ints(n, "begin_mask"), i);
    e->free_end[d] = !given || bit(carina_node_ints(n, "end_mask"), i);
    e->shrinks[d] = given && bit(carina_node_ints(n, "shrink_axis_mask"), i);
}

static bool read_entries(const CaNode *n, Entries *e)
{
    int64_t b[CARINA_MAX_RANK], end[CARINA_MAX_RANK], s[CARINA_MAX_RANK];
    const CarinaInts ellipsis = carina_node_ints(n, "ellipsis_mask");
    const int count = read_ints(n, 1, b);
    int n_ellipses = 0, d = 0;
    for (int i = 0; i < CARINA_MAX_RANK; i++)
        s[i] = 1;
    e->rank = rank_at(n, 0);
    if (count < 0 || e->rank < 0 || read_ints(n, 2, end) != count ||
        (ca_node_input(n, 3) && read_ints(n, 3, s) != count))
        return false;
    for (int i = 0; i < count; i++) {
        n_ellipses += bit(ellipsis, i);
        if (bit(carina_node_ints(n, "new_axis_mask"), i))
            return false;
    }
    if (n_ellipses > 1 || count - n_ellipses > e->rank)
        return false;
    for (int i = 0; i < count; i++) {
        if (!bit(ellipsis, i))
            put_entry(n, e, d++, i, b, end, s);
        for (int k = count - 1; bit(ellipsis, i) && k < e->rank; k++)
            put_entry(n, e, d++, -1, b, end, s);
    }
    while (d < e->rank)
        put_entry(n, e, d++, -1, b, end, s);
    return true;
}

static bool can_stride(const CaNode *n)
{
    Entries e;
    return read_entries(n, &e);
}

static uint32_t drop_shrunk(const CaNode *n)
{
    Entries e;
    uint32_t mask = 0;
    if (read_entries(n, &e))
        for (int d = 0; d < e.rank; d++)
            mask |= (uint32_t)(e.shrinks[d] != 0) << d;
    return mask;
}

static CarinaStatus move_stride(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    static const char *const masks[] = {"begin_mask", "end_mask", "shrink_axis_mask"};
    Entries e;
    int64_t v[CARINA_MAX_RANK];
    read_entries(n, &e);
    const int64_t *const lists[] = {e.begin,      e.end,      e.strides,
                                    e.free_begin, e.free_end, e.shrinks};
    for (int k = 0; k < 6; k++) {
        for (int i = 0; i < p->rank; i++)
            v[i] = lists[k][p->at[i]];
        if (k == 5 && carina_node_ints(n, masks[2]).n == 0)
            continue;
        if (k >= 3)
            CA_TRY(ca_node_set_ints(g, n, masks[k - 3], v, p->rank, err));
        else if (ca_node_input(n, k + 1))
            CA_TRY(write_ints(g, n, k + 1, v, p->rank, err));
    }
    return ca_node_set_ints(g, n, "ellipsis_mask", NULL, 0, err);
}

/* --- Reshape: groups of axes of the input that become groups of the output's, each with the same elements. */

typedef struct Groups {
    int n;
    int in[CARINA_MAX_RANK + 2], out[2 * CARINA_MAX_RANK + 2]; /* where group k starts */
} Groups;

/* Takes axes from the shorter side until both have the same number of elements. */
static bool grow(const CarinaShape *x, const CarinaShape *y, int *i, int *j)
{
    int64_t a = x->dims[*i], b = y->dims[*j];
    ++*i;
    ++*j;
    if (a < 0 || b < 0)
        return a == b;
    while (a != b) {
        const CarinaShape *s = a < b ? x : y;
        int *at = a < b ? i : j;
        int64_t *product = a < b ? &a : &b;
        if (*at >= s->rank || s->dims[*at] < 1 || *product > INT64_MAX / s->dims[*at])
            return false;
        *product *= s->dims[(*at)++];
    }
    return true;
}

static bool find_groups(Groups *gr, const CarinaShape *x, const CarinaShape *y)
{
    int i = 0, j = 0, n_unknown = 0;
    if (x->rank < 0 || y->rank < 0)
        return false;
    for (int d = 0; d < x->rank + y->rank; d++) {
        const int64_t dim = d < x->rank ? x->dims[d] : y->dims[d - x->rank];
        n_unknown += dim < 0;
        if (dim == 0)
            return false;
    }
    for (gr->n = 0; i < x->rank || j < y->rank;) {
        const bool x_is_one = i < x->rank && x->dims[i] == 1;
        const bool y_is_one = j < y->rank && y->dims[j] == 1;
        if (y_is_one && !x_is_one && gr->n > 0) {
            j++; /* goes with the group before */
            continue;
        }
        gr->in[gr->n] = i;
        gr->out[gr->n++] = j;
        if (x_is_one || y_is_one) {
            i += x_is_one;
            j += y_is_one;
        } else if (i >= x->rank || j >= y->rank || !grow(x, y, &i, &j)) {
            return false;
        }
    }
    gr->in[gr->n] = x->rank;
    gr->out[gr->n] = y->rank;
    return n_unknown <= 2;
}

/* The order of the other side's axes: from[] are the starts of the groups on this side. */
static bool regroup(const Groups *gr, const int *from, const int *to, const CaOrder *p,
                    CaOrder *out)
{
    out->rank = 0;
    for (int k = 0; k < gr->n && from[k] == from[k + 1] && k == 0; k++)
        for (int d = to[k]; d < to[k + 1]; d++)
            out->at[out->rank++] = (int8_t)d;
    for (int i = 0; i < p->rank;) {
        int k = 0;
        while (k < gr->n && !(from[k] <= p->at[i] && p->at[i] < from[k + 1]))
            k++;
        if (k == gr->n)
            return false;
        for (int d = from[k]; d < from[k + 1]; d++, i++)
            if (i >= p->rank || p->at[i] != d)
                return false;
        for (int d = to[k]; d < to[k + 1]; d++)
            out->at[out->rank++] = (int8_t)d;
        for (k++; k < gr->n && from[k] == from[k + 1]; k++)
            for (int d = to[k]; d < to[k + 1]; d++)
                out->at[out->rank++] = (int8_t)d;
    }
    return out->rank == to[gr->n];
}

static bool relate_reshape(const CaNode *n, bool forward, const CaOrder *p, CaOrder *out)
{
    Groups gr;
    return find_groups(&gr, shape_at(n, 0), shape_at(n, ~0)) &&
           (forward ? regroup(&gr, gr.in, gr.out, p, out)
                    : regroup(&gr, gr.out, gr.in, p, out));
}

static CarinaStatus move_reshape(CaGraph *g, CaNode *n, const CaOrder *p,
                                 CarinaError *err)
{
    const CarinaShape *x = shape_at(n, 0), *y = shape_at(n, ~0);
    CaValue *fresh = NULL;
    CaNode *old = ca_node_input_node(n, 1);
    CaOrder q;
    if (!relate_reshape(n, true, p, &q))
        return ca_features_move(g, n, p, err);
    const CarinaShape from = ca_order_shape(p, x), to = ca_order_shape(&q, y);
    CA_TRY(ca_order_reshape(&fresh, g, n, NULL, ca_node_input(n, 0), &from, &to, err));
    CaNode *reshape = fresh->node;
    ca_node_set_input(n, 1, ca_node_input(reshape, 1));
    CA_TRY(ca_node_set_text(
        g, n, "special_zero",
        carina_node_bool(reshape, "special_zero", false) ? "true" : "false", err));
    ca_rewrite_drop(g, reshape);
    ca_rewrite_drop(g, old);
    return CARINA_OK;
}

static bool can_unsqueeze(const CaNode *n)
{
    int64_t v[CARINA_MAX_RANK];
    return read_ints(n, 1, v) >= 0 && rank_at(n, 0) >= 0 && rank_at(n, ~0) >= 0;
}

/* The new axes of the output, as many as there are, where its order puts them. */
static CarinaStatus move_unsqueeze(CaGraph *g, CaNode *n, const CaOrder *p,
                                   CarinaError *err)
{
    int64_t v[CARINA_MAX_RANK];
    const int count = read_ints(n, 1, v);
    CaOrder q;
    if (!relate_reshape(n, true, p, &q))
        return ca_err(err, CARINA_ERR_SHAPE,
                      "node '%s' (Unsqueeze): its axes have no order", n->name);
    const CaOrder to = ca_order_inverse(&q);
    for (int k = 0, axis; k < count; k++)
        if (ca_axis(v[k], q.rank, &axis))
            v[k] = to.at[axis];
    return write_ints(g, n, 1, v, count, err);
}

static bool is_ranked(const CaNode *n) { return rank_at(n, 0) >= 0; }

static CarinaStatus nothing(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    (void)g, (void)n, (void)p, (void)err;
    return CARINA_OK;
}

#define REDUCE(name)                                   \
    {                                                  \
        "Reduce" name, 1, NULL, NULL, drop_unless_kept \
    }

static const Rule rules[] = {
    {"Broadcast", 0, can_stretch, move_second, NULL},
    {"Concat", 0, has_axis_attr, move_axis_attr, NULL},
    {"ConvertLike", 0, is_ranked, nothing, NULL},
    {"CumSum", 1, NULL, NULL, NULL},
    {"Gather", 2, can_gather, NULL, drop_by_number},
    {"Interpolate", 0, can_resize, move_resize, NULL},
    {"LRN", 1, NULL, NULL, NULL},
    {"LogSoftmax", 0, has_axis_attr, move_axis_attr, NULL},
    {"MVN", 1, NULL, NULL, NULL},
    {"MatMul", 0, ca_product_can_move, ca_product_move, NULL},
    {"NormalizeL2", 1, NULL, NULL, NULL},
    {"Pad", 0, can_pad, move_pad, NULL},
    REDUCE("L1"),
    REDUCE("L2"),
    REDUCE("LogicalAnd"),
    REDUCE("LogicalOr"),
    REDUCE("Max"),
    REDUCE("Mean"),
    REDUCE("Min"),
    REDUCE("Prod"),
    REDUCE("Sum"),
    {"Reshape", 0, is_ranked, move_reshape, NULL},
    {"ShapeOf", 0, is_ranked, move_shape_of, NULL},
    {"Slice", 0, can_slice, move_slice, NULL},
    {"SoftMax", 0, has_axis_attr, move_axis_attr, NULL},
    {"Split", 1, NULL, NULL, NULL},
    {"Squeeze", 0, can_squeeze, move_squeeze, drop_ones},
    {"StridedSlice", 0, can_stride, move_stride, drop_shrunk},
    {"Tile", 0, can_tile, move_second, NULL},
    {"TopK", 0, has_axis_attr, move_axis_attr, NULL},
    {"Transpose", 0, can_transpose, move_transpose, NULL},
    {"Unsqueeze", 0, can_unsqueeze, move_unsqueeze, NULL},
    {"VariadicSplit", 1, NULL, NULL, NULL},
};
static const Rule pointwise = {"", 0, can_broadcast, move_sides, NULL};

static const Rule *find(const CaNode *n)
{
    if (n->op->flags & CA_OP_ELEMENTWISE)
        return &pointwise;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (ca_node_is(n, rules[i].op_name))
            return &rules[i];
    return NULL;
}

static bool is_reshape(const CaNode *n)
{
    return ca_node_is(n, "Reshape") || ca_node_is(n, "Unsqueeze");
}

CaCommutes ca_commute_kind(const CaNode *n)
{
    const Rule *r = find(n);
    if (!r || n->n_inputs < 1 || n->n_outputs < 1 ||
        (r->axes_input && !has_axes(n, r->axes_input)) || (r->can && !r->can(n)))
        return CA_COMMUTES_NOT;
    return ca_node_is(n, "ShapeOf") ? CA_COMMUTES_INPUT : CA_COMMUTES;
}

bool ca_commute_is_port(const CaNode *n, int port)
{
    const Rule *r = find(n);
    if (port < 0)
        return !ca_node_is(n, "ShapeOf");
    if (r == &pointwise)
        return rank_at(n, port) == rank_at(n, ~0);
    return port == 0 || ca_node_is(n, "Concat");
}

/* The order of what is left. */
static CaOrder drop(const CaOrder *p, uint32_t mask)
{
    CaOrder q = {0};
    for (int i = 0; i < p->rank; i++) {
        int8_t to = 0;
        for (int d = 0; d < p->at[i]; d++)
            to = (int8_t)(to + !(mask >> d & 1));
        if (!(mask >> p->at[i] & 1))
            q.at[q.rank++] = to;
    }
    return q;
}

bool ca_commute_relate(const CaNode *n, int from, const CaOrder *p, int to, CaOrder *out)
{
    const Rule *r = find(n);
    const uint32_t dropped = r->dropped ? r->dropped(n) : 0;
    *out = *p;
    if (rank_at(n, from) != p->rank || (ca_node_is(n, "MatMul") && !ca_product_fits(p)))
        return false;
    if (from >= 0 && to >= 0)
        return rank_at(n, to) == p->rank;
    if (is_reshape(n) && (from < 0) != (to < 0))
        return relate_reshape(n, to < 0, p, out);
    if (dropped && from < 0 && to < 0)
        return rank_at(n, to) == p->rank;
    if (dropped && from < 0)
        return false;
    if (dropped)
        *out = drop(p, dropped);
    return rank_at(n, to) == out->rank;
}

bool ca_commute_absorbs(const CaNode *n, const CaOrder *p)
{
    CaOrder q;
    return ca_node_is(n, "ShapeOf") ||
           (ca_node_is(n, "Reshape") && !relate_reshape(n, true, p, &q) &&
            ca_features_can_move(n, p));
}

bool ca_commute_is_pointwise(const CaNode *n)
{
    static const char *const others[] = {"Concat", "ConvertLike", "Interpolate", "Pad"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ca_node_is(n, others[i]))
            return true;
    return find(n) == &pointwise;
}

CarinaStatus ca_commute_apply(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    const Rule *r = find(n);
    return r->axes_input ? move_axes(g, n, r->axes_input, p, err)
                         : r->apply(g, n, p, err);
}
