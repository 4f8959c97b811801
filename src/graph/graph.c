/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes and edges.
 */
#include "graph/graph.h"

#include "graph/op.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static CarinaStatus no_memory(CarinaError *err)
{
    return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
}

CarinaStatus ca_graph_create(CaGraph **out, CarinaError *err)
{
    *out = NULL;
    CaArena *arena = ca_arena_create(0);
    CaGraph *g = arena ? ca_arena_alloc(arena, sizeof *g) : NULL;
    struct CaGraphOwn *own = g ? ca_arena_alloc(arena, sizeof *own) : NULL;
    if (!own) {
        ca_arena_free(&arena);
        return no_memory(err);
    }
    own->arena = arena;
    g->own = own;
    g->name = "model";
    *out = g;
    return CARINA_OK;
}

void ca_graph_free(CaGraph **graph)
{
    if (!graph || !*graph)
        return;
    struct CaGraphOwn *own = (*graph)->own;
    for (size_t i = 0; i < own->n_tensors; i++)
        carina_tensor_free(&own->tensors[i]);
    ca_free(own->tensors);
    ca_bodies_free(*graph);
    CaArena *arena = own->arena;
    ca_arena_free(&arena);
    *graph = NULL;
}

void ca_graph_drop_constants(CaGraph *g)
{
    CA_EACH_NODE(n, g)
        for (int i = 0; i < n->n_outputs; i++)
            n->outputs[i].constant = NULL;
    for (size_t i = 0; i < g->own->n_tensors; i++)
        carina_tensor_free(&g->own->tensors[i]);
    g->own->n_tensors = 0;
}

/* The graph frees the tensor; it is consumed on failure too. */
CarinaStatus ca_graph_keep(CaGraph *g, CarinaTensor *tensor, CarinaError *err)
{
    struct CaGraphOwn *own = g->own;
    if (own->n_tensors == own->tensors_room) {
        const size_t room = own->tensors_room ? 2 * own->tensors_room : 64;
        CarinaTensor **p = ca_alloc(room * sizeof *p);
        if (!p) {
            carina_tensor_free(&tensor);
            return no_memory(err);
        }
        if (own->n_tensors)
            memcpy(p, own->tensors, own->n_tensors * sizeof *p);
        ca_free(own->tensors);
        own->tensors = p;
        own->tensors_room = room;
    }
    own->tensors[own->n_tensors++] = tensor;
    return CARINA_OK;
}

static void link_node(CaGraph *g, CaNode *node, CaNode *before)
{
    node->next = before;
    node->prev = before ? before->prev : g->last;
    if (node->prev)
        node->prev->next = node;
    else
        g->first = node;
    if (before)
        before->prev = node;
    else
        g->last = node;
}

static void unlink_node(CaGraph *g, CaNode *node)
{
    if (node->prev)
        node->prev->next = node->next;
    else
        g->first = node->next;
    if (node->next)
        node->next->prev = node->prev;
    else
        g->last = node->prev;
    node->prev = node->next = NULL;
}

static void let_go(CaUse *use)
{
    if (!use->value)
        return;
    if (use->prev)
        use->prev->next = use->next;
    else
        use->value->uses = use->next;
    if (use->next)
        use->next->prev = use->prev;
    use->value = NULL;
    use->next = use->prev = NULL;
}

void ca_node_set_input(CaNode *node, int i, CaValue *value)
{
    CaUse *use = &node->inputs[i];
    let_go(use);
    use->value = value;
    if (!value)
        return;
    use->next = value->uses;
    if (use->next)
        use->next->prev = use;
    value->uses = use;
}

void ca_value_replace(CaValue *old, CaValue *now)
{
    if (old == now)
        return;
    while (old->uses)
        ca_node_set_input(old->uses->node, old->uses->index, now);
}

static CarinaStatus find_op(const CaOp **op, const char *op_name, int opset,
                            const char *name, CarinaError *err)
{
    *op = ca_op_find(op_name, opset);
    if (*op)
        return CARINA_OK;
    const char *near = ca_op_find(op_name, 0) ? NULL : ca_op_nearest(op_name);
    return ca_err(err, CARINA_ERR_UNSUPPORTED,
                  "node '%s': operator %s%s is not known%s%s%s", name ? name : "",
                  op_name, ca_op_find(op_name, 0) ? " of this old opset" : "",
                  near ? "; did the file mean " : "", near ? near : "",
                  near ? "?" : "; `carina ops` lists those that are");
}

static CarinaStatus set_fallbacks(CaGraph *g, CaNode *node, CarinaError *err)
{
    for (const CarinaAttr *a = node->attr_table; a && a->kind != CARINA_ATTR_END; a++) {
        if (a->kind == CARINA_ATTR_FLOAT && a->is_required)
            *(double *)(void *)((char *)node->attrs + a->offset) =
                (double)NAN; /* "not given yet" */
        if (a->kind == CARINA_ATTR_SHAPE)
            *(CarinaShape *)(void *)((char *)node->attrs + a->offset) =
                ca_shape_unknown();
        if (!a->is_required && a->fallback)
            CA_TRY(ca_node_set_text(g, node, a->name, a->fallback, err));
    }
    return CARINA_OK;
}

/* attrs is NULL where there is no memory. */
static void take_op(CaGraph *g, CaNode *node, const CaOp *op)
{
    node->op = op;
    node->op_name = op->name;
    node->opset = op->opset;
    node->attr_table = op->attrs;
    node->attrs = ca_arena_alloc(g->own->arena, op->attrs_size);
}

CarinaStatus ca_graph_add_op(CaNode **out, CaGraph *g, CaNode *before, const CaOp *op,
                             const char *name, CaValue *const *inputs, int n_inputs,
                             int n_outputs, CarinaError *err)
{
    if (g->n_nodes >= CA_MAX_NODES || n_inputs > CA_MAX_PORTS ||
        n_outputs > CA_MAX_PORTS || n_inputs < 0 || n_outputs < 0)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "node '%s' (%s): more than %d nodes or %d ports", name ? name : "",
                      op->name, CA_MAX_NODES, CA_MAX_PORTS);
    if (op->arity.n_out >= 0)
        n_outputs = op->arity.n_out;
    CaArena *arena = g->own->arena;
    CaNode *node = ca_arena_alloc(arena, sizeof *node);
    if (!node)
        return no_memory(err);
    node->id = g->own->next_id++;
    node->name = name && *name ? ca_arena_copy(arena, name)
                               : ca_arena_printf(arena, "%s_%d", op->name, node->id);
    take_op(g, node, op);
    node->n_inputs = n_inputs;
    node->n_outputs = n_outputs;
    node->inputs = ca_arena_array(arena, (size_t)n_inputs, sizeof *node->inputs);
    node->outputs = ca_arena_array(arena, (size_t)n_outputs, sizeof *node->outputs);
    if (!node->name || !node->attrs || !node->inputs || !node->outputs)
        return no_memory(err);
    for (int i = 0; i < n_outputs; i++)
        node->outputs[i] =
            (CaValue){.node = node, .index = i, .shape = ca_shape_unknown()};
    for (int i = 0; i < n_inputs; i++) {
        node->inputs[i] = (CaUse){.node = node, .index = i};
        ca_node_set_input(node, i, inputs ? inputs[i] : NULL);
    }
    link_node(g, node, before);
    g->n_nodes++;
    *out = node;
    return set_fallbacks(g, node, err);
}

CarinaStatus ca_node_become(CaGraph *g, CaNode *node, const char *op_name, int opset,
                            CarinaError *err)
{
    const CaOp *op = NULL;
    CA_TRY(find_op(&op, op_name, opset, node->name, err));
    assert(op->arity.n_out == node->n_outputs);
    take_op(g, node, op);
    return node->attrs ? set_fallbacks(g, node, err) : no_memory(err);
}

CarinaStatus ca_graph_add(CaNode **out, CaGraph *g, CaNode *before, const char *op_name,
                          int opset, const char *name, CaValue *const *inputs,
                          int n_inputs, int n_outputs, CarinaError *err)
{
    const CaOp *op = NULL;
    CA_TRY(find_op(&op, op_name, opset, name, err));
    return ca_graph_add_op(out, g, before, op, name, inputs, n_inputs, n_outputs, err);
}

CarinaStatus ca_graph_constant(CaValue **out, CaGraph *g, CaNode *before,
                               const char *name, CarinaTensor *tensor, CarinaError *err)
{
    CaNode *node = NULL;
    CA_TRY(ca_graph_keep(g, tensor, err));
    CA_TRY(ca_graph_add(&node, g, before, "Const", 1, name, NULL, 0, 1, err));
    node->outputs[0].type = tensor->type;
    node->outputs[0].shape = tensor->shape;
    node->outputs[0].constant = tensor;
    *out = &node->outputs[0];
    return CARINA_OK;
}

CarinaStatus ca_graph_reals(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                            CarinaType type, const CarinaShape *shape, const double *v,
                            int64_t n, CarinaError *err)
{
    const CarinaShape flat = ca_shape(1, &n);
    CarinaTensor *t = NULL;
    CA_TRY(carina_tensor_create(&t, type, shape ? shape : &flat, err));
    for (int64_t i = 0; i < n; i++)
        ca_put_real(type, t->data, i, v[i]);
    return ca_graph_constant(out, g, before, name, t, err);
}

CarinaStatus ca_graph_ints(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                           const CarinaShape *shape, const int64_t *v, int64_t n,
                           CarinaError *err)
{
    const CarinaShape flat = ca_shape(1, &n);
    CarinaTensor *t = NULL;
    CA_TRY(carina_tensor_create(&t, CARINA_I64, shape ? shape : &flat, err));
    for (int64_t i = 0; i < n; i++)
        ca_put_int(CARINA_I64, t->data, i, v[i]);
    return ca_graph_constant(out, g, before, name, t, err);
}

/* Append to one of the graph's two lists of ports; the array grows in the arena, doubling. */
static CarinaStatus append(CaGraph *g, CaNode ***list, int32_t *n, CaNode *node,
                           CarinaError *err)
{
    if ((*n & (*n - 1)) == 0) {
        CaNode **p = ca_arena_array(g->own->arena, *n ? 2 * (size_t)*n : 1, sizeof *p);
        if (!p)
            return no_memory(err);
        if (*n)
            memcpy(p, *list, (size_t)*n * sizeof *p);
        *list = p;
    }
    (*list)[(*n)++] = node;
    return CARINA_OK;
}

CarinaStatus ca_graph_parameter(CaValue **out, CaGraph *g, const char *name,
                                CarinaType type, const CarinaShape *shape,
                                CarinaError *err)
{
    CaNode *node = NULL;
    CA_TRY(ca_graph_add(&node, g, g->first, "Parameter", 1, name, NULL, 0, 1, err));
    *(CarinaType *)(void *)((char *)node->attrs +
                            offsetof(CaParameterAttrs, element_type)) = type;
    *(CarinaShape *)(void *)((char *)node->attrs + offsetof(CaParameterAttrs, shape)) =
        *shape;
    node->outputs[0].type = type;
    node->outputs[0].shape = *shape;
    *out = &node->outputs[0];
    return append(g, &g->inputs, &g->n_inputs, node, err);
}

CarinaStatus ca_graph_result(CaGraph *g, const char *name, CaValue *value,
                             CarinaError *err)
{
    CaNode *node = NULL;
    CA_TRY(ca_graph_add(&node, g, NULL, "Result", 1, name, &value, 1, 1, err));
    node->outputs[0].type = value->type;
    node->outputs[0].shape = value->shape;
    return append(g, &g->outputs, &g->n_outputs, node, err);
}

static void drop_port(CaNode **list, int32_t *n, const CaNode *node)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < *n; i++)
        if (list[i] != node)
            list[kept++] = list[i];
    *n = kept;
}

/* The tensor of a Const goes with it: a model's weights are rewritten several times, and must not pile up. */
static void let_tensor_go(CaGraph *g, CaNode *node)
{
    struct CaGraphOwn *own = g->own;
    const CarinaTensor *t =
        node->n_outputs == 1 && node->n_inputs == 0 ? node->outputs[0].constant : NULL;
    size_t i = own->n_tensors;
    while (t && i > 0 && own->tensors[i - 1] != t)
        i--;
    if (!t || i == 0)
        return;
    node->outputs[0].constant = NULL;
    carina_tensor_free(&own->tensors[i - 1]);
    own->tensors[i - 1] = own->tensors[--own->n_tensors];
}

void ca_graph_remove(CaGraph *g, CaNode *node)
{
    let_tensor_go(g, node);
    for (int i = 0; i < node->n_inputs; i++)
        let_go(&node->inputs[i]);
    drop_port(g->inputs, &g->n_inputs, node);
    drop_port(g->outputs, &g->n_outputs, node);
    unlink_node(g, node);
    g->n_nodes--;
}

int ca_graph_sweep(CaGraph *g)
{
    int removed = 0;
    for (CaNode *n = g->last, *prev = NULL; n; n = prev) {
        bool is_used = ca_node_is(n, "Parameter") || (n->op->flags & CA_OP_SIDE);
        prev = n->prev;
        for (int i = 0; i < n->n_outputs; i++)
            is_used = is_used || n->outputs[i].uses;
        if (!is_used) {
            ca_graph_remove(g, n);
            removed++;
        }
    }
    return removed;
}

/* Kahn's algorithm over the list: a node goes to the new list once all its producers have. */
CarinaStatus ca_graph_sort(CaGraph *g, CarinaError *err)
{
    CaNode **stack = ca_alloc((size_t)g->n_nodes * sizeof *stack + 1);
    int32_t *waits = ca_alloc((size_t)g->own->next_id * sizeof *waits +
                              1); /* 1 + nodes not placed, by id; 0: placed */
    CarinaStatus status = stack && waits ? CARINA_OK : no_memory(err);
    CaNode *first = g->first;
    if (status == CARINA_OK) {
        CA_EACH_NODE(n, g)
            waits[n->id] = 1;
        g->first = g->last = NULL;
    }
    /* Depth first from each node in list order, producers first. A node on the stack has waits == 2. */
    for (CaNode *start = first, *after = NULL; start && status == CARINA_OK;
         start = after) {
        int32_t top = 0;
        /* `next` is needed to walk the old list, so placed nodes keep it in waits' stead: find it first. */
        after = start->next;
        if (waits[start->id] == 0)
            continue;
        stack[top++] = start;
        waits[start->id] = 2;
        while (top && status == CARINA_OK) {
            CaNode *n = stack[top - 1];
            CaNode *need = NULL;
            for (int i = 0; i < n->n_inputs && !need; i++)
                if (n->inputs[i].value && waits[n->inputs[i].value->node->id])
                    need = n->inputs[i].value->node;
            if (!need) {
                waits[n->id] = 0;
                top--;
            } else if (waits[need->id] == 2) {
                status = ca_err(err, CARINA_ERR_FORMAT,
                                "node '%s' (%s) depends on itself: the graph has a cycle",
                                need->name, need->op_name);
            } else {
                waits[need->id] = 2;
                stack[top++] = need;
            }
            if (!need) {
                /* Link at the end without touching n->next of nodes still to be visited. */
                n->prev = g->last;
                g->last = n;
            }
        }
    }
    if (status == CARINA_OK) {
        CaNode *next = NULL;
        for (CaNode *n = g->last; n; n = n->prev) {
            n->next = next;
            next = n;
        }
        g->first = next;
    } else {
        g->first = first;
    }
    ca_free(stack);
    ca_free(waits);
    return status;
}

int ca_value_n_uses(const CaValue *v)
{
    int n = 0;
    for (const CaUse *u = v->uses; u; u = u->next)
        n++;
    return n;
}

bool ca_node_is(const CaNode *node, const char *op_name)
{
    return node && strcmp(node->op_name, op_name) == 0;
}

CaValue *ca_node_input(const CaNode *node, int i)
{
    return i < node->n_inputs ? node->inputs[i].value : NULL;
}

CaNode *ca_node_input_node(const CaNode *node, int i)
{
    CaValue *v = ca_node_input(node, i);
    return v ? v->node : NULL;
}

void ca_value_set_name(CaGraph *g, CaValue *v, const char *name)
{
    v->name = ca_arena_copy(g->own->arena, name);
}

CarinaStatus ca_node_rename(CaGraph *g, CaNode *node, const char *name, CarinaError *err)
{
    char *copy = ca_arena_copy(g->own->arena, name);
    if (!copy)
        return no_memory(err);
    node->name = copy;
    return CARINA_OK;
}

/* Appends, so that lists keep the file's order; an existing key gets the new value. */
static void set_info(CaArena *arena, const CarinaInfo **list, const char *key,
                     const char *value)
{
    CarinaInfo *fresh = ca_arena_alloc(arena, sizeof *fresh);
    if (!fresh)
        return;
    fresh->key = ca_arena_copy(arena, key);
    fresh->value = ca_arena_copy(arena, value);
    const CarinaInfo **at = list;
    while (*at && strcmp((*at)->key, key) != 0)
        at = (const CarinaInfo **)(uintptr_t) & (*at)->next;
    fresh->next = *at ? (*at)->next : NULL;
    *at = fresh;
}

void ca_node_set_info(CaGraph *g, CaNode *node, const char *key, const char *value)
{
    set_info(g->own->arena, &node->info, key, value);
}

void ca_graph_set_info(CaGraph *g, const char *key, const char *value)
{
    set_info(g->own->arena, &g->info, key, value);
}

const char *ca_info_find(const CarinaInfo *list, const char *key)
{
    for (; list; list = list->next)
        if (strcmp(list->key, key) == 0)
            return list->value;
    return NULL;
}

CaNode *ca_graph_find(const CaGraph *g, const char *name)
{
    CA_EACH_NODE(n, g)
        if (strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

static CarinaStatus copy_node(CaGraph *to, const CaNode *n, CaNode **map,
                              CarinaError *err)
{
    CaArena *arena = to->own->arena;
    CaNode *c = ca_arena_alloc(arena, sizeof *c);
    if (!c)
        return no_memory(err);
    *c = *n;
    c->id = to->own->next_id++;
    map[n->id] = c;
    c->name = ca_arena_copy(arena, n->name);
    c->info = NULL;
    c->inputs = ca_arena_array(arena, (size_t)n->n_inputs, sizeof *c->inputs);
    c->outputs = ca_arena_array(arena, (size_t)n->n_outputs, sizeof *c->outputs);
    c->attrs = ca_arena_alloc(arena, n->op->attrs_size);
    if (!c->name || !c->inputs || !c->outputs || !c->attrs)
        return no_memory(err);
    CA_TRY(ca_attrs_copy(to, c, n, err));
    CA_TRY(ca_bodies_copy(to, c, n, err));
    for (const CarinaInfo *i = n->info; i; i = i->next)
        ca_node_set_info(to, c, i->key, i->value);
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *v = n->inputs[i].value;
        c->inputs[i] = (CaUse){.node = c, .index = i};
        ca_node_set_input(c, i, v ? &map[v->node->id]->outputs[v->index] : NULL);
    }
    for (int i = 0; i < n->n_outputs; i++) {
        const CaValue *v = &n->outputs[i];
        c->outputs[i] =
            (CaValue){.node = c, .index = i, .type = v->type, .shape = v->shape};
        if (v->name)
            ca_value_set_name(to, &c->outputs[i], v->name);
        if (v->constant) {
            CarinaTensor *t = NULL;
            CA_TRY(ca_tensor_share(&t, v->constant, err));
            CA_TRY(ca_graph_keep(to, t, err));
            c->outputs[i].constant = t;
        }
    }
    link_node(to, c, NULL);
    to->n_nodes++;
    return CARINA_OK;
}

CarinaStatus ca_graph_copy(CaGraph **out, const CaGraph *g, CarinaError *err)
{
    CaGraph *to = NULL;
    CA_TRY(ca_graph_create(&to, err));
    CaNode **map = ca_alloc((size_t)g->own->next_id * sizeof *map + 1);
    CarinaStatus status = map ? CARINA_OK : no_memory(err);
    if (status == CARINA_OK)
        to->name = ca_arena_copy(to->own->arena, g->name);
    for (const CarinaInfo *i = g->info; i && status == CARINA_OK; i = i->next)
        ca_graph_set_info(to, i->key, i->value);
    for (const CaNode *n = g->first; n && status == CARINA_OK; n = n->next)
        status = copy_node(to, n, map, err);
    for (int32_t i = 0; i < g->n_inputs && status == CARINA_OK; i++)
        status = append(to, &to->inputs, &to->n_inputs, map[g->inputs[i]->id], err);
    for (int32_t i = 0; i < g->n_outputs && status == CARINA_OK; i++)
        status = append(to, &to->outputs, &to->n_outputs, map[g->outputs[i]->id], err);
    ca_free(map);
    if (status != CARINA_OK)
        ca_graph_free(&to);
    *out = to;
    return status;
}
