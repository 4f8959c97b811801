/* SPDX-License-Identifier: Apache-2.0 */
/*
 * free-batch: shapes that a model computes from the shapes of its data are said in full, but for the batch: where the
 * target of a Reshape is the batch and numbers, it becomes 0 (copied) or -1 and the numbers. The model then serves any
 * batch, and where the batch is not known yet, all other dimensions are.
 *
 * What depends on the batch is seen by inferring the shapes twice, for two batches: what is the same for both does not.
 */
#include "passes/rewrite.h"

enum { SOME_BATCH = 24, FACTOR = 5 }; /* 24 can be divided in many ways */

/* The graph for a batch; NULL where its shapes do not fit. */
static CaGraph *with_batch(const CaGraph *g, int64_t factor)
{
    CaGraph *copy = NULL;
    if (ca_graph_copy(&copy, g, NULL) != CARINA_OK)
        return NULL;
    for (int i = 0; i < copy->n_inputs; i++) {
        CarinaShape *s = &((CaParameterAttrs *)copy->inputs[i]->attrs)->shape;
        if (s->rank < 1)
            continue;
        const int64_t batch = s->dims[0] < 0 ? SOME_BATCH : s->dims[0];
        s->dims[0] = batch > INT32_MAX ? batch : batch * factor;
    }
    if (ca_graph_infer(copy, NULL) != CARINA_OK)
        ca_graph_free(&copy);
    return copy;
}

typedef struct Known {
    const CarinaTensor *a, *b;
    int64_t n;
    int n_differ, at; /* how many elements, and where the last */
} Known;

/* Integers that both batches know. */
static bool compare(Known *k, const CaValue *a, const CaValue *b)
{
    *k = (Known){.a = a->constant, .b = b->constant};
    if (!k->a || !k->b || !ca_type_is_whole(k->a->type) || k->a->type != k->b->type ||
        !ca_shape_equal(&k->a->shape, &k->b->shape))
        return false;
    k->n = ca_tensor_count(k->a);
    for (int64_t i = 0; i < k->n && i <= CARINA_MAX_RANK; i++)
        if (ca_get_int(k->a->type, k->a->data, i) !=
            ca_get_int(k->b->type, k->b->data, i)) {
            k->n_differ++;
            k->at = (int)i;
        }
    return k->n <= CARINA_MAX_RANK;
}

/* Batch by batch, is the target's number the first dimension of the data? */
static bool is_kept(const Known *k, const CaNode *a, const CaNode *b)
{
    const CarinaShape *x = &a->inputs[0].value->shape, *y = &b->inputs[0].value->shape;
    return k->at == 0 && x->rank > 0 && y->rank > 0 &&
           x->dims[0] == ca_get_int(k->a->type, k->a->data, 0) &&
           y->dims[0] == ca_get_int(k->b->type, k->b->data, 0);
}

static CarinaStatus free_target(CaGraph *g, CaNode *n, const CaNode *a, const CaNode *b,
                                const Known *k, bool *done, CarinaError *err)
{
    int64_t v[CARINA_MAX_RANK];
    const bool copies = is_kept(k, a, b);
    CaValue *target = NULL;
    for (int i = 0; i < (int)k->n; i++) {
        v[i] = ca_get_int(k->a->type, k->a->data, i);
        if (v[i] == 0 || (v[i] < 0 && !copies))
            return CARINA_OK;
    }
    v[k->at] = copies ? 0 : -1;
    CaNode *old = ca_node_input_node(n, 1);
    CA_TRY(ca_graph_ints(&target, g, n, NULL, NULL, v, k->n, err));
    ca_node_set_input(n, 1, target);
    CA_TRY(ca_node_set_text(g, n, "special_zero", copies ? "true" : "false", err));
    ca_rewrite_drop(g, old);
    *done = true;
    return CARINA_OK;
}

/* Input i of n, and of n for the two batches. */
static CarinaStatus look(CaGraph *g, CaNode *n, const CaNode *a, const CaNode *b, int i,
                         bool *done, CarinaError *err)
{
    CaValue *v = ca_node_input(n, i), *fresh = NULL;
    CarinaTensor *t = NULL;
    Known k;
    if (!v || ca_node_is(v->node, "Const") ||
        !compare(&k, ca_node_input(a, i), ca_node_input(b, i)))
        return CARINA_OK;
    if (k.n_differ == 1 && i == 1 && ca_node_is(n, "Reshape"))
        return free_target(g, n, a, b, &k, done, err);
    if (k.n_differ || v->constant)
        return CARINA_OK;
    CA_TRY(ca_tensor_share(&t, k.a, err));
    CA_TRY(ca_graph_constant(&fresh, g, n, NULL, t, err));
    ca_node_set_input(n, i, fresh);
    ca_rewrite_drop(g, v->node);
    *done = true;
    return CARINA_OK;
}

static CarinaStatus look_through(CaGraph *g, const CaGraph *a, const CaGraph *b,
                                 int *n_changes, CarinaError *err)
{
    const CaNode *of_a = a->first, *of_b = b->first;
    CA_EACH_NODE_SAFE(n, g)
    {
        bool done = false;
        /* What is itself known only says shapes to others. */
        const bool is_data = n->n_outputs > 0 && !of_a->outputs[0].constant;
        for (int i = 0; is_data && i < n->n_inputs; i++)
            CA_TRY(look(g, n, of_a, of_b, i, &done, err));
        *n_changes += done;
        of_a = of_a->next;
        of_b = of_b->next;
    }
    return CARINA_OK;
}

static bool has_shape_of(const CaGraph *g)
{
    CA_EACH_NODE(n, g)
        if (ca_node_is(n, "ShapeOf"))
            return true;
    return false;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    int n = 0;
    if (!has_shape_of(g))
        return CARINA_OK;
    CaGraph *a = with_batch(g, 1), *b = with_batch(g, FACTOR);
    CarinaStatus status = a && b ? look_through(g, a, b, &n, err) : CARINA_OK;
    ca_graph_free(&a);
    ca_graph_free(&b);
    *n_changes += n;
    return status == CARINA_OK && n > 0 ? ca_graph_infer(g, err) : status;
}

const CaPass ca_pass_free_batch = {
    .name = "free-batch",
    .summary = "says computed shapes in full, but for the batch",
    .run = run,
};
