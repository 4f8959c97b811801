/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switch and Merge, of which conditions of TensorFlow 1 are made, and a functional If after it is inlined.
 *
 * Where the condition is known, the branch that is not taken is left out: before the translation, so that nothing in
 * it need be known to Carina, or during it, where shapes decide. Else both branches are computed and their results
 * chosen element by element: what an inference computes has no effects.
 */
#include "formats/tensorflow/tf_container.h"

#include <string.h>

enum { MAX_WALK = 4096 };

static bool is_switch(const CaTfNode *n)
{
    return n->n_in == 2 && ca_text_in_list("Switch,RefSwitch", n->op);
}
static bool is_merge(const CaTfNode *n)
{
    return ca_text_in_list("Merge,RefMerge", n->op);
}

/* --- Before the translation. */

enum { UNKNOWN, OPEN, ALIVE, DEAD };

typedef struct Frame {
    CaTfNode *node;
    int32_t input;
    bool has_dead, has_alive;
} Frame;

/* Does what the edge carries come through the port of a Switch that is not taken? */
static unsigned char through(CaTf *r, const CaTfEdge *e, const unsigned char *state)
{
    bool known = false;
    if (!e->node || state[e->node->place] == DEAD)
        return e->node ? DEAD : ALIVE;
    if (is_switch(e->node) && ca_tf_known_condition(r, &e->node->in[1], &known) &&
        e->port != (known ? 1 : 0))
        return DEAD;
    return ALIVE;
}

/* A Merge of one living input hands that on. */
static void settle_merge(CaTf *r, CaTfNode *n, const unsigned char *state)
{
    CaTfEdge *alive = NULL;
    int n_alive = 0;
    for (int32_t i = 0; i < n->n_in; i++)
        if (through(r, &n->in[i], state) == ALIVE) {
            alive = &n->in[i];
            n_alive++;
        }
    if (n_alive != 1 || n->n_in < 2)
        return;
    n->op = "Identity";
    n->in = alive;
    n->n_in = 1;
}

static void settle(CaTf *r, Frame *f, unsigned char *state)
{
    CaTfNode *n = f->node;
    const bool lives_with_one = is_merge(n) && f->has_alive;
    if (is_merge(n))
        settle_merge(r, n, state);
    state[n->place] = f->has_dead && !lives_with_one ? DEAD : ALIVE;
}

/* Producers first; loops are left as they are. */
static void visit(CaTf *r, CaTfNode *root, Frame *stack, unsigned char *state)
{
    int32_t depth = 1;
    stack[0] = (Frame){.node = root};
    state[root->place] = OPEN;
    while (depth > 0) {
        Frame *f = &stack[depth - 1];
        CaTfNode *next = NULL;
        if (f->input < f->node->n_in) {
            const CaTfEdge *e = &f->node->in[f->input];
            if (e->node && state[e->node->place] == UNKNOWN) {
                next = e->node;
            } else {
                const bool is_dead = through(r, e, state) == DEAD;
                f->has_dead = f->has_dead || is_dead;
                f->has_alive = f->has_alive || !is_dead;
                f->input++;
            }
        } else {
            settle(r, f, state);
            depth--;
        }
        if (next) {
            state[next->place] = OPEN;
            stack[depth++] = (Frame){.node = next};
        }
    }
}

CarinaStatus ca_tf_prune(CaTf *r)
{
    Frame *stack = NULL;
    unsigned char *state = NULL;
    for (int32_t i = 0; i < r->n_nodes && !state; i++)
        if (is_merge(r->nodes[i])) {
            stack = ca_arena_array(r->b.work, (size_t)r->n_nodes + 1, sizeof *stack);
            state = ca_arena_alloc(r->b.work, (size_t)r->n_nodes + 1);
            if (!stack || !state)
                return ca_tf_no_memory(r);
        }
    for (int32_t i = 0; state && i < r->n_nodes; i++)
        if (state[i] == UNKNOWN)
            visit(r, r->nodes[i], stack, state);
    for (int32_t i = 0; state && i < r->n_nodes; i++)
        r->nodes[i]->is_inner = r->nodes[i]->is_inner || state[i] == DEAD;
    return r->b.status;
}

/* --- During it. */

/* The condition of a Switch or Merge, where it has become a constant. */
static bool decided(CaTfCall *c, CaValue *condition, bool *taken)
{
    int64_t v = 0;
    if (ca_build_known_ints(c->b, condition, &v, 1) != 1)
        return false;
    *taken = v != 0;
    return true;
}

static void switch_data(CaTfCall *c)
{
    CaValue *data = ca_tf_in(c, 0), *condition = ca_tf_in(c, 1);
    bool taken = false;
    const bool known = decided(c, condition, &taken);
    ca_tf_out(c, 0, known && taken ? &ca_tf_dead : data);
    ca_tf_out(c, 1, known && !taken ? &ca_tf_dead : data);
}

/* Where the values of a loop come in: what lies before is another round's. */
static bool is_round(const CaTfNode *n)
{
    return is_merge(n) && n->n_in == 2 && n->in[1].node &&
           ca_text_in_list("NextIteration,RefNextIteration", n->in[1].node->op);
}

/* The Switches that lead to one input of a Merge, the nearest first. */
typedef struct Walk {
    const CaTfEdge *edges[MAX_WALK];
    int n;
} Walk;

static void walk_back(Walk *w, const CaTfEdge *from)
{
    w->n = 0;
    w->edges[w->n++] = from;
    for (int i = 0; i < w->n; i++) {
        const CaTfNode *n = w->edges[i]->node;
        for (int32_t k = 0; n && !is_round(n) && k < n->n_in && w->n < MAX_WALK; k++) {
            bool seen = n->in[k].node == NULL;
            for (int j = 0; j < w->n && !seen; j++)
                seen = w->edges[j]->node == n->in[k].node &&
                       w->edges[j]->port == n->in[k].port;
            if (!seen)
                w->edges[w->n++] = &n->in[k];
        }
    }
}

/* On which side of that condition it lies: bit 0 false, bit 1 true. */
static int sides(const Walk *w, const CaTfEdge *condition)
{
    int found = 0;
    for (int i = 0; i < w->n; i++) {
        const CaTfNode *n = w->edges[i]->node;
        if (n && is_switch(n) && n->in[1].node == condition->node &&
            n->in[1].port == condition->port)
            found |= 1 << (w->edges[i]->port != 0);
    }
    return found;
}

/* The condition that has one input on its one side and the other on its other; *first_is: the side of input 0. */
static const CaTfEdge *condition_of(CaTfCall *c, bool *first_is)
{
    Walk *a = ca_arena_alloc(c->b->work, sizeof *a),
         *b = ca_arena_alloc(c->b->work, sizeof *b);
    if (!a || !b) {
        (void)ca_tf_no_memory(c->r);
        return NULL;
    }
    walk_back(a, &c->node->in[0]);
    walk_back(b, &c->node->in[1]);
    for (int which = 0; which < 2; which++) {
        const Walk *w = which ? b : a;
        for (int i = 0; i < w->n; i++) {
            const CaTfNode *n = w->edges[i]->node;
            if (!n || !is_switch(n))
                continue;
            const int x = sides(a, &n->in[1]), y = sides(b, &n->in[1]);
            if (x + y == 3 || (x == 0 && y < 3) || (y == 0 && x < 3)) {
                *first_is = x ? x == 2 : y == 1;
                return &n->in[1];
            }
        }
    }
    return NULL;
}

static void merge(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *alive[2] = {NULL, NULL};
    int n = 0, which = 0;
    bool first_is = false;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] != &ca_tf_dead && n < 2) {
            which = n ? which : i;
            alive[n++] = c->in[i];
        }
    if (n == 0) {
        ca_tf_out(c, 0, &ca_tf_dead);
        ca_tf_out(c, 1, &ca_tf_dead);
        return;
    }
    if (n == 1) {
        ca_tf_out(c, 0, alive[0]);
        if (ca_tf_out_used(c, 1))
            ca_tf_out(c, 1, ca_build_convert(b, ca_build_scalar(b, which), CARINA_I32));
        return;
    }
    const CaTfEdge *edge = c->n_in == 2 ? condition_of(c, &first_is) : NULL;
    CaValue *condition = edge ? ca_tf_value(edge) : NULL;
    if (!condition || condition == &ca_tf_dead || ca_tf_out_used(c, 1)) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "its branches depend on no condition that can be found; give the "
                      "condition a value with --freeze-placeholder-with-value");
        return;
    }
    ca_tf_out(c, 0,
              ca_build_3(b, "Select", condition, c->in[first_is ? 0 : 1],
                         c->in[first_is ? 1 : 0]));
}

const CaTfOp ca_tf_branches[] = {
    {"Merge", merge, NULL, CA_TF_TAKES_DEAD},
    {"RefMerge", merge, NULL, CA_TF_TAKES_DEAD},
    {"RefSwitch", switch_data, NULL, 0},
    {"Switch", switch_data, NULL, 0},
    {NULL, NULL, NULL, 0},
};
