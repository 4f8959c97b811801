/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row an operator: its kind, and where the kind's two numbers come from.
 */
#include "lower_act.h"

#include <math.h>
#include <string.h>

typedef struct ActRow {
    const char *op;
    CaActKind kind;
    const char *a, *b; /* attributes */
    float fixed_a, fixed_b;
} ActRow;

static const ActRow rows[] = {
    {"ReLU", CA_ACT_RELU, NULL, NULL, 0, 0},
    {"Clamp", CA_ACT_CLAMP, "min", "max", 0, 0},
    {"Sigmoid", CA_ACT_SIGMOID, NULL, NULL, 0, 0},
    {"Tanh", CA_ACT_TANH, NULL, NULL, 0, 0},
    {"HSwish", CA_ACT_HSWISH, NULL, NULL, 0, 0},
    {"HSigmoid", CA_ACT_HSIGMOID, NULL, NULL, 1.0f / 6.0f, 0.5f},
    {"Elu", CA_ACT_ELU, "alpha", NULL, 0, 0},
    {"Mish", CA_ACT_MISH, NULL, NULL, 0, 0},
    {"SoftPlus", CA_ACT_SOFTPLUS, NULL, NULL, 0, 0},
    {"Exp", CA_ACT_EXP, NULL, NULL, 0, 0},
};

static bool number_of(const CarinaNode *node, int i, float *out)
{
    const CarinaValue *v = ca_cpu_in(node, i);
    const CarinaTensor *t = ca_cpu_constant(v);
    if (!t || ca_cpu_count(&v->shape) != 1 || !ca_cpu_is_float(t->type))
        return false;
    ca_cpu_widen(out, t, 1);
    return true;
}

bool ca_cpu_is_channel_slope(const CarinaShape *slope, const CarinaShape *x)
{
    const int at =
        slope->rank - x->rank + 1; /* the slope's axis that meets axis 1 of x */
    if (x->rank < 2 || ca_cpu_count(slope) != x->dims[1])
        return false;
    return slope->rank == 1 || (at >= 0 && slope->dims[at] == x->dims[1]);
}

static bool act_of(CaAct *act, const CarinaNode *node)
{
    *act = (CaAct){CA_ACT_NONE, 0, 0};
    if (!node->n_outputs || !ca_cpu_is_float(node->outputs[0].type))
        return false;
    if (ca_cpu_is(node, "PReLU")) {
        if (!number_of(node, 1,
                       &act->a)) /* one a channel: no act, and none may be left in it */
            return false;
        act->kind = CA_ACT_LEAKY;
        return true;
    }
    if (ca_cpu_is(node, "Swish")) {
        act->kind = CA_ACT_SWISH;
        act->a = 1;
        return !ca_cpu_in(node, 1) || number_of(node, 1, &act->a);
    }
    if (ca_cpu_is(node, "HardSigmoid")) {
        act->kind = CA_ACT_HSIGMOID;
        return number_of(node, 1, &act->a) && number_of(node, 2, &act->b);
    }
    if (ca_cpu_is(node, "Gelu")) {
        act->kind = strcmp(carina_node_enum(node, "approximation_mode"), "tanh") == 0
                        ? CA_ACT_GELU_TANH
                        : CA_ACT_GELU_ERF;
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_cpu_is(node, rows[i].op)) {
            act->kind = rows[i].kind;
            act->a = rows[i].a ? (float)carina_node_float(node, rows[i].a, 0)
                               : rows[i].fixed_a;
            act->b = rows[i].b ? (float)carina_node_float(node, rows[i].b, 0)
                               : rows[i].fixed_b;
            return true;
        }
    return false;
}

bool ca_cpu_act_of(CaAct *act, const CarinaNode *node)
{
    const bool is_one = act_of(act, node);
    if (!is_one)
        *act = (CaAct){CA_ACT_NONE, 0, 0};
    return is_one;
}
