/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: a loop as a Loop. Its condition is a Result of the body, of the round that follows; that of the first
 * round is computed before it.
 */
#include "formats/tensorflow/tf_by_data.h"

#include <string.h>

enum { MAX_LOOPS = 1 << 10, MOST_STEPS = 64 };

const CaTfEdge *ca_tf_behind_identities(const CaTfEdge *edge)
{
    for (int k = 0; k < MOST_STEPS && edge->node && edge->node->n_in == 1 &&
                    edge->port == 0 && strcmp(edge->node->op, "Identity") == 0;
         k++)
        edge = &edge->node->in[0];
    return edge;
}

static CaValue *truth(CaBuild *b, CaValue *v)
{
    return ca_build_convert(b, ca_build_to_scalar(b, v), CARINA_BOOL);
}

bool ca_tf_by_data_begin(CaTfByData *d, CaTfCall *c, CaValue *condition, int n_states)
{
    CaBuild *b = c->b;
    *d = (CaTfByData){.c = c, .n_states = n_states, .outer = b->graph};
    d->in = ca_arena_array(b->work, (size_t)n_states + 2, sizeof(CaValue *));
    d->stays = ca_arena_array(b->work, (size_t)n_states + 1, sizeof *d->stays);
    if (!d->in || !d->stays || ++c->r->n_by_data > MAX_LOOPS) {
        ca_build_fail(b, d->in && d->stays ? CARINA_ERR_LIMIT : CARINA_ERR_MEMORY,
                      "more than %d loops whose rounds the data counts", MAX_LOOPS);
        return false;
    }
    d->in[d->n_in++] = ca_build_scalar(b, -1);
    d->in[d->n_in++] = truth(b, condition);
    if (!ca_build_settle(b) || !ca_build_ok(b, ca_graph_create(&d->graph, b->err)))
        return false;
    b->graph = d->graph;
    c->r->loop_depth++;
    return true;
}

bool ca_tf_by_data_enter(CaTfByData *d, CaValue *const *state, CaValue **inner)
{
    CaTfCall *c = d->c;
    CaBuild *b = c->b;
    for (int i = 0; i < d->n_states && b->status == CARINA_OK; i++) {
        const char *name = ca_arena_printf(b->work, "%s/%d", c->node->name, i);
        CarinaTensor *t = NULL;
        if (d->stays[i] && state[i]->constant) {
            if (ca_build_ok(b, ca_tensor_share(&t, state[i]->constant, b->err)))
                inner[i] = ca_build_tensor(b, name, t);
            continue;
        }
        d->in[d->n_in++] = state[i];
        ca_build_ok(b, ca_graph_parameter(&inner[i], b->graph, name, state[i]->type,
                                          &state[i]->shape, b->err));
    }
    return ca_build_settle(b);
}

static void result(CaTfByData *d, CaValue *v)
{
    CaBuild *b = d->c->b;
    const char *name =
        ca_arena_printf(b->work, "%s/next/%d", d->c->node->name, d->n_results);
    if (!v || !v->node)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "what a round of it hands on is a list or is not computed; give "
                      "the model's input shape, or cut the model with --input and "
                      "--output");
    if (ca_build_settle(b))
        ca_build_ok(b, ca_graph_result(b->graph, name, v, b->err));
}

void ca_tf_by_data_leave(CaTfByData *d, CaValue *condition, CaValue *const *next)
{
    CaBuild *b = d->c->b;
    result(d, condition && condition->node ? truth(b, condition) : condition);
    for (int i = 0; i < d->n_states && b->status == CARINA_OK; i++)
        if (!d->stays[i]) {
            d->n_results++;
            result(d, next[i]);
        }
}

static CarinaPortMap whole(int outer, int inner)
{
    return (CarinaPortMap){
        .outer = outer, .inner = inner, .end = -1, .stride = 1, .part_size = 1};
}

static void make_node(CaTfByData *d, CaValue **state)
{
    CaBuild *b = d->c->b;
    CaValue *v = ca_build_make(b, "Loop", d->in, d->n_in, d->n_results);
    CaGraph *graph = d->graph;
    if (!v)
        return;
    d->graph = NULL; /* the node's from here on, even where it fails */
    if (!ca_build_ok(b, ca_node_set_body(b->graph, v->node, 1, 0, graph, d->n_in - 2,
                                         d->n_results, d->n_results, b->err)))
        return;
    CarinaBody *body = &v->node->bodies[0];
    int parameter = 0, n = 0;
    body->iteration_input = -1;
    body->condition_output = 0;
    for (int i = 0; i < d->n_states; i++) {
        const bool is_inside = d->stays[i] && state[i]->constant;
        if (!d->stays[i]) {
            body->outputs[n] = whole(n, 1 + n);
            body->back_edges[n] = (CarinaBackEdge){1 + n, parameter};
            state[i] = v + n++;
        }
        if (!is_inside) {
            body->inputs[parameter] = whole(2 + parameter, parameter);
            parameter++;
        }
    }
}

void ca_tf_by_data_end(CaTfByData *d, CaValue **state)
{
    CaTfCall *c = d->c;
    CaBuild *b = c->b;
    c->r->loop_depth--;
    b->graph = d->outer;
    b->pending = NULL;
    if (b->status == CARINA_OK && d->n_results == 0)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "nothing changes in its rounds, so it runs never or for ever");
    if (b->status == CARINA_OK) {
        ca_graph_sweep(d->graph);
        make_node(d, state);
    }
    ca_graph_free(&d->graph);
}
