/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making nodes of the operator set for the readers.
 */
#include "formats/build.h"

#include "graph/permute.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

CarinaStatus ca_build_fail(CaBuild *b, CarinaStatus code, const char *format, ...)
{
    char text[400];
    va_list list;
    if (b->status != CARINA_OK)
        return b->status;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    b->status = ca_err(b->err, code, "%s: %s '%s' (%s): %s", b->path, b->noun, b->name,
                       b->type, text);
    return b->status;
}

bool ca_build_ok(CaBuild *b, CarinaStatus status)
{
    if (status == CARINA_OK || b->status != CARINA_OK)
        return b->status == CARINA_OK;
    char text[sizeof b->err->text];
    b->status = status;
    if (!b->err)
        return false;
    memcpy(text, b->err->text, sizeof text);
    text[sizeof text - 1] = 0;
    ca_err(b->err, status, "%s: %s", b->path, text);
    return false;
}

bool ca_build_settle(CaBuild *b)
{
    CaNode *node = b->pending;
    b->pending = NULL;
    if (b->status == CARINA_OK && node)
        ca_build_ok(b, ca_node_infer(b->graph, node, b->err));
    return b->status == CARINA_OK;
}

CaValue *ca_build_make_at(CaBuild *b, const char *op, int opset, CaValue *const *in,
                          int n_in, int n_out)
{
    CaNode *node = NULL;
    if (!ca_build_settle(b))
        return NULL;
    if (!ca_op_find(op, opset)) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "needs the operator %s, which this build of Carina does not have",
                      op);
        return NULL;
    }
    const char *name = ca_arena_printf(b->work, "%s/%s", b->name, op);
    ca_build_ok(
        b, ca_graph_add(&node, b->graph, NULL, op, opset, name, in, n_in, n_out, b->err));
    if (b->status != CARINA_OK)
        return NULL;
    b->pending = node;
    return &node->outputs[0];
}

CaValue *ca_build_make(CaBuild *b, const char *op, CaValue *const *in, int n_in,
                       int n_out)
{
    return ca_build_make_at(b, op, 0, in, n_in, n_out);
}

CaValue *ca_build_1(CaBuild *b, const char *op, CaValue *v)
{
    return ca_build_make(b, op, &v, 1, 1);
}
CaValue *ca_build_2(CaBuild *b, const char *op, CaValue *v, CaValue *w)
{
    CaValue *const in[] = {v, w};
    return ca_build_make(b, op, in, 2, 1);
}
CaValue *ca_build_3(CaBuild *b, const char *op, CaValue *v, CaValue *w, CaValue *x)
{
    CaValue *const in[] = {v, w, x};
    return ca_build_make(b, op, in, 3, 1);
}

void ca_build_set_int(CaBuild *b, CaValue *v, const char *attr, int64_t x)
{
    if (b->status == CARINA_OK && v)
        ca_build_ok(b, ca_node_set_int(b->graph, v->node, attr, x, b->err));
}
void ca_build_set_real(CaBuild *b, CaValue *v, const char *attr, double x)
{
    if (b->status == CARINA_OK && v)
        ca_build_ok(b, ca_node_set_float(b->graph, v->node, attr, x, b->err));
}
void ca_build_set_text(CaBuild *b, CaValue *v, const char *attr, const char *x)
{
    if (b->status == CARINA_OK && v)
        ca_build_ok(b, ca_node_set_text(b->graph, v->node, attr, x, b->err));
}
void ca_build_set_ints(CaBuild *b, CaValue *v, const char *attr, const int64_t *x, int n)
{
    if (b->status == CARINA_OK && v)
        ca_build_ok(b, ca_node_set_ints(b->graph, v->node, attr, x, n, b->err));
}

CarinaShape ca_build_shape(CaBuild *b, CaValue *v)
{
    return ca_build_settle(b) && v ? v->shape : ca_shape_unknown();
}
CarinaType ca_build_type(CaBuild *b, CaValue *v)
{
    return ca_build_settle(b) && v ? v->type : CARINA_UNKNOWN;
}
int ca_build_rank(CaBuild *b, CaValue *v)
{
    const CarinaShape s = ca_build_shape(b, v);
    if (s.rank >= 0)
        return s.rank;
    ca_build_fail(
        b, CARINA_ERR_SHAPE,
        "the number of dimensions of its input is not known; give the model's input shape");
    return 0;
}
int ca_build_axis(CaBuild *b, int64_t axis, int rank)
{
    int out = 0;
    if (!ca_axis(axis, rank, &out))
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "axis %lld is outside an input of %d dimensions", (long long)axis,
                      rank);
    return out;
}

static const CarinaTensor *known(CaBuild *b, CaValue *v, int max, int *n)
{
    if (!ca_build_settle(b) || !v || !v->constant || ca_tensor_count(v->constant) > max)
        return NULL;
    *n = (int)ca_tensor_count(v->constant);
    return v->constant;
}
int ca_build_known_ints(CaBuild *b, CaValue *v, int64_t *out, int max)
{
    int n = -1;
    const CarinaTensor *t = known(b, v, max, &n);
    for (int i = 0; t && i < n; i++)
        out[i] = ca_get_int(t->type, t->data, i);
    return n;
}
int ca_build_known_reals(CaBuild *b, CaValue *v, double *out, int max)
{
    int n = -1;
    const CarinaTensor *t = known(b, v, max, &n);
    for (int i = 0; t && i < n; i++)
        out[i] = ca_get_real(t->type, t->data, i);
    return n;
}

static CaValue *ints(CaBuild *b, const CarinaShape *shape, const int64_t *v, int n)
{
    CaValue *out = NULL;
    if (!ca_build_settle(b))
        return NULL;
    ca_build_ok(b, ca_graph_ints(&out, b->graph, NULL, NULL, shape, v, n, b->err));
    return b->status == CARINA_OK ? out : NULL;
}
CaValue *ca_build_vector(CaBuild *b, const int64_t *v, int n)
{
    return ints(b, NULL, v, n);
}
CaValue *ca_build_scalar(CaBuild *b, int64_t v)
{
    const CarinaShape none = ca_shape(0, NULL);
    return ints(b, &none, &v, 1);
}
CaValue *ca_build_iota(CaBuild *b, int from, int n)
{
    int64_t few[CARINA_MAX_RANK],
        *v = n <= CARINA_MAX_RANK ? few : ca_arena_array(b->work, (size_t)n, sizeof *v);
    if (!v) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int i = 0; i < n; i++)
        v[i] = from + i;
    return ca_build_vector(b, v, n);
}

CaValue *ca_build_number(CaBuild *b, CaValue *like, double v)
{
    const CarinaShape none = ca_shape(0, NULL);
    CarinaType type = like ? ca_build_type(b, like) : CARINA_F32;
    CaValue *out = NULL;
    if (!ca_build_settle(b))
        return NULL;
    if (type == CARINA_UNKNOWN)
        type = CARINA_F32;
    ca_build_ok(b,
                ca_graph_reals(&out, b->graph, NULL, NULL, type, &none, &v, 1, b->err));
    return b->status == CARINA_OK ? out : NULL;
}

/* A constant with other dimensions over the same bytes, where the count allows; NULL otherwise. */
static CaValue *reshaped_constant(CaBuild *b, CaValue *v, const int64_t *dims, int rank)
{
    const CarinaTensor *t = v->constant;
    const CarinaShape shape = ca_shape(rank, dims);
    int64_t n;
    CarinaTensor *now = NULL;
    CaValue *out = NULL;
    if (!t || !t->buffer || !ca_shape_is_static(&shape) || !ca_shape_count(&shape, &n) ||
        n != ca_tensor_count(t))
        return NULL;
    const size_t offset = (size_t)((char *)t->data - (char *)t->buffer->data);
    ca_build_ok(b, ca_tensor_of_buffer(&now, t->type, &shape, t->buffer, offset, b->err));
    if (b->status == CARINA_OK)
        ca_build_ok(b, ca_graph_constant(&out, b->graph, NULL, v->name, now, b->err));
    return out;
}

CaValue *ca_build_reshape(CaBuild *b, CaValue *v, const int64_t *dims, int rank)
{
    if (!ca_build_settle(b) || !v)
        return NULL;
    CaValue *out = ca_node_is(v->node, "Const") || ca_node_is(v->node, "Constant")
                       ? reshaped_constant(b, v, dims, rank)
                       : NULL;
    if (out || b->status != CARINA_OK)
        return out;
    out = ca_build_2(b, "Reshape", v, ca_build_vector(b, dims, rank));
    ca_build_set_text(b, out, "special_zero", "false");
    return out;
}

CaValue *ca_build_reshape_0(CaBuild *b, CaValue *v, const int64_t *dims, int rank)
{
    CaValue *out = ca_build_2(b, "Reshape", v, ca_build_vector(b, dims, rank));
    ca_build_set_text(b, out, "special_zero", "true");
    return out;
}

CaValue *ca_build_per_channel(CaBuild *b, CaValue *v, int axis, int rank)
{
    int64_t dims[CARINA_MAX_RANK];
    const CarinaShape s = ca_build_shape(b, v);
    int64_t n;
    if (rank <= axis || rank > CARINA_MAX_RANK)
        return v;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    dims[axis] = s.rank >= 0 && ca_shape_count(&s, &n) ? n : -1;
    return ca_build_reshape(b, v, dims, rank);
}

CaValue *ca_build_convert(CaBuild *b, CaValue *v, CarinaType type)
{
    if (ca_build_type(b, v) == type)
        return v;
    CaValue *out = ca_build_1(b, "Convert", v);
    ca_build_set_text(b, out, "destination_type", carina_type_name(type));
    return out;
}

CaValue *ca_build_to_scalar(CaBuild *b, CaValue *v)
{
    const CarinaShape s = ca_build_shape(b, v);
    return s.rank == 0 ? v : ca_build_reshape(b, v, NULL, 0);
}

CaValue *ca_build_flatten(CaBuild *b, CaValue *v, int64_t axis)
{
    const int rank = ca_build_rank(b, v);
    const CarinaShape s = ca_build_shape(b, v);
    int at = rank;
    if (axis != rank)
        at = ca_build_axis(b, axis, rank);
    const CarinaShape head = ca_shape(at, s.dims),
                      tail = ca_shape(rank - at, s.dims + at);
    int64_t dims[2] = {-1, -1}, n_head = 1, n_tail = 1;
    const bool head_known = ca_shape_count(&head, &n_head);
    const bool tail_known = ca_shape_count(&tail, &n_tail);
    /* The first dimension is copied, not written down: another batch then needs no other model. */
    const bool special_zero = at == 1 && (!tail_known || n_tail > 0);
    if (special_zero) {
        dims[0] = 0;
        dims[1] = head_known && n_head == 0 && tail_known ? n_tail : -1;
    } else if (head_known) {
        dims[0] = n_head;
        dims[1] = n_head == 0 && tail_known ? n_tail : -1;
    } else if (tail_known) {
        dims[1] = n_tail;
    } else {
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "dimensions on both sides of axis %d are not known; give the model's input shape",
            at);
    }
    CaValue *out = ca_build_2(b, "Reshape", v, ca_build_vector(b, dims, 2));
    ca_build_set_text(b, out, "special_zero", special_zero ? "true" : "false");
    return out;
}

CarinaShape ca_build_static_shape(CaBuild *b, CaValue *v)
{
    if (!ca_build_settle(b) || !v)
        return ca_shape(0, NULL);
    if (ca_shape_is_static(&v->shape))
        return v->shape;
    ca_build_fail(b, CARINA_ERR_SHAPE, "the shape of its input is not known");
    return ca_shape(0, NULL);
}

void ca_build_set_floats(CaBuild *b, CaValue *v, const char *attr, const float *x,
                         size_t n)
{
    double *list = ca_arena_array(b->work, n + 1, sizeof *list);
    if (!list || n > CA_MAX_PORTS)
        ca_build_fail(b, CARINA_ERR_LIMIT, "%zu values of %s are too many", n, attr);
    for (size_t i = 0; b->status == CARINA_OK && i < n; i++)
        list[i] = (double)x[i];
    if (b->status == CARINA_OK && v)
        ca_build_ok(b, ca_node_set_floats(b->graph, v->node, attr, list, (int)n, b->err));
}

CaValue *ca_build_reals(CaBuild *b, const CarinaShape *shape, const double *v)
{
    CaValue *out = NULL;
    int64_t n = 0;
    if (!ca_build_settle(b))
        return NULL;
    if (!ca_shape_count(shape, &n)) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "a constant's shape is not known");
        return NULL;
    }
    ca_build_ok(
        b, ca_graph_reals(&out, b->graph, NULL, NULL, CARINA_F32, shape, v, n, b->err));
    return b->status == CARINA_OK ? out : NULL;
}

CaValue *ca_build_tensor(CaBuild *b, const char *name, CarinaTensor *t)
{
    CaValue *out = NULL;
    if (!ca_build_settle(b)) {
        carina_tensor_free(&t);
        return NULL;
    }
    ca_build_ok(b, ca_graph_constant(&out, b->graph, NULL, name, t, b->err));
    return b->status == CARINA_OK ? out : NULL;
}

CaValue *ca_build_times(CaBuild *b, CaValue *v, double factor)
{
    return factor == 1 ? v : ca_build_2(b, "Multiply", v, ca_build_number(b, v, factor));
}
CaValue *ca_build_plus(CaBuild *b, CaValue *v, double term)
{
    return term == 0 ? v : ca_build_2(b, "Add", v, ca_build_number(b, v, term));
}

CarinaShape ca_build_along(int axis, int rank, int64_t n)
{
    int64_t dims[CARINA_MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? n : 1;
    return ca_shape(rank, dims);
}

/* NULL where the elements are not whole bytes. */
static CaValue *transposed_constant(CaBuild *b, CaValue *v, const int *perm)
{
    const CarinaTensor *t = v->constant;
    CarinaTensor *out = NULL;
    if (carina_type_bits(t->type) < 8 || !ca_tensor_count(t))
        return NULL;
    if (!ca_build_ok(b, ca_tensor_permuted(&out, t, perm, b->err)))
        return NULL;
    if (out->data != t->data)
        ca_buffer_drop(t->buffer, t->data, t->size);
    return ca_build_tensor(b, v->name, out);
}

CaValue *ca_build_transpose(CaBuild *b, CaValue *v, const int *perm, int rank)
{
    int64_t order[CARINA_MAX_RANK];
    bool is_same = true;
    if (!ca_build_settle(b) || !v)
        return NULL;
    for (int i = 0; i < rank; i++) {
        order[i] = perm[i];
        is_same = is_same && perm[i] == i;
    }
    if (is_same)
        return v;
    if (v->constant && v->shape.rank == rank) {
        CaValue *out = transposed_constant(b, v, perm);
        if (out || b->status != CARINA_OK)
            return out;
    }
    return ca_build_2(b, "Transpose", v, ca_build_vector(b, order, rank));
}

CaValue *ca_build_channels_first(CaBuild *b, CaValue *v)
{
    static const int perms[][5] = {{0, 2, 1}, {0, 3, 1, 2}, {0, 4, 1, 2, 3}};
    const int rank = ca_build_rank(b, v);
    return rank < 3 || rank > 5 ? v : ca_build_transpose(b, v, perms[rank - 3], rank);
}
CaValue *ca_build_channels_last(CaBuild *b, CaValue *v)
{
    static const int perms[][5] = {{0, 2, 1}, {0, 2, 3, 1}, {0, 2, 3, 4, 1}};
    const int rank = ca_build_rank(b, v);
    return rank < 3 || rank > 5 ? v : ca_build_transpose(b, v, perms[rank - 3], rank);
}
