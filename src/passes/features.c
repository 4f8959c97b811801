/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Flatten before a matrix product.
 *
 * Between them may stand operators that work element by element: their constants move too. A constant that others
 * read is copied for the one that moves.
 */
#include "passes/features.h"

#include "passes/rewrite.h"

#include <string.h>

enum { MAX_DEPTH = 8 };

/* Element i of the moved features was element from[i]. */
typedef struct Move {
    CaGraph *g;
    int64_t n, *from;
    CarinaError *err;
} Move;

static bool is_long(const CaValue *v, int axis, int64_t n)
{
    return axis >= 0 && v->shape.dims[axis] == n;
}

/* Can the constant v, a Const or made element by element of some, have its axis reordered? */
static bool can_move_constant(const CaValue *v, int axis, int64_t n, int depth)
{
    const CaNode *made = v->node;
    if (!ca_shape_is_static(&v->shape) || depth == MAX_DEPTH)
        return false;
    if (ca_node_is(made, "Const"))
        return carina_type_bits(v->type) % 8 == 0;
    if (!(made->op->flags & CA_OP_ELEMENTWISE) || !ca_rewrite_is_numpy(made) ||
        ca_node_is(made, "PReLU") || !ca_pass_only_reader(made))
        return false;
    for (int i = 0; i < made->n_inputs; i++) {
        const CaValue *u = ca_node_input(made, i);
        const int at = u ? axis - (v->shape.rank - u->shape.rank) : -1;
        if (!u || u->shape.rank > v->shape.rank ||
            (at >= 0 && u->shape.dims[at] != 1 &&
             (!is_long(u, at, n) || !can_move_constant(u, at, n, depth + 1))))
            return false;
    }
    return true;
}

static CarinaStatus move_constant(Move *m, CaNode *reader, int input, int axis)
{
    CaValue *v = ca_node_input(reader, input), *fresh = NULL;
    CaNode *made = v->node;
    CarinaTensor *t = NULL;
    if (!ca_node_is(made, "Const")) {
        for (int i = 0; i < made->n_inputs; i++) {
            const CaValue *u = ca_node_input(made, i);
            const int at = axis - (v->shape.rank - u->shape.rank);
            if (is_long(u, at, m->n))
                CA_TRY(move_constant(m, made, i, at));
        }
        return CARINA_OK;
    }
    const CarinaTensor *old = v->constant;
    CA_TRY(carina_tensor_create(&t, old->type, &old->shape, m->err));
    const int64_t outer = ca_shape_product(&old->shape, 0, axis);
    const int64_t inner = ca_shape_product(&old->shape, axis + 1, old->shape.rank);
    const size_t size = (size_t)inner * (size_t)carina_type_bits(old->type) / 8;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < m->n; i++)
            memcpy((char *)t->data + (size_t)(o * m->n + i) * size,
                   (const char *)old->data + (size_t)(o * m->n + m->from[i]) * size,
                   size);
    CA_TRY(ca_graph_constant(&fresh, m->g, reader,
                             ca_value_n_uses(v) == 1 ? made->name : NULL, t, m->err));
    ca_node_set_input(reader, input, fresh);
    ca_rewrite_drop(m->g, made);
    return CARINA_OK;
}

/* Element by element, with v's features along the output's last axis and nothing else of that shape but constants. */
static bool is_along(const CaNode *r, const CaValue *v)
{
    const CarinaShape *y = &r->outputs[0].shape;
    if (!(r->op->flags & CA_OP_ELEMENTWISE) || !ca_rewrite_is_numpy(r) ||
        ca_node_is(r, "PReLU") || y->rank != 2 || y->dims[1] != v->shape.dims[1])
        return false;
    int n_own = 0;
    for (int i = 0; i < r->n_inputs; i++) {
        const CaValue *u = ca_node_input(r, i);
        const int at = u ? u->shape.rank - 1 : -1;
        n_own += u == v;
        if (!u || (u != v && at >= 0 && u->shape.dims[at] != 1 &&
                   (!is_long(u, at, v->shape.dims[1]) ||
                    !can_move_constant(u, at, v->shape.dims[1], 0))))
            return false;
    }
    return n_own == 1;
}

static bool is_product(const CaUse *u, int64_t n)
{
    const CaValue *w =
        u->index == 0 && ca_node_is(u->node, "MatMul") ? ca_node_input(u->node, 1) : NULL;
    if (!w || w->shape.rank != 2 || carina_node_bool(u->node, "transpose_a", false))
        return false;
    const int axis = carina_node_bool(u->node, "transpose_b", false) ? 1 : 0;
    return is_long(w, axis, n) && can_move_constant(w, axis, n, 0);
}

static bool can_move_features(const CaValue *v, int depth)
{
    if (depth == MAX_DEPTH || !v->uses)
        return false;
    for (const CaUse *u = v->uses; u; u = u->next)
        if (!is_product(u, v->shape.dims[1]) &&
            !(is_along(u->node, v) && can_move_features(&u->node->outputs[0], depth + 1)))
            return false;
    return true;
}

bool ca_features_can_move(const CaNode *n, const CaOrder *p)
{
    const CaValue *x = ca_node_input(n, 0), *y = &n->outputs[0];
    int64_t count = 1;
    if (!x || x->shape.rank < 2 || y->shape.rank != 2 || p->rank != x->shape.rank ||
        p->at[0] != 0 || y->shape.dims[1] < 1)
        return false;
    for (int d = 1; d < x->shape.rank; d++) {
        if (x->shape.dims[d] < 1 || count > INT64_MAX / x->shape.dims[d])
            return false;
        count *= x->shape.dims[d];
    }
    return count == y->shape.dims[1] && can_move_features(y, 0);
}

static CarinaStatus move_features(Move *m, CaValue *v)
{
    for (CaUse *u = v->uses, *next; u; u = next) {
        CaNode *r = u->node;
        next = u->next;
        if (ca_node_is(r, "MatMul")) {
            CA_TRY(move_constant(m, r, 1, carina_node_bool(r, "transpose_b", false)));
            continue;
        }
        for (int i = 0; i < r->n_inputs; i++) {
            const CaValue *c = ca_node_input(r, i);
            if (c != v && is_long(c, c->shape.rank - 1, m->n))
                CA_TRY(move_constant(m, r, i, c->shape.rank - 1));
        }
        CA_TRY(move_features(m, &r->outputs[0]));
    }
    return CARINA_OK;
}

CarinaStatus ca_features_move(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    const CarinaShape *x = &ca_node_input(n, 0)->shape;
    const CarinaShape inner = ca_shape(x->rank - 1, x->dims + 1);
    int64_t strides[CARINA_MAX_RANK];
    size_t size = 0;
    Move m = {.g = g, .n = n->outputs[0].shape.dims[1], .err = err};
    if (ca_mul_size(&size, (size_t)m.n, sizeof *m.from))
        m.from = ca_alloc(size);
    if (!m.from)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the weights behind '%s'",
                      n->name);
    ca_ref_strides(&inner, strides);
    for (int64_t i = 0; i < m.n; i++) {
        int64_t rest = i, at = 0;
        for (int d = p->rank - 1; d > 0; d--) {
            at += rest % x->dims[p->at[d]] * strides[p->at[d] - 1];
            rest /= x->dims[p->at[d]];
        }
        m.from[i] = at;
    }
    const CarinaStatus status = move_features(&m, &n->outputs[0]);
    ca_free(m.from);
    return status;
}
