/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations of the form x * gate(x).
 */
#include "passes/gated.h"

#include <math.h>
#include <string.h>

enum { DEPTH = 8 };

CaValue *ca_under(const CaValue *v, const char *op_name)
{
    return ca_node_is(v->node, op_name) ? ca_node_input(v->node, 0) : NULL;
}

CaValue *ca_clamped(const CaValue *v, double most)
{
    CaValue *low = NULL, *u = NULL;
    double x;
    if (ca_node_is(v->node, "Clamp"))
        return carina_node_float(v->node, "min", -1) == 0 &&
                       carina_node_float(v->node, "max", -1) == most
                   ? ca_node_input(v->node, 0)
                   : NULL;
    if (!ca_rewrite_with_number(v, "Minimum", false, &low, &x) || x != most)
        return NULL;
    if (ca_node_is(low->node, "ReLU"))
        return ca_node_input(low->node, 0);
    return ca_rewrite_with_number(low, "Maximum", false, &u, &x) && x == 0 ? u : NULL;
}

/* a * b into y; false past degree 3. */
static bool multiply(double y[4], const double a[4], const double b[4])
{
    double c[4] = {0};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            if (i + j < 4)
                c[i + j] += a[i] * b[j];
            else if (a[i] != 0 && b[j] != 0)
                return false;
        }
    memcpy(y, c, sizeof c);
    return true;
}

/* a to the power of a whole b. */
static bool power(double y[4], const double a[4], const double b[4])
{
    const double one[4] = {1};
    if ((b[0] != 1 && b[0] != 2 && b[0] != 3) || b[1] != 0 || b[2] != 0 || b[3] != 0)
        return false;
    memcpy(y, one, sizeof one);
    for (int i = 0; i < (int)b[0]; i++)
        if (!multiply(y, y, a))
            return false;
    return true;
}

static bool polynomial(const CaValue *v, const CaValue *x, double c[4], int depth)
{
    static const double zero[4];
    const CaNode *n = v->node;
    double a[4], b[4], number;
    memcpy(c, zero, sizeof zero);
    if (v == x)
        return c[1] = 1, true;
    if (ca_rewrite_number(v, &number))
        return c[0] = number, isfinite(number);
    if (ca_node_is(n, "Negative") && depth < DEPTH) {
        const bool is_one = polynomial(ca_node_input(n, 0), x, c, depth + 1);
        for (int i = 0; i < 4; i++)
            c[i] = c[i] == 0 ? 0 : -c[i];
        return is_one;
    }
    if (n->n_inputs != 2 || depth == DEPTH || !ca_rewrite_is_numpy(n) ||
        !ca_node_input(n, 0) || !ca_node_input(n, 1) ||
        !polynomial(ca_node_input(n, 0), x, a, depth + 1) ||
        !polynomial(ca_node_input(n, 1), x, b, depth + 1))
        return false;
    if (ca_node_is(n, "Multiply"))
        return multiply(c, a, b);
    if (ca_node_is(n, "Power"))
        return power(c, a, b);
    const bool is_sum = ca_node_is(n, "Add");
    if (is_sum || ca_node_is(n, "Subtract")) {
        for (int i = 0; i < 4; i++)
            c[i] = is_sum ? a[i] + b[i] : a[i] - b[i];
        return true;
    }
    for (int i = 0; i < 4; i++)
        c[i] = a[i] / b[0];
    return ca_node_is(n, "Divide") && b[0] != 0 && b[1] == 0 && b[2] == 0 && b[3] == 0;
}

bool ca_polynomial(const CaValue *v, const CaValue *x, double c[4])
{
    return polynomial(v, x, c, 0);
}

bool ca_is_affine(const CaValue *v, const CaValue *x, double c0, double c1)
{
    double c[4];
    return ca_polynomial(v, x, c) && ca_rewrite_near(x->type, c[0], c0) &&
           ca_rewrite_near(x->type, c[1], c1) && c[2] == 0 && c[3] == 0;
}

/* A product: k * v[0] * v[1]. */
typedef struct Factors {
    CaValue *v[2];
    int n;
    double k;
    bool fits;
} Factors;

static void gather(Factors *f, CaValue *v, const CaNode *root, int depth)
{
    CaNode *n = v->node;
    CaValue *a = ca_node_input(n, 0), *b = ca_node_input(n, 1);
    const bool is_open = n == root || (depth < DEPTH && ca_pass_only_reader(n));
    double number;
    if (ca_rewrite_number(v, &number)) {
        f->k *= number;
    } else if (is_open && a && b && ca_node_is(n, "Multiply") && ca_rewrite_is_numpy(n)) {
        gather(f, a, root, depth + 1);
        gather(f, b, root, depth + 1);
    } else if (is_open && a && b && ca_node_is(n, "Divide") && ca_rewrite_is_numpy(n) &&
               ca_rewrite_number(b, &number)) {
        gather(f, a, root, depth + 1);
        f->k /= number;
    } else if (f->n < 2) {
        f->v[f->n++] = v;
    } else {
        f->fits = false;
    }
}

CarinaStatus ca_activation_put(CaNode **out, CaGraph *g, CaNode *old, const char *op_name,
                               CaValue *x, CaValue *second, const char *attr,
                               const char *attr_text, CarinaError *err)
{
    CaNode *n = NULL;
    CA_TRY(ca_graph_add(&n, g, old, op_name, 0, old->name, (CaValue *[]){x, second},
                        second ? 2 : 1, 1, err));
    if (attr)
        CA_TRY(ca_node_set_text(g, n, attr, attr_text, err));
    CA_TRY(ca_node_infer(g, n, err));
    CA_TRY(ca_rewrite_same(g, &old->outputs[0], &n->outputs[0], err));
    ca_rewrite_drop(g, old);
    *out = n;
    return CARINA_OK;
}

static CarinaStatus fuse(CaGraph *g, CaNode *root, const CaGated *what, int *n_changes,
                         CarinaError *err)
{
    Factors f = {.k = 1, .fits = true};
    double parameter = 1;
    CaValue *second = NULL;
    CaNode *fresh = NULL;
    gather(&f, &root->outputs[0], root, 0);
    if (!f.fits || f.n != 2 || !isfinite(f.k))
        return CARINA_OK;
    for (int i = 0; i < 2; i++) {
        CaValue *x = f.v[i];
        const CaValue *y = &root->outputs[0];
        if (x->type != y->type || !ca_type_is_real(x->type) || x->shape.rank < 0 ||
            !ca_shape_equal(&x->shape, &y->shape) ||
            !what->is_gate(f.v[1 - i], x, f.k, &parameter))
            continue;
        const CarinaShape scalar = {.rank = 0};
        if (what->has_parameter && parameter != 1)
            CA_TRY(ca_graph_reals(&second, g, root, NULL, x->type, &scalar, &parameter, 1,
                                  err));
        ++*n_changes;
        return ca_activation_put(&fresh, g, root, what->op_name, x, second, what->attr,
                                 what->attr_text, err);
    }
    return CARINA_OK;
}

CarinaStatus ca_gated_fuse(CaGraph *g, const CaGated *what, int *n_changes,
                           CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if ((ca_node_is(n, "Multiply") || ca_node_is(n, "Divide")) && n->outputs[0].uses)
        CA_TRY(fuse(g, n, what, n_changes, err));
    return CARINA_OK;
}
