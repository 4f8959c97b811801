/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making nodes for the Caffe reader: what a translation is written in.
 */
#include "formats/caffe/caffe_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

CarinaStatus ca_caffe_fail(CaCaffeCall *c, CarinaStatus code, const char *format, ...)
{
    char text[400];
    va_list list;
    if (c->status != CARINA_OK)
        return c->status;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    c->status = ca_err(c->r->err, code, "%s: layer '%s' (%s): %s", c->r->path, c->name,
                       c->type, text);
    return c->status;
}

/* A failure of the graph's own functions: they have said where in the graph, not in which file. */
static void failed(CaCaffeCall *c, CarinaStatus status)
{
    char text[sizeof c->r->err->text];
    if (status == CARINA_OK || c->status != CARINA_OK)
        return;
    c->status = status;
    memcpy(text, c->r->err->text, sizeof text);
    text[sizeof text - 1] = 0;
    ca_err(c->r->err, status, "%s: %s", c->r->path, text);
}

bool ca_caffe_settle(CaCaffeCall *c)
{
    CaNode *node = c->pending;
    c->pending = NULL;
    if (c->status == CARINA_OK && node)
        failed(c, ca_node_infer(c->r->graph, node, c->r->err));
    return c->status == CARINA_OK;
}

CaValue *ca_caffe_make(CaCaffeCall *c, const char *op, int opset, CaValue *const *in,
                       int n_in, int n_out)
{
    CaNode *node = NULL;
    if (!ca_caffe_settle(c))
        return NULL;
    if (!ca_op_find(op, opset)) {
        ca_caffe_fail(c, CARINA_ERR_UNSUPPORTED,
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

CaValue *ca_caffe_1(CaCaffeCall *c, const char *op, CaValue *a)
{
    return ca_caffe_make(c, op, 0, &a, 1, 1);
}
CaValue *ca_caffe_2(CaCaffeCall *c, const char *op, CaValue *a, CaValue *b)
{
    CaValue *const in[] = {a, b};
    return ca_caffe_make(c, op, 0, in, 2, 1);
}

void ca_caffe_set_int(CaCaffeCall *c, CaValue *v, const char *attr, int64_t x)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_int(c->r->graph, v->node, attr, x, c->r->err));
}
void ca_caffe_set_real(CaCaffeCall *c, CaValue *v, const char *attr, double x)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_float(c->r->graph, v->node, attr, x, c->r->err));
}
void ca_caffe_set_text(CaCaffeCall *c, CaValue *v, const char *attr, const char *x)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_text(c->r->graph, v->node, attr, x, c->r->err));
}
void ca_caffe_set_ints(CaCaffeCall *c, CaValue *v, const char *attr, const int64_t *x,
                       int n)
{
    if (c->status == CARINA_OK && v)
        failed(c, ca_node_set_ints(c->r->graph, v->node, attr, x, n, c->r->err));
}
void ca_caffe_set_floats(CaCaffeCall *c, CaValue *v, const char *attr, const float *x,
                         size_t n)
{
    double *list = ca_arena_array(c->r->work, n + 1, sizeof *list);
    if (!list || n > CA_MAX_PORTS)
        ca_caffe_fail(c, CARINA_ERR_LIMIT, "%zu values of %s are too many", n, attr);
    for (size_t i = 0; c->status == CARINA_OK && i < n; i++)
        list[i] = (double)x[i];
    if (c->status == CARINA_OK && v)
        failed(c,
               ca_node_set_floats(c->r->graph, v->node, attr, list, (int)n, c->r->err));
}

CarinaShape ca_caffe_shape(CaCaffeCall *c, CaValue *v)
{
    if (!ca_caffe_settle(c) || !v)
        return ca_shape(0, NULL);
    if (ca_shape_is_static(&v->shape))
        return v->shape;
    ca_caffe_fail(c, CARINA_ERR_SHAPE, "the shape of its input is not known");
    return ca_shape(0, NULL);
}
int ca_caffe_axis(CaCaffeCall *c, int64_t axis, int rank)
{
    int out = 0;
    if (!ca_axis(axis, rank, &out))
        ca_caffe_fail(c, CARINA_ERR_SHAPE,
                      "axis %lld is outside an input of %d dimensions", (long long)axis,
                      rank);
    return out;
}
int64_t ca_caffe_count(const CarinaShape *s, int from, int to)
{
    return from < to && to <= s->rank ? ca_shape_product(s, from, to) : 1;
}

static CaValue *ints(CaCaffeCall *c, const CarinaShape *shape, const int64_t *v, int n)
{
    CaValue *out = NULL;
    if (!ca_caffe_settle(c))
        return NULL;
    failed(c, ca_graph_ints(&out, c->r->graph, NULL, NULL, shape, v, n, c->r->err));
    return c->status == CARINA_OK ? out : NULL;
}
CaValue *ca_caffe_vector(CaCaffeCall *c, const int64_t *v, int n)
{
    return ints(c, NULL, v, n);
}
CaValue *ca_caffe_scalar(CaCaffeCall *c, int64_t v)
{
    const CarinaShape none = ca_shape(0, NULL);
    return ints(c, &none, &v, 1);
}
CaValue *ca_caffe_reals(CaCaffeCall *c, const CarinaShape *shape, const double *v)
{
    CaValue *out = NULL;
    if (!ca_caffe_settle(c))
        return NULL;
    failed(c, ca_graph_reals(&out, c->r->graph, NULL, NULL, CARINA_F32, shape, v,
                             ca_caffe_count(shape, 0, shape->rank), c->r->err));
    return c->status == CARINA_OK ? out : NULL;
}
CaValue *ca_caffe_number(CaCaffeCall *c, double v)
{
    const CarinaShape none = ca_shape(0, NULL);
    return ca_caffe_reals(c, &none, &v);
}

CaValue *ca_caffe_reshape(CaCaffeCall *c, CaValue *v, const int64_t *dims, int rank,
                          bool zero_copies)
{
    CaValue *out = ca_caffe_2(c, "Reshape", v, ca_caffe_vector(c, dims, rank));
    ca_caffe_set_text(c, out, "special_zero", zero_copies ? "true" : "false");
    return out;
}

CaValue *ca_caffe_times(CaCaffeCall *c, CaValue *v, double factor)
{
    return factor == 1 ? v : ca_caffe_2(c, "Multiply", v, ca_caffe_number(c, factor));
}
CaValue *ca_caffe_plus(CaCaffeCall *c, CaValue *v, double term)
{
    return term == 0 ? v : ca_caffe_2(c, "Add", v, ca_caffe_number(c, term));
}

CarinaShape ca_caffe_along(int axis, int rank, int64_t n)
{
    int64_t dims[CARINA_MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? n : 1;
    return ca_shape(rank, dims);
}
