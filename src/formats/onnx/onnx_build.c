/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making nodes for the ONNX reader: what a translation is written in.
 */
#include "formats/onnx/onnx_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

CarinaStatus ca_onnx_fail(CaOnnxCall *c, CarinaStatus code, const char *format, ...)
{
    char text[400];
    va_list list;
    if (c->status != CARINA_OK)
        return c->status;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    c->status = ca_err(c->r->err, code, "%s: node '%s' (%s): %s", c->r->path, c->name,
                       c->node->op_type, text);
    return c->status;
}

/* A failure of the graph's own functions: they have said where in the graph, not in which file. */
static void failed(CaOnnxCall *c, CarinaStatus status)
{
    if (status == CARINA_OK || c->status != CARINA_OK)
        return;
    char text[sizeof c->r->err->text];
    c->status = status;
    if (!c->r->err)
        return;
    memcpy(text, c->r->err->text, sizeof text);
    text[sizeof text - 1] = 0;
    ca_err(c->r->err, status, "%s: %s", c->r->path, text);
}

CaValue *ca_onnx_in(CaOnnxCall *c, int i)
{
    CaValue *v = ca_onnx_opt(c, i);
    if (!v)
        ca_onnx_fail(c, CARINA_ERR_FORMAT, "input %d is missing; the file is damaged", i);
    return v;
}

CaValue *ca_onnx_opt(CaOnnxCall *c, int i) { return i < c->n_in ? c->in[i] : NULL; }

bool ca_onnx_out_used(const CaOnnxCall *c, int i)
{
    return (size_t)i < c->node->n_output && c->node->output[i][0] != 0;
}

const Onnx__AttributeProto *ca_onnx_attr(const CaOnnxCall *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute; i++)
        if (c->node->attribute[i]->name && strcmp(c->node->attribute[i]->name, name) == 0)
            return c->node->attribute[i];
    return NULL;
}

int64_t ca_onnx_attr_int(const CaOnnxCall *c, const char *name, int64_t absent)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    return a ? a->i : absent;
}

double ca_onnx_attr_real(const CaOnnxCall *c, const char *name, double absent)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    return a ? (double)a->f : absent;
}

const char *ca_onnx_attr_text(CaOnnxCall *c, const char *name, const char *absent)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    if (!a)
        return absent;
    const char *text =
        a->s.len ? ca_arena_copy_n(c->r->work, (const char *)a->s.data, a->s.len) : "";
    if (!text)
        ca_onnx_fail(c, CARINA_ERR_MEMORY, "out of memory");
    return text ? text : absent;
}

const int64_t *ca_onnx_attr_ints(const CaOnnxCall *c, const char *name, int *n)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    *n = a ? (int)a->n_ints : -1;
    return a ? a->ints : NULL;
}

bool ca_onnx_settle(CaOnnxCall *c)
{
    CaNode *node = c->pending;
    c->pending = NULL;
    if (c->status == CARINA_OK && node)
        failed(c, ca_node_infer(c->r->graph, node, c->r->err));
    return c->status == CARINA_OK;
}

CaValue *ca_onnx_make_at(CaOnnxCall *c, const char *op, int opset, CaValue *const *in,
                         int n_in, int n_out)
{
    CaNode *node = NULL;
    if (!ca_onnx_settle(c))
        return NULL;
    if (!ca_op_find(op, opset)) {
        ca_onnx_fail(c, CARINA_ERR_UNSUPPORTED,
                     "needs the operator %s, which this build of Carina does not have",
                     op);
        return NULL;
    }
    const char *name = ca_arena_printf(c->r->work, "%s/%s", c->name, op);
    failed(c, ca_graph_add(&node, c->r->graph, NULL, op, opset, name, in, n_in, n_out,
                           c->r->err));
    if (c->status != CARINA_OK)
        return NULL;
    c->pending = node;
    return &node->outputs[0];
}

CaValue *ca_onnx_make(CaOnnxCall *c, const char *op, CaValue *const *in, int n_in,
                      int n_out)
{
    return ca_onnx_make_at(c, op, 0, in, n_in, n_out);
}

CaValue *ca_onnx_1(CaOnnxCall *c, const char *op, CaValue *a)
{
    return ca_onnx_make(c, op, &a, 1, 1);
}
CaValue *ca_onnx_2(CaOnnxCall *c, const char *op, CaValue *a, CaValue *b)
{
    CaValue *const in[] = {a, b};
    return ca_onnx_make(c, op, in, 2, 1);
}
CaValue *ca_onnx_3(CaOnnxCall *c, const char *op, CaValue *a, CaValue *b, CaValue *d)
{
    CaValue *const in[] = {a, b, d};
    return ca_onnx_make(c, op, in, 3, 1);
}

void ca_onnx_set_int(CaOnnxCall *c, CaValue *v, const char *attr, int64_t x)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_int(c->r->graph, v->node, attr, x, c->r->err));
}
void ca_onnx_set_real(CaOnnxCall *c, CaValue *v, const char *attr, double x)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_float(c->r->graph, v->node, attr, x, c->r->err));
}
void ca_onnx_set_text(CaOnnxCall *c, CaValue *v, const char *attr, const char *x)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_text(c->r->graph, v->node, attr, x, c->r->err));
}
void ca_onnx_set_ints(CaOnnxCall *c, CaValue *v, const char *attr, const int64_t *x,
                      int n)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_ints(c->r->graph, v->node, attr, x, n, c->r->err));
}

CarinaShape ca_onnx_shape(CaOnnxCall *c, CaValue *v)
{
    return ca_onnx_settle(c) && v ? v->shape : ca_shape_unknown();
}
CarinaType ca_onnx_value_type(CaOnnxCall *c, CaValue *v)
{
    return ca_onnx_settle(c) && v ? v->type : CARINA_UNKNOWN;
}
int ca_onnx_rank(CaOnnxCall *c, CaValue *v)
{
    const CarinaShape s = ca_onnx_shape(c, v);
    if (s.rank >= 0)
        return s.rank;
    ca_onnx_fail(
        c, CARINA_ERR_SHAPE,
        "the number of dimensions of its input is not known; give the model's input shape");
    return 0;
}
int ca_onnx_axis(CaOnnxCall *c, int64_t axis, int rank)
{
    int out = 0;
    if (!ca_axis(axis, rank, &out))
        ca_onnx_fail(c, CARINA_ERR_SHAPE,
                     "axis %lld is outside an input of %d dimensions", (long long)axis,
                     rank);
    return out;
}

static const CarinaTensor *known(CaOnnxCall *c, CaValue *v, int max, int *n)
{
    if (!ca_onnx_settle(c) || !v || !v->constant || ca_tensor_count(v->constant) > max)
        return NULL;
    *n = (int)ca_tensor_count(v->constant);
    return v->constant;
}
int ca_onnx_known_ints(CaOnnxCall *c, CaValue *v, int64_t *out, int max)
{
    int n = -1;
    const CarinaTensor *t = known(c, v, max, &n);
    for (int i = 0; t && i < n; i++)
        out[i] = ca_get_int(t->type, t->data, i);
    return n;
}
int ca_onnx_known_reals(CaOnnxCall *c, CaValue *v, double *out, int max)
{
    int n = -1;
    const CarinaTensor *t = known(c, v, max, &n);
    for (int i = 0; t && i < n; i++)
        out[i] = ca_get_real(t->type, t->data, i);
    return n;
}

static CaValue *ints(CaOnnxCall *c, const CarinaShape *shape, const int64_t *v, int n)
{
    CaValue *out = NULL;
    if (!ca_onnx_settle(c))
        return NULL;
    failed(c, ca_graph_ints(&out, c->r->graph, NULL, NULL, shape, v, n, c->r->err));
    return c->status == CARINA_OK ? out : NULL;
}
CaValue *ca_onnx_vector(CaOnnxCall *c, const int64_t *v, int n)
{
    return ints(c, NULL, v, n);
}
CaValue *ca_onnx_scalar(CaOnnxCall *c, int64_t v)
{
    const CarinaShape none = ca_shape(0, NULL);
    return ints(c, &none, &v, 1);
}
CaValue *ca_onnx_iota(CaOnnxCall *c, int from, int n)
{
    int64_t v[CARINA_MAX_RANK];
    for (int i = 0; i < n && i < CARINA_MAX_RANK; i++)
        v[i] = from + i;
    return ca_onnx_vector(c, v, n);
}
CaValue *ca_onnx_number(CaOnnxCall *c, CaValue *like, double v)
{
    const CarinaShape none = ca_shape(0, NULL);
    CarinaType type = ca_onnx_value_type(c, like);
    CaValue *out = NULL;
    if (c->status != CARINA_OK)
        return NULL;
    if (type == CARINA_UNKNOWN)
        type = CARINA_F32;
    failed(c,
           ca_graph_reals(&out, c->r->graph, NULL, NULL, type, &none, &v, 1, c->r->err));
    return c->status == CARINA_OK ? out : NULL;
}

/* A constant with other dimensions over the same bytes, where the count allows; NULL otherwise. */
static CaValue *reshaped_constant(CaOnnxCall *c, CaValue *v, const int64_t *dims,
                                  int rank)
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
    failed(c, ca_tensor_of_buffer(&now, t->type, &shape, t->buffer, offset, c->r->err));
    if (c->status == CARINA_OK)
        failed(c, ca_graph_constant(&out, c->r->graph, NULL, v->name, now, c->r->err));
    return out;
}

CaValue *ca_onnx_reshape(CaOnnxCall *c, CaValue *v, const int64_t *dims, int rank)
{
    if (!ca_onnx_settle(c) || !v)
        return NULL;
    CaValue *out = ca_node_is(v->node, "Const") || ca_node_is(v->node, "Constant")
                       ? reshaped_constant(c, v, dims, rank)
                       : NULL;
    if (out || c->status != CARINA_OK)
        return out;
    out = ca_onnx_2(c, "Reshape", v, ca_onnx_vector(c, dims, rank));
    ca_onnx_set_text(c, out, "special_zero", "false");
    return out;
}

CaValue *ca_onnx_per_channel(CaOnnxCall *c, CaValue *v, int axis, int rank)
{
    int64_t dims[CARINA_MAX_RANK];
    const CarinaShape s = ca_onnx_shape(c, v);
    int64_t n;
    if (rank <= axis || rank > CARINA_MAX_RANK)
        return v;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    dims[axis] = s.rank >= 0 && ca_shape_count(&s, &n) ? n : -1;
    return ca_onnx_reshape(c, v, dims, rank);
}

CaValue *ca_onnx_convert(CaOnnxCall *c, CaValue *v, CarinaType type)
{
    if (ca_onnx_value_type(c, v) == type)
        return v;
    CaValue *out = ca_onnx_1(c, "Convert", v);
    ca_onnx_set_text(c, out, "destination_type", carina_type_name(type));
    return out;
}

CaValue *ca_onnx_to_scalar(CaOnnxCall *c, CaValue *v)
{
    const CarinaShape s = ca_onnx_shape(c, v);
    return s.rank == 0 ? v : ca_onnx_reshape(c, v, NULL, 0);
}

CaValue *ca_onnx_flatten(CaOnnxCall *c, CaValue *v, int64_t axis)
{
    const int rank = ca_onnx_rank(c, v);
    const CarinaShape s = ca_onnx_shape(c, v);
    int at = rank;
    if (axis != rank)
        at = ca_onnx_axis(c, axis, rank);
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
        ca_onnx_fail(
            c, CARINA_ERR_SHAPE,
            "dimensions on both sides of axis %d are not known; give the model's input shape",
            at);
    }
    CaValue *out = ca_onnx_2(c, "Reshape", v, ca_onnx_vector(c, dims, 2));
    ca_onnx_set_text(c, out, "special_zero", special_zero ? "true" : "false");
    return out;
}

void ca_onnx_out(CaOnnxCall *c, int i, CaValue *v)
{
    if (!ca_onnx_settle(c) || !v || !ca_onnx_out_used(c, i))
        return;
    CaOnnx *r = c->r;
    const char *name = c->node->output[i];
    for (size_t at = (size_t)ca_hash(name, strlen(name), 0) & (r->room - 1);
         r->names[at].key; at = (at + 1) & (r->room - 1))
        if (strcmp(r->names[at].key, name) == 0)
            r->names[at].value = v;
    if (v->node->id >= c->first_id) {
        if (i == 0)
            failed(c, ca_node_rename(r->graph, v->node, c->name, r->err));
        ca_value_set_name(r->graph, v, name);
    } else if (!v->name) {
        ca_value_set_name(r->graph, v, name);
    }
}
