/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs inside nodes: who owns them, how they are copied, and how their nodes become nodes of the graph around.
 */
#include "graph/op.h"

#include <string.h>

static CarinaStatus no_memory(CarinaError *err)
{
    return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
}

/* The graph frees the body with itself; it is consumed on failure too. */
static CarinaStatus keep(CaGraph *g, CaGraph *body, CarinaError *err)
{
    struct CaGraphOwn *own = g->own;
    if (own->n_bodies == own->bodies_room) {
        const size_t room = own->bodies_room ? 2 * own->bodies_room : 4;
        CarinaGraph **p =
            ca_grow(own->bodies, own->n_bodies, room, sizeof(CarinaGraph *));
        own->bodies = p;
        if (!p) {
            own->n_bodies = own->bodies_room = 0;
            ca_graph_free(&body);
            return no_memory(err);
        }
        own->bodies_room = room;
    }
    own->bodies[own->n_bodies++] = body;
    return CARINA_OK;
}

void ca_bodies_free(CaGraph *g)
{
    for (size_t i = 0; i < g->own->n_bodies; i++)
        ca_graph_free(&g->own->bodies[i]);
    ca_free(g->own->bodies);
}

CarinaStatus ca_node_set_body(CaGraph *g, CaNode *node, int n, int i, CaGraph *body,
                              int n_inputs, int n_outputs, int n_back_edges,
                              CarinaError *err)
{
    CaArena *arena = g->own->arena;
    CA_TRY(keep(g, body, err));
    if (!node->bodies)
        node->bodies = ca_arena_array(arena, (size_t)n, sizeof *node->bodies);
    if (!node->bodies)
        return no_memory(err);
    CarinaBody *b = &node->bodies[i];
    node->n_bodies = n;
    *b = (CarinaBody){.graph = body,
                      .n_inputs = n_inputs,
                      .n_outputs = n_outputs,
                      .n_back_edges = n_back_edges,
                      .iteration_input = -1,
                      .condition_output = -1};
    b->inputs = ca_arena_array(arena, (size_t)n_inputs, sizeof *b->inputs);
    b->outputs = ca_arena_array(arena, (size_t)n_outputs, sizeof *b->outputs);
    b->back_edges = ca_arena_array(arena, (size_t)n_back_edges, sizeof *b->back_edges);
    return b->inputs && b->outputs && b->back_edges ? CARINA_OK : no_memory(err);
}

CarinaStatus ca_bodies_copy(CaGraph *g, CaNode *to, const CaNode *from, CarinaError *err)
{
    to->n_bodies = 0;
    to->bodies = NULL;
    for (int i = 0; i < from->n_bodies; i++) {
        const CarinaBody *f = &from->bodies[i];
        CaGraph *graph = NULL;
        CA_TRY(ca_graph_copy(&graph, f->graph, err));
        CA_TRY(ca_node_set_body(g, to, from->n_bodies, i, graph, f->n_inputs,
                                f->n_outputs, f->n_back_edges, err));
        CarinaBody *t = &to->bodies[i];
        if (f->n_inputs)
            memcpy(t->inputs, f->inputs, (size_t)f->n_inputs * sizeof *f->inputs);
        if (f->n_outputs)
            memcpy(t->outputs, f->outputs, (size_t)f->n_outputs * sizeof *f->outputs);
        if (f->n_back_edges)
            memcpy(t->back_edges, f->back_edges,
                   (size_t)f->n_back_edges * sizeof *f->back_edges);
        t->iteration_input = f->iteration_input;
        t->condition_output = f->condition_output;
    }
    return CARINA_OK;
}

/* --- Inlining. */

typedef struct Inlining {
    CaGraph *g;
    CaNode *before;
    const CaGraph *body;
    CaValue *const *inputs; /* of its Parameters */
    CaNode *const *known;
    CaNode **made;
    const char *prefix, *suffix;
    CarinaError *err;
} Inlining;

static CaValue *value_of(const Inlining *in, const CaValue *v)
{
    if (!v)
        return NULL;
    for (int i = 0; ca_node_is(v->node, "Parameter") && i < in->body->n_inputs; i++)
        if (in->body->inputs[i] == v->node)
            return in->inputs[i];
    return &in->made[v->node->id]->outputs[v->index];
}

/* Would the copy be the same as the earlier one? */
static bool is_known(const Inlining *in, const CaNode *n)
{
    const CaNode *k = in->known ? in->known[n->id] : NULL;
    for (int i = 0; k && i < n->n_inputs; i++)
        if (k->inputs[i].value != value_of(in, n->inputs[i].value))
            return false;
    return k != NULL;
}

static CarinaStatus copy_constant(const Inlining *in, const CaNode *n)
{
    CarinaTensor *t = NULL;
    CaValue *v = NULL;
    const char *name = ca_arena_printf(in->g->own->arena, "%s%s", in->prefix, n->name);
    if (!name)
        return no_memory(in->err);
    CA_TRY(ca_tensor_share(&t, n->outputs[0].constant, in->err));
    CA_TRY(ca_graph_constant(&v, in->g, in->before, name, t, in->err));
    in->made[n->id] = v->node;
    return CARINA_OK;
}

static CarinaStatus copy_node(const Inlining *in, const CaNode *n)
{
    CaArena *arena = in->g->own->arena;
    CaNode *c = NULL;
    const char *name = ca_arena_printf(arena, "%s%s%s", in->prefix, n->name, in->suffix);
    CaValue **values = ca_arena_array(arena, (size_t)n->n_inputs + 1, sizeof *values);
    if (!name || !values)
        return no_memory(in->err);
    for (int i = 0; i < n->n_inputs; i++)
        values[i] = value_of(in, n->inputs[i].value);
    CA_TRY(ca_graph_add_op(&c, in->g, in->before, n->op, name, values, n->n_inputs,
                           n->n_outputs, in->err));
    CA_TRY(ca_attrs_copy(in->g, c, n, in->err));
    CA_TRY(ca_bodies_copy(in->g, c, n, in->err));
    for (const CarinaInfo *i = n->info; i; i = i->next)
        ca_node_set_info(in->g, c, i->key, i->value);
    in->made[n->id] = c;
    return ca_node_infer(in->g, c, in->err);
}

CarinaStatus ca_body_inline(CaGraph *g, CaNode *before, const CaGraph *body,
                            CaValue *const *inputs, CaValue **outputs,
                            CaNode *const *known, CaNode **made, const char *prefix,
                            const char *suffix, CarinaError *err)
{
    const Inlining in = {g, before, body, inputs, known, made, prefix, suffix, err};
    CA_EACH_NODE(n, body) {
        if (ca_node_is(n, "Parameter") || ca_node_is(n, "Result"))
            continue;
        if (is_known(&in, n))
            made[n->id] = known[n->id];
        else if (ca_node_is(n, "Const"))
            CA_TRY(copy_constant(&in, n));
        else
            CA_TRY(copy_node(&in, n));
    }
    for (int i = 0; i < body->n_outputs; i++)
        outputs[i] = value_of(&in, body->outputs[i]->inputs[0].value);
    return CARINA_OK;
}
