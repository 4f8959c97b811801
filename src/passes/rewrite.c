/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that several passes take.
 */
#include "passes/rewrite.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 16 };

static bool feeds_result(const CaValue *v)
{
    for (const CaUse *u = v->uses; u; u = u->next)
        if (ca_node_is(u->node, "Result"))
            return true;
    return false;
}

static bool is_source(const CaNode *n)
{
    return ca_node_is(n, "Parameter") || ca_node_is(n, "Const");
}

bool ca_rewrite_is_bridge(const CaValue *old, const CaValue *now)
{
    return is_source(now->node) && feeds_result(old);
}

CarinaStatus ca_rewrite_same(CaGraph *g, CaValue *old, CaValue *now, CarinaError *err)
{
    const bool takes_name =
        feeds_result(old) && !feeds_result(now) && now->node->n_outputs == 1;
    if (old->name && !ca_text_equal(old->name, now->name)) {
        const char *both =
            now->name ? ca_arena_printf(ca_graph_arena(g), "%s,%s", now->name, old->name)
                      : old->name;
        if (!both)
            return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
        now->name = both;
    }
    if (takes_name && !is_source(now->node))
        now->node->name = old->node->name;
    ca_value_replace(old, now);
    return CARINA_OK;
}

void ca_rewrite_overtake(CaValue *old, CaValue *now)
{
    const bool takes_name = feeds_result(old) && !is_source(now->node);
    now->name = old->name;
    if (takes_name)
        now->node->name = old->node->name;
    ca_value_replace(old, now);
}

static bool is_dead(const CaNode *node)
{
    if (ca_node_is(node, "Parameter") || (node->op->flags & CA_OP_SIDE))
        return false;
    for (int i = 0; i < node->n_outputs; i++)
        if (node->outputs[i].uses)
            return false;
    return true;
}

static void drop(CaGraph *g, CaNode *node, int depth)
{
    if (!is_dead(node) || depth > MAX_DEPTH)
        return;
    for (int i = 0; i < node->n_inputs; i++) {
        CaNode *from = ca_node_input_node(node, i);
        if (!from)
            continue;
        ca_node_set_input(node, i, NULL);
        drop(g, from, depth + 1);
    }
    ca_graph_remove(g, node);
}

void ca_rewrite_drop(CaGraph *g, CaNode *node) { drop(g, node, 0); }

static bool is_widening(const CaValue *from, const CaValue *to)
{
    return ca_type_is_real(from->type) &&
           (to->type == CARINA_F32 || to->type == CARINA_F64) &&
           carina_type_bits(from->type) <= carina_type_bits(to->type);
}

const CarinaTensor *ca_rewrite_constant(const CaValue *v)
{
    for (int depth = 0; v && depth < MAX_DEPTH; depth++) {
        const CaNode *n = v->node;
        const CaValue *from = ca_node_input(n, 0);
        if (ca_node_is(n, "Const"))
            return v->constant;
        const bool keeps = ca_node_is(n, "Reshape") || ca_node_is(n, "Squeeze") ||
                           ca_node_is(n, "Unsqueeze");
        if (!from || !ca_shape_is_static(&v->shape) ||
            !(keeps || (ca_node_is(n, "Convert") && is_widening(from, v))))
            return NULL;
        v = from;
    }
    return NULL;
}

double *ca_rewrite_reals(const CaValue *v)
{
    const CarinaTensor *t = ca_rewrite_constant(v);
    size_t size = 0;
    if (!t || !ca_mul_size(&size, (size_t)ca_tensor_count(t), sizeof(double)))
        return NULL;
    double *x = ca_alloc(size);
    for (int64_t i = 0; x && i < ca_tensor_count(t); i++)
        x[i] = ca_get_real(t->type, t->data, i);
    return x;
}

bool ca_rewrite_number(const CaValue *v, double *x)
{
    const CarinaTensor *t = ca_rewrite_constant(v);
    const int64_t n = t ? ca_tensor_count(t) : 0;
    if (n < 1)
        return false;
    *x = ca_get_real(t->type, t->data, 0);
    for (int64_t i = 1; i < n; i++)
        if (ca_get_real(t->type, t->data, i) != *x)
            return false;
    return true;
}

bool ca_rewrite_near(CarinaType type, double y, double x)
{
    const double relative = type == CARINA_F16    ? 0x1p-10
                            : type == CARINA_BF16 ? 0x1p-7
                                                  : 0x1p-21;
    return fabs(y - x) <= relative * fabs(x);
}

bool ca_rewrite_is_numpy(const CaNode *node)
{
    const char *rule = carina_node_enum(node, "auto_broadcast");
    return !rule[0] || strcmp(rule, "numpy") == 0;
}

bool ca_rewrite_with_number(const CaValue *v, const char *op_name, bool only_second,
                            CaValue **other, double *x)
{
    const CaNode *n = v->node;
    if (!ca_node_is(n, op_name) || n->n_inputs != 2 || !ca_rewrite_is_numpy(n))
        return false;
    for (int i = 1; i >= (only_second ? 1 : 0); i--) {
        const CaValue *c = ca_node_input(n, i);
        *other = ca_node_input(n, 1 - i);
        if (c && *other && ca_rewrite_number(c, x))
            return true;
    }
    return false;
}

bool ca_rewrite_fits(CarinaType type, const double *v, int64_t n)
{
    const double most = type == CARINA_F16   ? 65504
                        : type == CARINA_F64 ? 0x1.fffffffffffffp1023
                                             : 0x1.fep127;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(v[i]) <= most))
            return false;
    return true;
}

CarinaStatus ca_rewrite_add(CaNode **out, CaGraph *g, CaNode *before, const char *op_name,
                            const char *name, CaValue *const *inputs, int n_inputs,
                            CarinaError *err)
{
    CA_TRY(ca_graph_add(out, g, before, op_name, 0, name, inputs, n_inputs, 1, err));
    return ca_node_infer(g, *out, err);
}
