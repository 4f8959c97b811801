/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of axes.
 */
#include "passes/order.h"

#include "passes/rewrite.h"

bool ca_order_is_identity(const CaOrder *p)
{
    for (int i = 0; i < p->rank; i++)
        if (p->at[i] != i)
            return false;
    return true;
}

bool ca_order_equal(const CaOrder *p, const CaOrder *q)
{
    for (int i = 0; i < p->rank && p->rank == q->rank; i++)
        if (p->at[i] != q->at[i])
            return false;
    return p->rank == q->rank;
}

CaOrder ca_order_inverse(const CaOrder *p)
{
    CaOrder q = {.rank = p->rank};
    for (int i = 0; i < p->rank; i++)
        q.at[p->at[i]] = (int8_t)i;
    return q;
}

CaOrder ca_order_then(const CaOrder *p, const CaOrder *q)
{
    CaOrder r = {.rank = p->rank};
    for (int i = 0; i < p->rank; i++)
        r.at[i] = p->at[q->at[i]];
    return r;
}

bool ca_order_read(CaOrder *p, const CaNode *n)
{
    const CarinaTensor *t = ca_node_is(n, "Transpose") ? ca_pass_constant(n, 1) : NULL;
    const CaValue *x = t ? ca_node_input(n, 0) : NULL;
    const int64_t rank = x ? x->shape.rank : -1;
    uint32_t seen = 0;
    *p = (CaOrder){0};
    if (!t || rank < 0 || rank > CARINA_MAX_RANK ||
        (ca_tensor_count(t) != rank && ca_tensor_count(t) != 0))
        return false;
    p->rank = (int8_t)rank;
    for (int i = 0; i < rank; i++) {
        const bool is_reversed = ca_tensor_count(t) == 0;
        const int64_t a = is_reversed ? rank - 1 - i : ca_get_int(t->type, t->data, i);
        if (a < 0 || a >= rank)
            return false;
        p->at[i] = (int8_t)a;
        seen |= 1u << a;
    }
    return seen + 1 == 1u << rank;
}

CarinaShape ca_order_shape(const CaOrder *p, const CarinaShape *s)
{
    CarinaShape y = {.rank = p->rank};
    for (int i = 0; i < p->rank; i++)
        y.dims[i] = s->dims[p->at[i]];
    return y;
}

bool ca_order_moves_ones(const CaOrder *p, const CarinaShape *s)
{
    int last = -1, n_unknown = 0;
    for (int i = 0; i < p->rank; i++) {
        const int64_t d = s->dims[p->at[i]];
        if (d != 1 && p->at[i] < last)
            return false;
        last = d != 1 ? p->at[i] : last;
        n_unknown += d < 0;
    }
    return n_unknown <= 1 && p->rank > 0 && p->at[0] == 0;
}

CarinaStatus ca_order_reshape(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                              CaValue *v, const CarinaShape *from, const CarinaShape *to,
                              CarinaError *err)
{
    int64_t dims[CARINA_MAX_RANK];
    CaValue *target = NULL;
    CaNode *n = NULL;
    /* The first dimension, where it is kept, is copied (0): the node then serves any batch. */
    const bool keeps =
        from->rank > 0 && to->rank > 0 && from->dims[0] == to->dims[0] && to->dims[0];
    for (int d = 0; d < to->rank; d++)
        dims[d] = d == 0 && keeps ? 0 : to->dims[d];
    CA_TRY(ca_graph_ints(&target, g, before, NULL, NULL, dims, to->rank, err));
    CA_TRY(ca_graph_add(&n, g, before, "Reshape", 1, name, (CaValue *[]){v, target}, 2, 1,
                        err));
    *out = &n->outputs[0];
    return ca_node_set_text(g, n, "special_zero", keeps ? "true" : "false", err);
}

/* The constant Transpose(v, p). */
static CarinaStatus fold(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                         CaNode *transpose, CarinaError *err)
{
    CarinaTensor *t[1] = {NULL};
    CA_TRY(ca_node_infer(g, transpose, err));
    CA_TRY(ca_reference_known(transpose, t, err));
    CA_TRY(ca_graph_constant(out, g, before, name, t[0], err));
    ca_rewrite_drop(g, transpose);
    return CARINA_OK;
}

CarinaStatus ca_order_put(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                          CaValue *v, const CarinaShape *s, const CaOrder *p,
                          CarinaError *err)
{
    int64_t at[CARINA_MAX_RANK];
    CaValue *order = NULL;
    CaNode *n = NULL;
    const CarinaShape y = ca_order_shape(p, s);
    const bool is_constant = ca_node_is(v->node, "Const");
    *out = v;
    if (ca_order_is_identity(p))
        return CARINA_OK;
    if (!is_constant && ca_order_moves_ones(p, s))
        return ca_shape_equal(&y, s)
                   ? CARINA_OK
                   : ca_order_reshape(out, g, before, name, v, s, &y, err);
    for (int i = 0; i < p->rank; i++)
        at[i] = p->at[i];
    CA_TRY(ca_graph_ints(&order, g, before, NULL, NULL, at, p->rank, err));
    CA_TRY(ca_graph_add(&n, g, before, "Transpose", 1, name, (CaValue *[]){v, order}, 2,
                        1, err));
    *out = &n->outputs[0];
    return is_constant ? fold(out, g, before, name, n, err) : CARINA_OK;
}
