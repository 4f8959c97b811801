/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ScatterElementsUpdate: single elements along an axis replaced or combined, by index. OpenVINO opset12.
 *
 * Without use_init_val an element that is updated starts at the neutral value; mean counts the first value only
 * with it, and cuts integers toward zero.
 */
#include "ops/scatter_elements.h"

enum { NONE, SUM, PROD, MIN, MAX, MEAN };

typedef struct {
    int32_t reduction;
    bool use_init_val;
} Attrs;

static const char *const reductions[] = {"none", "sum",  "prod", "min",
                                         "max",  "mean", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, reduction, reductions, CA_DEFAULT("none")),
    CA_ATTR_BOOL(Attrs, use_init_val, CA_DEFAULT("true")),
    CA_ATTRS_END,
};

static const CaScatter how[] = {CA_SCATTER_NONE, CA_SCATTER_SUM, CA_SCATTER_PROD,
                                CA_SCATTER_MIN,  CA_SCATTER_MAX, CA_SCATTER_SUM};

static void start_neutral(CaRefTensor *y, int64_t at, int32_t reduction)
{
    const double real = reduction == PROD  ? 1
                        : reduction == MIN ? INFINITY
                        : reduction == MAX ? -INFINITY
                                           : 0;
    if (y->real)
        y->real[at] = real;
    else
        y->whole[at] = reduction == PROD  ? 1
                       : reduction == MIN ? ca_whole_highest(y->type)
                       : reduction == MAX ? ca_whole_lowest(y->type)
                                          : 0;
}

static void divide(CaRefTensor *y, const int64_t *count)
{
    for (int64_t i = 0; i < y->n; i++) {
        if (count[i] == 0)
            continue;
        if (y->real)
            y->real[i] /= (double)count[i];
        else if (y->type == CARINA_U64)
            y->whole[i] = (int64_t)((uint64_t)y->whole[i] / (uint64_t)count[i]);
        else
            y->whole[i] /= count[i];
    }
}

static void ref(CaRefArgs *r)
{
    const Attrs *const t = r->attrs;
    int64_t *const count = ca_arena_array(r->arena, (size_t)r->out->n + 1, sizeof *count);
    int axis;
    if (!count || r->in[3].n != 1 ||
        !ca_axis(r->in[3].whole[0], r->in->shape.rank, &axis)) {
        r->problem = count ? "the axis is outside the data's rank"
                           : "out of memory for the reference";
        return;
    }
    ca_scatter_copy(r->out, r->in);
    for (int64_t i = 0; i < r->in[2].n; i++) {
        const int64_t at = ca_scatter_place(r, axis, i);
        if (at < 0)
            return;
        if (count[at] == 0 && t->use_init_val)
            count[at] = 1;
        else if (count[at] == 0 && t->reduction != NONE)
            start_neutral(r->out, at, t->reduction);
        count[at]++;
    }
    ca_ref_scatter_elements(r, how[t->reduction]);
    if (t->reduction == MEAN)
        divide(r->out, count);
}

static size_t work(const CarinaNode *node)
{
    return ca_work_array(0, ca_value_count(&node->outputs[0]) + 1, sizeof(int64_t));
}

const CaOp ca_op_scatter_elements_update_12 = {
    .name = "ScatterElementsUpdate",
    .opset = 12,
    .summary = "single elements along an axis replaced or combined",
    .arity = {4, 4, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_scatter_elements,
    .ref = ref,
    .work = work,
};
