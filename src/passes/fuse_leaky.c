/* SPDX-License-Identifier: Apache-2.0 */
/* fuse-leaky: max(x, a x) with a of [0, 1] becomes PReLU with slope a. */
#include "passes/gated.h"

static CarinaStatus fuse(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    const CaValue *y = &n->outputs[0];
    for (int i = 0; i < 2; i++) {
        CaValue *x = ca_node_input(n, i), *slope = NULL;
        const CaValue *scaled = ca_node_input(n, 1 - i);
        const CarinaShape one = {.rank = 1, .dims = {1}};
        CaNode *fresh = NULL;
        double c[4];
        if (!x || !scaled || x->type != y->type || !ca_type_is_real(x->type) ||
            x->shape.rank < 1 || !ca_shape_equal(&x->shape, &y->shape) || x == scaled ||
            !ca_polynomial(scaled, x, c) || c[0] != 0 || c[2] != 0 || c[3] != 0 ||
            !(c[1] >= 0 && c[1] <= 1))
            continue;
        CA_TRY(ca_graph_reals(&slope, g, n, NULL, x->type, &one, &c[1], 1, err));
        ++*n_changes;
        return ca_activation_put(&fresh, g, n, "PReLU", x, slope, NULL, NULL, err);
    }
    return CARINA_OK;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (ca_node_is(n, "Maximum") && n->outputs[0].uses && ca_rewrite_is_numpy(n))
        CA_TRY(fuse(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_fuse_leaky = {
    .name = "fuse-leaky",
    .summary = "sees leaky ReLU in max(x, a x)",
    .run = run,
};
