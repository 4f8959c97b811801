/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If: one of two bodies, the first where the condition holds. OpenVINO opset8.
 */
#include "ops/loops.h"

/* What both branches agree on. */
static CarinaShape common(const CarinaShape *x, const CarinaShape *y)
{
    CarinaShape s = *x;
    if (x->rank < 0 || x->rank != y->rank)
        return ca_shape_unknown();
    for (int i = 0; i < s.rank; i++)
        if (y->dims[i] != s.dims[i])
            s.dims[i] = CARINA_DYNAMIC;
    return s;
}

static const CaValue *result_of(const CarinaBody *b, int output)
{
    for (int i = 0; i < b->n_outputs; i++)
        if (b->outputs[i].outer == output)
            return b->graph->outputs[b->outputs[i].inner]->inputs[0].value;
    return NULL; /* never: the maps were checked */
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CA_TRY(ca_bodies_check(a, 2, err));
    for (int i = 0; i < 2; i++)
        CA_TRY(ca_body_infer(a, &a->node->bodies[i], false, err));
    for (int i = 0; i < a->node->n_outputs; i++) {
        const CaValue *then = result_of(&a->node->bodies[0], i),
                      *other = result_of(&a->node->bodies[1], i);
        if (!then || !other || then->type != other->type)
            return ca_infer_err(a, err, CARINA_ERR_TYPE,
                                "its branches make output %d %s and %s, must be one type",
                                i, carina_type_name(then ? then->type : CARINA_UNKNOWN),
                                carina_type_name(other ? other->type : CARINA_UNKNOWN));
        const CarinaShape s = common(&then->shape, &other->shape);
        ca_out(a, i, then->type, &s);
    }
    return CARINA_OK;
}

static CarinaStatus run_branch(const CaNode *node, const CarinaBody *b,
                               CarinaTensor *const *outputs, CarinaTensor **results,
                               const CarinaTensor **given,
                               const CarinaTensor *const *inputs, CarinaError *err)
{
    for (int i = 0; i < b->n_inputs; i++)
        given[b->inputs[i].inner] = inputs[b->inputs[i].outer];
    CarinaStatus status = ca_reference_run(b->graph, results, given, err);
    for (int i = 0; status == CARINA_OK && i < b->n_outputs; i++) {
        const CarinaTensor *from = results[b->outputs[i].inner],
                           *to = outputs[b->outputs[i].outer];
        if (ca_shape_equal(&from->shape, &to->shape))
            ca_elements_copy(to, from);
        else
            status = ca_err(err, CARINA_ERR_SHAPE,
                            "node '%s' (If): the shape of output %d depends on the data, "
                            "which is not offered",
                            node->name, b->outputs[i].outer);
    }
    return status;
}

static CarinaStatus run(const CaNode *node, CarinaTensor *const *outputs,
                        const CarinaTensor *const *inputs, CarinaError *err)
{
    const CarinaTensor *c = inputs[0];
    const bool holds = c && ca_tensor_count(c) > 0 &&
                       (ca_type_is_real(c->type) ? ca_get_real(c->type, c->data, 0) != 0
                                                 : ca_get_int(c->type, c->data, 0) != 0);
    const CarinaBody *b = &node->bodies[holds ? 0 : 1];
    const size_t n = (size_t)b->graph->n_inputs + (size_t)b->graph->n_outputs + 1;
    void **all = ca_alloc(n * sizeof(void *));
    if (!all)
        return ca_err(err, CARINA_ERR_MEMORY,
                      "node '%s' (If): out of memory for the reference", node->name);
    CarinaTensor **results = (CarinaTensor **)all;
    const CarinaTensor **given =
        (const CarinaTensor **)(void *)(results + b->graph->n_outputs);
    const CarinaStatus status = run_branch(node, b, outputs, results, given, inputs, err);
    for (int i = 0; i < b->graph->n_outputs; i++)
        carina_tensor_free(&results[i]);
    ca_free(all);
    return status;
}

const CaOp ca_op_if = {
    .name = "If",
    .opset = 8,
    .summary = "one of two bodies, by a condition",
    .arity = {1, -1, -1},
    .infer = infer,
    .run = run,
};
