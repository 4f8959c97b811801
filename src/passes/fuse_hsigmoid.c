/* SPDX-License-Identifier: Apache-2.0 */
/* fuse-hsigmoid: relu6(x + 3) / 6 becomes HSigmoid, and so does clamp(x / 6 + 1/2, 0, 1). */
#include "passes/gated.h"

/* v = affine(x) with one x that is no constant: that x, through Add and Multiply with numbers. */
static CaValue *argument(CaValue *v)
{
    enum { MOST_STEPS = 4 };
    CaValue *u = NULL;
    double c;
    for (int i = 0; i < MOST_STEPS; i++) {
        if (!ca_rewrite_with_number(v, "Add", false, &u, &c) &&
            !ca_rewrite_with_number(v, "Multiply", false, &u, &c) &&
            !ca_rewrite_with_number(v, "Divide", true, &u, &c))
            break;
        v = u;
    }
    return v;
}

/* clamp(c0 + c1 x, 0, most): x. */
static CaValue *under_clamp(const CaValue *v, double most, double c0, double c1)
{
    CaValue *u = ca_clamped(v, most);
    CaValue *x = u ? argument(u) : NULL;
    return x && ca_is_affine(u, x, c0, c1) ? x : NULL;
}

static CaValue *match(CaNode *n)
{
    CaValue *y = &n->outputs[0], *clamp = NULL;
    double c;
    if (ca_rewrite_with_number(y, "Divide", true, &clamp, &c) && c == 6)
        return under_clamp(clamp, 6, 3, 1);
    if (ca_rewrite_with_number(y, "Multiply", false, &clamp, &c) &&
        ca_rewrite_near(y->type, c, 1.0 / 6))
        return under_clamp(clamp, 6, 3, 1);
    return under_clamp(y, 1, 0.5, 1.0 / 6);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    {
        CaValue *x = n->n_outputs == 1 && n->outputs[0].uses ? match(n) : NULL;
        const CaValue *y = &n->outputs[0];
        CaNode *fresh = NULL;
        if (!x || x->type != y->type || !ca_type_is_real(x->type) || x->shape.rank < 0 ||
            !ca_shape_equal(&x->shape, &y->shape))
            continue;
        CA_TRY(ca_activation_put(&fresh, g, n, "HSigmoid", x, NULL, NULL, NULL, err));
        ++*n_changes;
    }
    return CARINA_OK;
}

const CaPass ca_pass_fuse_hsigmoid = {
    .name = "fuse-hsigmoid",
    .summary = "sees HSigmoid in relu6(x + 3) / 6",
    .run = run,
};
