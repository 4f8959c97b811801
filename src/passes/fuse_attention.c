/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-attention: softmax(q kT scale + mask) v becomes ScaledDotProductAttention.
 *
 * Scales may be at q, at k or at the scores. The operator is of opset13, which runtimes of the age of IR version 10
 * lack, so this is done when a device compiles, and only where the device has it. Shapes must be known.
 */
#include "passes/rewrite.h"

#include <math.h>

typedef struct Attention {
    CaValue *q, *k, *v, *mask;
    bool k_is_transposed; /* [.., E, S] */
    double scale;
    CaNode *scores; /* q times k */
} Attention;

/* Takes products and quotients with numbers off v. only: of values that nobody else reads. */
static CaValue *unscaled(CaValue *v, bool only, double *scale)
{
    enum { MOST_STEPS = 8 };
    CaValue *x = NULL;
    double c;
    for (int i = 0; i < MOST_STEPS; i++) {
        if (only && !ca_pass_only_reader(v->node))
            return v;
        if (ca_rewrite_with_number(v, "Multiply", false, &x, &c))
            *scale *= c;
        else if (ca_rewrite_with_number(v, "Divide", true, &x, &c))
            *scale /= c;
        else
            return v;
        if (x->shape.rank < v->shape.rank) /* the number had made axes */
            return v;
        v = x;
    }
    return v;
}

static bool is_product(const CaNode *n)
{
    return ca_node_is(n, "MatMul") && !carina_node_bool(n, "transpose_a", false) &&
           ca_node_input(n, 0) && ca_node_input(n, 1);
}

/* The mask must not stretch the scores. */
static bool takes_mask(const CaValue *mask, const CaValue *scores)
{
    CarinaShape s;
    return mask->type == scores->type && mask->shape.rank >= 0 &&
           ca_shape_broadcast(&s, &scores->shape, &mask->shape) &&
           ca_shape_equal(&s, &scores->shape);
}

static bool is_last_axis(const CaNode *softmax)
{
    int axis;
    const int rank = ca_node_input(softmax, 0)->shape.rank;
    return ca_axis(carina_node_int(softmax, "axis", 1), rank, &axis) && axis == rank - 1;
}

/* From the input of the Softmax up to the product. */
static bool read_scores(Attention *a, CaValue *s)
{
    CaNode *add = s->node;
    CaValue *const whole = s;
    a->scale = 1;
    s = unscaled(s, true, &a->scale);
    if (s == whole && ca_node_is(add, "Add") && ca_rewrite_is_numpy(add) &&
        ca_pass_only_reader(add)) {
        for (int i = 0; i < 2 && !a->mask; i++) {
            CaValue *x = ca_node_input(add, i), *mask = ca_node_input(add, 1 - i);
            double scale = 1;
            CaValue *under = x ? unscaled(x, true, &scale) : NULL;
            if (!under || !mask || !is_product(under->node) || !takes_mask(mask, x))
                continue;
            a->mask = mask;
            a->scale = scale;
            s = under;
        }
    }
    a->scores = s->node;
    return is_product(a->scores) && ca_pass_only_reader(a->scores) &&
           ca_shape_equal(&s->shape, &whole->shape);
}

static bool find(Attention *a, CaNode *n)
{
    CaNode *softmax = ca_node_input_node(n, 0);
    *a = (Attention){0};
    if (!is_product(n) || carina_node_bool(n, "transpose_b", false) ||
        !ca_node_is(softmax, "SoftMax") || !ca_pass_only_reader(softmax) ||
        !is_last_axis(softmax) || !read_scores(a, ca_node_input(softmax, 0)))
        return false;
    a->v = ca_node_input(n, 1);
    a->q = unscaled(ca_node_input(a->scores, 0), false, &a->scale);
    a->k = unscaled(ca_node_input(a->scores, 1), false, &a->scale);
    a->k_is_transposed = !carina_node_bool(a->scores, "transpose_b", false);
    const CaValue *const all[] = {a->q, a->k, a->v};
    for (int i = 0; i < 3; i++)
        if (!ca_shape_is_static(&all[i]->shape) || all[i]->shape.rank < 3 ||
            all[i]->shape.rank != a->q->shape.rank || !ca_type_is_real(all[i]->type) ||
            all[i]->type != n->outputs[0].type)
            return false;
    return isfinite(a->scale) && ca_rewrite_fits(a->q->type, &a->scale, 1);
}

/* k as [.., S, E]: the Transpose that made it the other way takes both steps at once. */
static CarinaStatus straighten(CaGraph *g, CaNode *before, Attention *a, CarinaError *err)
{
    const int rank = a->k->shape.rank;
    int64_t at[CARINA_MAX_RANK];
    CaNode *from = a->k->node, *fresh = NULL;
    CaValue *order = NULL, *x = a->k;
    const CarinaTensor *t =
        ca_node_is(from, "Transpose") ? ca_pass_constant(from, 1) : NULL;
    const bool merges = t && ca_tensor_count(t) == rank;
    bool is_identity = true;
    for (int i = 0; i < rank; i++) {
        const int j = i < rank - 2 ? i : 2 * rank - 3 - i;
        at[i] = merges ? ca_get_int(t->type, t->data, j) : j;
        is_identity = is_identity && at[i] == i;
    }
    x = merges ? ca_node_input(from, 0) : x;
    a->k = x;
    if (is_identity)
        return CARINA_OK;
    CA_TRY(ca_graph_ints(&order, g, before, NULL, NULL, at, rank, err));
    CA_TRY(ca_rewrite_add(&fresh, g, before, "Transpose", NULL, (CaValue *[]){x, order},
                          2, err));
    a->k = &fresh->outputs[0];
    return CARINA_OK;
}

static CarinaStatus put(CaGraph *g, CaNode *old, Attention *a, CarinaError *err)
{
    const CarinaShape scalar = {.rank = 0};
    CaValue *scale = NULL;
    CaNode *n = NULL;
    if (a->k_is_transposed)
        CA_TRY(straighten(g, old, a, err));
    const double usual = 1 / sqrt((double)a->q->shape.dims[a->q->shape.rank - 1]);
    if (!ca_rewrite_near(a->q->type, a->scale, usual))
        CA_TRY(
            ca_graph_reals(&scale, g, old, NULL, a->q->type, &scalar, &a->scale, 1, err));
    CA_TRY(ca_graph_add(&n, g, old, "ScaledDotProductAttention", 13, old->name,
                        (CaValue *[]){a->q, a->k, a->v, a->mask, scale},
                        scale     ? 5
                        : a->mask ? 4
                                  : 3,
                        1, err));
    CA_TRY(ca_node_set_text(g, n, "causal", "false", err));
    CA_TRY(ca_node_infer(g, n, err));
    CA_TRY(ca_rewrite_same(g, &old->outputs[0], &n->outputs[0], err));
    ca_rewrite_drop(g, old);
    return CARINA_OK;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    {
        Attention a;
        if (!ca_node_is(n, "MatMul") || !n->outputs[0].uses || !find(&a, n))
            continue;
        CA_TRY(put(g, n, &a, err));
        ++*n_changes;
    }
    return CARINA_OK;
}

const CaPass ca_pass_fuse_attention = {
    .name = "fuse-attention",
    .summary = "sees attention in two products around a softmax; when a device compiles",
    .run = run,
};
