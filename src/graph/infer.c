/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes through the graph, and what shape rules are made of.
 *
 * Values that only say shapes (ShapeOf, Gather, Concat ... of a few numbers) are computed while inferring: the
 * value then carries its elements as `constant`, so Reshape and the like see their targets.
 */
#include "graph/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    KNOWN_MOST = 4096
}; /* elements that are worth knowing: shapes, axes, scales, sizes */

CarinaShape ca_in_shape(const CaInferArgs *a, int i)
{
    const CaValue *v = ca_node_input(a->node, i);
    return v ? v->shape : ca_shape_unknown();
}

CarinaType ca_in_type(const CaInferArgs *a, int i)
{
    const CaValue *v = ca_node_input(a->node, i);
    return v ? v->type : CARINA_UNKNOWN;
}

void ca_out(const CaInferArgs *a, int i, CarinaType type, const CarinaShape *shape)
{
    a->node->outputs[i].type = type;
    a->node->outputs[i].shape = *shape;
}

bool ca_in_ints(const CaInferArgs *a, int i, int64_t *v, int max, int *n)
{
    const CaValue *in = ca_node_input(a->node, i);
    if (!in || !in->constant)
        return false;
    const int64_t count = ca_tensor_count(in->constant);
    if (count > max)
        return false;
    for (int64_t k = 0; k < count; k++)
        v[k] = ca_get_int(in->constant->type, in->constant->data, k);
    *n = (int)count;
    return true;
}

bool ca_in_real(const CaInferArgs *a, int i, double *v)
{
    const CaValue *in = ca_node_input(a->node, i);
    if (!in || !in->constant || ca_tensor_count(in->constant) != 1)
        return false;
    *v = ca_get_real(in->constant->type, in->constant->data, 0);
    return true;
}

CarinaStatus ca_infer_err(const CaInferArgs *a, CarinaError *err, CarinaStatus code,
                          const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = 0;
    va_end(args);
    return ca_err(err, code, "node '%.80s' (%s): %s", a->node->name, a->node->op_name,
                  text);
}

CarinaStatus ca_infer_same_as_input(const CaInferArgs *a, CarinaError *err)
{
    (void)err;
    const CarinaShape s = ca_in_shape(a, 0);
    ca_out(a, 0, ca_in_type(a, 0), &s);
    return CARINA_OK;
}

/* pdpd: only the second shape stretches. Its trailing 1s are dropped and the rest aligned at `axis`; with the
 * default axis, the difference of the ranks, that is where NumPy's rule puts it. */
static bool pdpd(CarinaShape *out, const CarinaShape *x, const CarinaShape *y)
{
    CarinaShape wide;
    *out = *x;
    if (x->rank < 0 || y->rank < 0)
        return true;
    return y->rank <= x->rank && ca_shape_broadcast(&wide, x, y) &&
           (!ca_shape_is_static(x) || ca_shape_equal(&wide, x));
}

static CarinaStatus broadcast(const CaInferArgs *a, CarinaShape *out, CarinaError *err)
{
    char tx[CA_SHAPE_TEXT], ty[CA_SHAPE_TEXT];
    const CarinaShape x = ca_in_shape(a, 0), y = ca_in_shape(a, 1);
    const char *mode = carina_node_enum(a->node, "auto_broadcast");
    const CarinaType p = ca_in_type(a, 0), q = ca_in_type(a, 1);
    if (p != q && p != CARINA_UNKNOWN && q != CARINA_UNKNOWN)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "inputs are %s and %s, must be of one type",
                            carina_type_name(p), carina_type_name(q));
    bool fits =
        strcmp(mode, "pdpd") == 0 ? pdpd(out, &x, &y) : ca_shape_broadcast(out, &x, &y);
    if (strcmp(mode, "none") == 0 && ca_shape_is_static(&x) && ca_shape_is_static(&y))
        fits = ca_shape_equal(&x, &y);
    if (!fits)
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE, "shapes %s and %s do not fit together",
            ca_shape_text(tx, sizeof tx, &x), ca_shape_text(ty, sizeof ty, &y));
    return CARINA_OK;
}

CarinaStatus ca_infer_broadcast(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape s;
    CA_TRY(broadcast(a, &s, err));
    ca_out(a, 0, ca_in_type(a, 0) != CARINA_UNKNOWN ? ca_in_type(a, 0) : ca_in_type(a, 1),
           &s);
    return CARINA_OK;
}

CarinaStatus ca_infer_compare(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape s;
    CA_TRY(broadcast(a, &s, err));
    ca_out(a, 0, CARINA_BOOL, &s);
    return CARINA_OK;
}

/* Are all inputs known and few, and all outputs static and few? */
static bool is_small(const CaNode *node)
{
    int64_t n = 0;
    if (!ca_op_folds(node->op) || node->n_inputs > CA_KNOWN_PORTS ||
        node->n_outputs > CA_KNOWN_PORTS)
        return false;
    const bool is_shape_of = ca_node_is(node, "ShapeOf");
    for (int i = 0; i < node->n_inputs; i++) {
        const CaValue *v = node->inputs[i].value;
        if (!v)
            continue;
        if (is_shape_of ? !ca_shape_is_static(&v->shape)
                        : !v->constant || ca_tensor_count(v->constant) > KNOWN_MOST)
            return false;
    }
    for (int i = 0; i < node->n_outputs; i++)
        if (!ca_shape_count(&node->outputs[i].shape, &n) || n > KNOWN_MOST ||
            node->outputs[i].type == CARINA_UNKNOWN)
            return false;
    return true;
}

static CarinaStatus shape_of(CaGraph *g, CaNode *node, CarinaError *err)
{
    const CarinaShape s = node->inputs[0].value->shape;
    CarinaTensor *t = NULL;
    CA_TRY(carina_tensor_create(&t, node->outputs[0].type, &node->outputs[0].shape, err));
    for (int i = 0; i < s.rank; i++)
        ca_put_int(t->type, t->data, i, s.dims[i]);
    CA_TRY(ca_graph_keep(g, t, err));
    node->outputs[0].constant = t;
    return CARINA_OK;
}

CarinaStatus ca_node_know(CaGraph *g, CaNode *node, CarinaError *err)
{
    CarinaTensor *outs[CA_KNOWN_PORTS] = {NULL};
    if (ca_node_is(node, "ShapeOf"))
        return shape_of(g, node, err);
    CarinaStatus status = ca_reference_known(node, outs, err);
    for (int i = 0; i < node->n_outputs; i++) {
        if (status == CARINA_OK)
            status = ca_graph_keep(g, outs[i], err);
        else
            carina_tensor_free(&outs[i]);
        if (status == CARINA_OK)
            node->outputs[i].constant = outs[i];
    }
    return status;
}

CarinaStatus ca_node_infer(CaGraph *g, CaNode *node, CarinaError *err)
{
    const CaInferArgs args = {g, node, node->attrs};
    CA_TRY(ca_node_check(node, err));
    if (ca_node_is(node, "Const"))
        return CARINA_OK;
    for (int i = 0; i < node->n_outputs; i++)
        node->outputs[i].constant = NULL;
    CA_TRY(node->op->infer(&args, err));
    return node->n_inputs && is_small(node) ? ca_node_know(g, node, err) : CARINA_OK;
}

CarinaStatus ca_graph_infer(CaGraph *g, CarinaError *err)
{
    CA_EACH_NODE(n, g)
        CA_TRY(ca_node_infer(g, n, err));
    return CARINA_OK;
}
