/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRN: x / sqrt(bias + the sum of squares over the channels, dimension 1). OpenVINO opset1.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

typedef struct {
    double bias;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, bias, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_rank(a, 0, 2, 4, err));
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const double bias = ((const Attrs *)r->attrs)->bias;
    const CaRefTensor *x = &r->in[0];
    const bool mask[CARINA_MAX_RANK] = {false, true};
    double *sum = ca_ref_doubles(r, ca_ref_n_groups(&x->shape, mask));
    if (!sum)
        return;
    for (int64_t i = 0; i < x->n; i++)
        sum[ca_ref_group(&x->shape, mask, i)] += x->real[i] * x->real[i];
    for (int64_t i = 0; i < x->n; i++)
        r->out[0].real[i] =
            x->real[i] / sqrt(sum[ca_ref_group(&x->shape, mask, i)] + bias);
}

/* Sums, one number a group each. */
static size_t work(const CarinaNode *node)
{
    return ca_work_array(0, ca_value_count(&node->outputs[0]), sizeof(double));
}

const CaOp ca_op_grn = {
    .name = "GRN",
    .opset = 1,
    .summary = "global response normalisation over the channels",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = work,
};
