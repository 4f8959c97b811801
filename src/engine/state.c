/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model keeps from run to run: ReadValue and Assign become inputs and outputs behind the model's own, of which
 * each request has two sets and turns them round after each run.
 */
#include "engine/compiled.h"
#include "graph/op.h"

#include <string.h>

static const char *variable_of(const CaNode *n)
{
    const char *const *id = carina_node_attr(n, "variable_id", CARINA_ATTR_STRING);
    return id && *id ? *id : "";
}

static CaNode *find_assign(const CaGraph *g, const char *variable)
{
    CA_EACH_NODE(n, g)
        if (ca_node_is(n, "Assign") && strcmp(variable_of(n), variable) == 0)
            return n;
    return NULL;
}

static CarinaStatus refuse(const CaNode *n, CarinaError *err, const char *why)
{
    return ca_err(err, CARINA_ERR_UNSUPPORTED,
                  "node '%s' (%s): the state '%s' %s; cut the model there (--input, "
                  "--output) and hand the state on",
                  n->name, n->op_name, variable_of(n), why);
}

static CarinaStatus expose(CaProgram *p, CaNode *read, CarinaError *err)
{
    CaGraph *g = p->graph;
    CaValue *const value = &read->outputs[0], *given = NULL;
    const CaValue *const first = ca_node_input(read, 0);
    const CaNode *assign = find_assign(g, variable_of(read));
    const CaValue *const next = assign ? ca_node_input(assign, 0) : NULL;
    if (!first || !first->constant)
        return refuse(read, err, "begins with what depends on an input");
    if (next &&
        (next->type != value->type || !ca_shape_equal(&next->shape, &value->shape)))
        return refuse(read, err, "changes its type or shape");
    CA_TRY(ca_tensor_share(&p->first_states[p->n_states], first->constant, err));
    p->n_states++;
    CA_TRY(ca_graph_parameter(&given, g, read->name, value->type, &value->shape, err));
    ca_value_replace(value, given);
    return ca_graph_result(g, read->name,
                           next && next != value ? assign->inputs[0].value : given, err);
}

CarinaStatus ca_states_expose(CaProgram *p, CarinaError *err)
{
    CaGraph *g = p->graph;
    size_t n = 0;
    CA_EACH_NODE(node, g) {
        n += ca_node_is(node, "ReadValue");
        for (int i = 0; i < node->n_bodies; i++)
            CA_EACH_NODE(inner, node->bodies[i].graph)
                if (ca_node_is(inner, "ReadValue") || ca_node_is(inner, "Assign"))
                    return refuse(inner, err, "is kept inside a body");
    }
    p->first_states = ca_alloc(n * sizeof *p->first_states + 1);
    if (!p->first_states)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the model's state");
    CA_EACH_NODE_SAFE(node, g)
    if (ca_node_is(node, "ReadValue"))
        CA_TRY(expose(p, node, err));
    CA_EACH_NODE_SAFE(node, g)
    if (ca_node_is(node, "Assign")) {
        ca_value_replace(&node->outputs[0], node->inputs[0].value);
        ca_graph_remove(g, node);
    }
    CA_EACH_NODE_SAFE(node, g)
    if (ca_node_is(node, "ReadValue"))
        ca_graph_remove(g, node);
    (void)ca_graph_sweep(g);
    return ca_graph_sort(g, err);
}

void ca_states_free(CarinaTensor ***states, int n)
{
    for (int i = 0; *states && i < n; i++)
        carina_tensor_free(&(*states)[i]);
    ca_free(*states);
    *states = NULL;
}

/* Set 0 holds the first values; elements of both lie apart from the model's. */
CarinaStatus ca_states_create(CarinaTensor ***out, const CaProgram *p, CarinaError *err)
{
    *out = ca_alloc(2 * (size_t)p->n_states * sizeof **out + 1);
    if (!*out)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the model's state");
    for (int i = 0; i < 2 * p->n_states; i++) {
        const CarinaTensor *t = p->first_states[i % p->n_states];
        CarinaStatus status = carina_tensor_create(&(*out)[i], t->type, &t->shape, err);
        if (status != CARINA_OK) {
            ca_states_free(out, 2 * p->n_states);
            return status;
        }
        if (i < p->n_states && t->size)
            memcpy((*out)[i]->data, t->data, t->size);
    }
    return CARINA_OK;
}
