/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: functional loops, unrolled. How often a loop runs must be known while it is read: each round's condition
 * is computed from constants.
 */
#include "formats/tensorflow/tf_loops.h"

#include <string.h>

enum { MAX_ROUNDS = 4096, MAX_ROUNDS_IN_ALL = 1 << 14, MAX_NESTED = 8 };

/* A node for each value that a round begins with. */
static CaTfEdge *as_edges(CaTfCall *c, CaValue *const *state, int n)
{
    CaTfEdge *edges = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *edges);
    for (int i = 0; edges && i < n; i++) {
        CaTfNode *node;
        if (ca_tf_add_node(&node, c->r, c->node->name, "Identity", 0) != CARINA_OK)
            return NULL;
        node->is_inner = true;
        if (ca_tf_set_value(c->r, node, 0, state[i]) != CARINA_OK)
            return NULL;
        edges[i] = (CaTfEdge){node->name, node, 0};
    }
    return edges;
}

/* One call of a function with these values: n results of it. */
static bool call(CaTfCall *c, const char *attr, CaValue *const *state, int n_state,
                 CaValue **results, int n)
{
    CaTf *r = c->r;
    CaTfEdge *edges = NULL;
    int32_t n_edges = 0;
    const int32_t first = r->n_nodes;
    const char *function = ca_tf_attr_function(r, c->node, attr);
    const CaTfEdge *args = function ? as_edges(c, state, n_state) : NULL;
    if (!args) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "it has no function '%s'", attr);
        return false;
    }
    r->b.status =
        ca_tf_instantiate(&edges, &n_edges, r, function, args, n_state, c->node);
    if (r->b.status == CARINA_OK && n_edges < n)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "its function gives %d results, needs %d; the file is damaged",
                      n_edges, n);
    for (int32_t i = first; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++) {
            const CaTfEdge *e = &r->nodes[i]->in[k];
            if (e->node)
                e->node->used |= (uint64_t)1 << (e->port < 63 ? e->port : 63);
        }
    for (int i = 0; i < n && r->b.status == CARINA_OK; i++) {
        edges[i].node->used |= (uint64_t)1 << (edges[i].port < 63 ? edges[i].port : 63);
        (void)ca_tf_translate_edge(r, &edges[i], first);
        results[i] = ca_tf_value(&edges[i]);
        c->b->name = c->node->name;
        c->b->type = c->node->op;
        if (!results[i])
            ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                          "result %d of its function is not computed", i);
    }
    return ca_build_settle(c->b);
}

static bool goes_on(CaTfCall *c, CaValue *const *state)
{
    CaValue *answer = NULL;
    int64_t yes = 0;
    if (!call(c, "cond", state, c->n_in, &answer, 1))
        return false;
    if (answer == &ca_tf_dead || ca_build_known_ints(c->b, answer, &yes, 1) != 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "how often it runs is not known before the run; give the model's "
                      "input shape, or cut the model with --input and --output");
    return c->b->status == CARINA_OK && yes != 0;
}

static void loop(CaTfCall *c)
{
    CaValue **state = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *state);
    if (!state) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    if (c->r->loop_depth == MAX_NESTED) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "loops inside each other more than %d deep",
                      MAX_NESTED);
        return;
    }
    memcpy(state, c->in, (size_t)c->n_in * sizeof *state);
    c->r->loop_depth++;
    for (int round = 0; goes_on(c, state); round++) {
        CaValue **next = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *next);
        if (!next || round == MAX_ROUNDS || ++c->r->n_rounds > MAX_ROUNDS_IN_ALL)
            ca_build_fail(
                c->b, CARINA_ERR_LIMIT,
                "more than %d rounds, or %d of all loops; Carina unrolls no such "
                "loop",
                MAX_ROUNDS, MAX_ROUNDS_IN_ALL);
        if (c->b->status != CARINA_OK || !call(c, "body", state, c->n_in, next, c->n_in))
            break;
        state = next;
    }
    c->r->loop_depth--;
    for (int i = 0; i < c->n_in; i++)
        ca_tf_out(c, i, state[i]);
}

const CaTfOp ca_tf_loops[] = {
    {"StatelessWhile", loop, NULL, CA_TF_TAKES_LISTS},
    {"While", loop, NULL, CA_TF_TAKES_LISTS},
    {NULL, NULL, NULL, 0},
};
