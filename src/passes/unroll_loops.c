/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unroll-loops: a TensorIterator or Loop that is known to run so and so often becomes that many copies of its body,
 * one behind another; an If whose condition is known becomes its branch.
 *
 * What is the same in every iteration is there once. A loop stays where its copies would be more than MOST_NODES
 * nodes: it then runs by its definition.
 */
#include "ops/loops.h"
#include "passes/rewrite.h"

#include <string.h>

enum { MOST_NODES = 1 << 14, MOST_PARTS = 4096 };

typedef struct Unrolling {
    CaGraph *g;
    CaNode *node;
    const CarinaBody *b;
    int64_t n;
    CaArena *work;
    CaValue **given, **results; /* of the body in one iteration */
    CaValue ***parts;       /* of each input and then each output that is taken apart */
    CaNode **first, **made; /* copies in the first and in this iteration, by id */
    CarinaError *err;
} Unrolling;

static CarinaStatus no_memory(const Unrolling *u)
{
    return ca_err(u->err, CARINA_ERR_MEMORY, "out of memory for '%s'", u->node->name);
}

static CarinaStatus prepare(Unrolling *u)
{
    const CaGraph *body = u->b->graph;
    const size_t n_parts = (size_t)u->b->n_inputs + (size_t)u->b->n_outputs + 1,
                 n_ids = (size_t)body->own->next_id + 1;
    u->work = ca_arena_create(0);
    if (!u->work)
        return no_memory(u);
    u->given = ca_arena_array(u->work, (size_t)body->n_inputs + 1, sizeof(CaValue *));
    u->results = ca_arena_array(u->work, (size_t)body->n_outputs + 1, sizeof(CaValue *));
    u->parts = ca_arena_array(u->work, n_parts, sizeof(CaValue **));
    u->first = ca_arena_array(u->work, n_ids, sizeof(CaNode *));
    u->made = ca_arena_array(u->work, n_ids, sizeof(CaNode *));
    if (!u->given || !u->results || !u->parts || !u->first || !u->made)
        return no_memory(u);
    for (size_t i = 0; i < n_parts; i++)
        if (!(u->parts[i] = ca_arena_array(u->work, (size_t)u->n + 1, sizeof(CaValue *))))
            return no_memory(u);
    return CARINA_OK;
}

/* --- Parts of an input. */

static CarinaStatus split(const Unrolling *u, const CarinaPortMap *m, CaValue *whole,
                          int axis, CaValue **parts)
{
    const int64_t at = axis;
    const CarinaShape scalar = ca_shape(0, NULL);
    CaValue *in[2] = {whole, NULL};
    CaNode *n = NULL;
    CA_TRY(ca_graph_ints(&in[1], u->g, u->node, NULL, &scalar, &at, 1, u->err));
    CA_TRY(ca_graph_add(&n, u->g, u->node, "Split", 1, NULL, in, 2, (int)u->n, u->err));
    CA_TRY(ca_node_set_int(u->g, n, "num_splits", u->n, u->err));
    CA_TRY(ca_node_infer(u->g, n, u->err));
    for (int64_t i = 0; i < u->n; i++)
        parts[i] = &n->outputs[m->stride < 0 ? u->n - 1 - i : i];
    return CARINA_OK;
}

static CarinaStatus cut(const Unrolling *u, const CarinaPortMap *m, CaValue *whole,
                        int axis, int64_t begin, CaValue **part)
{
    int64_t from[CARINA_MAX_RANK] = {0}, to[CARINA_MAX_RANK] = {0},
            all[CARINA_MAX_RANK] = {0};
    CaValue *in[3] = {whole, NULL, NULL};
    CaNode *n = NULL;
    for (int d = 0; d <= axis; d++)
        all[d] = d < axis;
    from[axis] = begin;
    to[axis] = begin + m->part_size;
    CA_TRY(ca_graph_ints(&in[1], u->g, u->node, NULL, NULL, from, axis + 1, u->err));
    CA_TRY(ca_graph_ints(&in[2], u->g, u->node, NULL, NULL, to, axis + 1, u->err));
    CA_TRY(ca_graph_add(&n, u->g, u->node, "StridedSlice", 1, NULL, in, 3, 1, u->err));
    CA_TRY(ca_node_set_ints(u->g, n, "begin_mask", all, axis + 1, u->err));
    CA_TRY(ca_node_set_ints(u->g, n, "end_mask", all, axis + 1, u->err));
    *part = &n->outputs[0];
    return ca_node_infer(u->g, n, u->err);
}

static CarinaStatus take_apart(const Unrolling *u, const CarinaPortMap *m,
                               CaValue **parts)
{
    CaValue *whole = ca_node_input(u->node, m->outer);
    int axis = 0;
    if (!ca_axis(m->axis, whole->shape.rank, &axis))
        return ca_err(u->err, CARINA_ERR_SHAPE, "node '%s': an axis that is not there",
                      u->node->name);
    const int64_t size = whole->shape.dims[axis];
    const int64_t step = m->stride < 0 ? -m->stride : m->stride;
    if (u->n > 0 && step == m->part_size && u->n * m->part_size == size)
        return split(u, m, whole, axis, parts);
    for (int64_t i = 0; i < u->n; i++)
        CA_TRY(cut(u, m, whole, axis, ca_part_begin(m, size, i), &parts[i]));
    return CARINA_OK;
}

/* --- Iterations. */

static CarinaStatus count(const Unrolling *u, int64_t i)
{
    const CaParameterAttrs *p = u->b->graph->inputs[u->b->iteration_input]->attrs;
    CarinaTensor *t = NULL;
    CA_TRY(carina_tensor_create(&t, p->element_type, &p->shape, u->err));
    ca_put_int(t->type, t->data, 0, i);
    return ca_graph_constant(&u->given[u->b->iteration_input], u->g, u->node, NULL, t,
                             u->err);
}

static CarinaStatus iterate(const Unrolling *u, int64_t i)
{
    const CarinaBody *b = u->b;
    const char *suffix = u->n > 1 ? ca_arena_printf(u->work, "/%lld", (long long)i) : "";
    if (!suffix)
        return no_memory(u);
    for (int k = 0; k < b->n_inputs; k++) {
        const CarinaPortMap *m = &b->inputs[k];
        CaValue *v = m->is_sliced ? u->parts[k][i] : ca_node_input(u->node, m->outer);
        for (int e = 0; i > 0 && e < b->n_back_edges; e++)
            if (b->back_edges[e].to == m->inner)
                v = u->results[b->back_edges[e].from];
        u->given[m->inner] = v;
    }
    if (b->iteration_input >= 0)
        CA_TRY(count(u, i));
    CA_TRY(ca_body_inline(u->g, u->node, b->graph, u->given, u->results,
                          i ? u->first : NULL, i ? u->made : u->first, "", suffix,
                          u->err));
    for (int k = 0; k < b->n_outputs; k++)
        u->parts[b->n_inputs + k][b->outputs[k].stride < 0 ? u->n - 1 - i : i] =
            u->results[b->outputs[k].inner];
    return CARINA_OK;
}

/* --- Outputs. */

/* A model's input or a constant never takes the place of an output as it is. */
static CarinaStatus stand_alone(CaGraph *g, CaNode *before, CaValue **v, CarinaError *err)
{
    CaNode *n = NULL;
    if (!ca_node_is((*v)->node, "Parameter") && !ca_node_is((*v)->node, "Const"))
        return CARINA_OK;
    CA_TRY(ca_graph_add(&n, g, before, "Convert", 1, NULL, v, 1, 1, err));
    CA_TRY(ca_node_set_int(g, n, "destination_type", (*v)->type, err));
    *v = &n->outputs[0];
    return ca_node_infer(g, n, err);
}

static CarinaStatus put_out(const Unrolling *u, int k)
{
    const CarinaPortMap *m = &u->b->outputs[k];
    CaValue **parts = u->parts[u->b->n_inputs + k], *v = u->results[m->inner];
    if (m->is_sliced && u->n > 1) {
        CaNode *n = NULL;
        CA_TRY(ca_graph_add(&n, u->g, u->node, "Concat", 1, NULL, parts, (int)u->n, 1,
                            u->err));
        CA_TRY(ca_node_set_int(u->g, n, "axis", m->axis, u->err));
        CA_TRY(ca_node_infer(u->g, n, u->err));
        v = &n->outputs[0];
    }
    CA_TRY(stand_alone(u->g, u->node, &v, u->err));
    ca_rewrite_overtake(&u->node->outputs[m->outer], v);
    if (u->node->n_outputs == 1 || v->node->name != u->node->name)
        return CARINA_OK;
    const char *name = ca_arena_printf(u->work, "%s.%d", u->node->name, (int)m->outer);
    return name ? ca_node_rename(u->g, v->node, name, u->err) : no_memory(u);
}

static CarinaStatus unroll(Unrolling *u)
{
    CA_TRY(prepare(u));
    for (int k = 0; k < u->b->n_inputs; k++)
        if (u->b->inputs[k].is_sliced)
            CA_TRY(take_apart(u, &u->b->inputs[k], u->parts[k]));
    for (int64_t i = 0; i < u->n; i++)
        CA_TRY(iterate(u, i));
    for (int k = 0; k < u->b->n_outputs; k++)
        CA_TRY(put_out(u, k));
    ca_rewrite_drop(u->g, u->node);
    return CARINA_OK;
}

/* --- What is worth it. */

static int nodes_inside(const CaGraph *g)
{
    int n = g->n_nodes;
    CA_EACH_NODE(node, g)
        for (int i = 0; i < node->n_bodies && n < MOST_NODES; i++)
            n += nodes_inside(node->bodies[i].graph);
    return n;
}

static bool has_types(const CaNode *n)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i].type == CARINA_UNKNOWN)
            return false;
    return true;
}

/* The body that is to take the node's place and how often; NULL: none. */
static const CarinaBody *choose(const CaNode *n, int64_t *times)
{
    *times = 1;
    if (!n->n_bodies || !has_types(n))
        return NULL;
    if (ca_node_is(n, "If")) {
        const CaValue *c = ca_node_input(n, 0);
        if (!c || !c->constant || ca_tensor_count(c->constant) != 1)
            return NULL;
        return &n->bodies[ca_get_real(c->constant->type, c->constant->data, 0) != 0 ? 0
                                                                                    : 1];
    }
    *times = ca_iterations_known(n);
    return *times > 0 && *times <= MOST_PARTS ? &n->bodies[0] : NULL;
}

static bool parts_are_known(const CaNode *n, const CarinaBody *b)
{
    for (int i = 0; i < b->n_inputs; i++) {
        const CaValue *v = ca_node_input(n, b->inputs[i].outer);
        if (!v || (b->inputs[i].is_sliced && !ca_shape_is_static(&v->shape)))
            return false;
    }
    int64_t count = 0;
    const CaParameterAttrs *p =
        b->iteration_input >= 0 ? b->graph->inputs[b->iteration_input]->attrs : NULL;
    return !p || (ca_shape_count(&p->shape, &count) && count == 1 &&
                  ca_type_is_whole(p->element_type));
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    int64_t room = MOST_NODES;
    int before = -1;
    while (before != *n_changes) { /* what was inside is looked at next */
        before = *n_changes;
        CA_EACH_NODE_SAFE(n, g)
        {
            int64_t times = 0;
            const CarinaBody *b = choose(n, &times);
            const int64_t cost = b ? times * nodes_inside(b->graph) : 0;
            if (!b || cost > room || !parts_are_known(n, b))
                continue;
            room -= cost;
            Unrolling u = {.g = g, .node = n, .b = b, .n = times, .err = err};
            const CarinaStatus status = unroll(&u);
            ca_arena_free(&u.work);
            CA_TRY(status);
            ++*n_changes;
        }
    }
    return CARINA_OK;
}

const CaPass ca_pass_unroll_loops = {
    .name = "unroll-loops",
    .summary = "loops of known length laid out, known branches taken",
    .run = run,
};
