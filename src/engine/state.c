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

/* One more input behind the model's, with what the first run finds there (consumed), and the output that the next
 * run finds. */
static CarinaStatus add_state(CaProgram *p, CaValue **given, const char *name,
                              CarinaTensor *first, CaValue *next, CarinaError *err)
{
    p->first_states[p->n_states++] = first;
    CA_TRY(ca_graph_parameter(given, p->graph, name, first->type, &first->shape, err));
    return ca_graph_result(p->graph, name, next, err);
}

/* `first` in the first run, which a state of its own tells: true, and false from then on. */
static CarinaStatus choose_first(CaProgram *p, CaNode *before, CaValue *first,
                                 CaValue **v, CarinaError *err)
{
    const CarinaShape one = ca_shape(1, (const int64_t[]){1});
    CarinaTensor *yes = NULL, *no = NULL;
    CaValue *later = NULL, *is_first = NULL;
    CaNode *select = NULL;
    CA_TRY(carina_tensor_create(&no, CARINA_BOOL, &one, err));
    CA_TRY(ca_graph_constant(&later, p->graph, NULL, NULL, no, err));
    CA_TRY(carina_tensor_create(&yes, CARINA_BOOL, &one, err));
    ca_put_int(CARINA_BOOL, yes->data, 0, 1);
    CA_TRY(add_state(p, &is_first, before->name, yes, later, err));
    CaValue *const in[] = {is_first, first, *v};
    CA_TRY(ca_graph_add(&select, p->graph, before, "Select", 0, before->name, in, 3, 1,
                        err));
    *v = &select->outputs[0];
    return ca_node_infer(p->graph, select, err);
}

static CarinaStatus expose(CaProgram *p, CaNode *read, CarinaError *err)
{
    CaValue *const value = &read->outputs[0], *const first = ca_node_input(read, 0),
                   *given = NULL;
    CaNode *assign = find_assign(p->graph, variable_of(read));
    CaValue *const next = assign ? ca_node_input(assign, 0) : NULL;
    CarinaTensor *t = NULL;
    if (!first || !next) { /* nothing is ever stored */
        if (first)
            ca_value_replace(value, first);
        return CARINA_OK;
    }
    if (next->type != value->type || !ca_shape_equal(&next->shape, &value->shape))
        return refuse(read, err, "changes its type or shape");
    CA_TRY(first->constant ? ca_tensor_share(&t, first->constant, err)
                           : carina_tensor_create(&t, value->type, &value->shape, err));
    CA_TRY(add_state(p, &given, read->name, t, next, err));
    if (!first->constant)
        CA_TRY(choose_first(p, read, first, &given, err));
    ca_value_replace(value, given);
    return CARINA_OK;
}

CarinaStatus ca_states_expose(CaProgram *p, CarinaError *err)
{
    CaGraph *g = p->graph;
    size_t n = 0;
    CA_EACH_NODE(node, g) {
        n += ca_node_is(node, "ReadValue") || ca_node_is(node, "Assign");
        for (int i = 0; i < node->n_bodies; i++)
            CA_EACH_NODE(inner, node->bodies[i].graph)
                if (ca_node_is(inner, "ReadValue") || ca_node_is(inner, "Assign"))
                    return refuse(inner, err, "is kept inside a body");
    }
    if (!n)
        return CARINA_OK;
    p->first_states = ca_alloc(2 * n * sizeof *p->first_states + 1);
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
