/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-tensordot: a product with a matrix between two Reshapes, of which the first joins all axes but the last and the
 * second parts them again, is the same product without them. At most one dimension may be unknown.
 */
#include "passes/rewrite.h"

/* Reshapes are as good as equal where all but one dimension are known and the same. */
static bool is_same(const CarinaShape *a, const CarinaShape *b)
{
    int n_unknown = 0;
    for (int d = 0; d < a->rank; d++) {
        n_unknown += a->dims[d] < 0;
        if (a->dims[d] == 0)
            return false;
    }
    return ca_shape_equal(a, b) && n_unknown <= 1;
}

static CarinaStatus fuse(CaGraph *g, CaNode *parts, int *n_changes, CarinaError *err)
{
    CaNode *product = ca_node_input_node(parts, 0), *n = NULL;
    CaNode *joins = ca_node_is(product, "MatMul") ? ca_node_input_node(product, 0) : NULL;
    if (!joins || !ca_node_is(joins, "Reshape") || !ca_pass_only_reader(product) ||
        carina_node_bool(product, "transpose_a", false))
        return CARINA_OK;
    CaValue *x = ca_node_input(joins, 0), *w = ca_node_input(product, 1);
    const CarinaShape *flat = &joins->outputs[0].shape, *y = &product->outputs[0].shape;
    if (!x || !w || w->shape.rank != 2 || flat->rank != 2 || y->rank != 2 ||
        x->shape.rank < 3 || flat->dims[1] < 1 || y->dims[1] < 1 ||
        x->shape.dims[x->shape.rank - 1] != flat->dims[1])
        return CARINA_OK;
    CarinaShape s = x->shape;
    s.dims[s.rank - 1] = y->dims[1];
    if (!is_same(&s, &parts->outputs[0].shape))
        return CARINA_OK;
    CA_TRY(ca_graph_add(&n, g, parts, "MatMul", product->opset, parts->name,
                        (CaValue *[]){x, w}, 2, 1, err));
    CA_TRY(ca_attrs_copy(g, n, product, err));
    CA_TRY(ca_node_infer(g, n, err));
    CA_TRY(ca_rewrite_same(g, &parts->outputs[0], &n->outputs[0], err));
    ca_rewrite_drop(g, parts);
    ++*n_changes;
    return CARINA_OK;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (ca_node_is(n, "Reshape") && n->outputs[0].uses)
        CA_TRY(fuse(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_fuse_tensordot = {
    .name = "fuse-tensordot",
    .summary = "takes the Reshapes away around products with a matrix",
    .run = run,
};
