/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NormalizeL2: x / sqrt(s + eps), or x / sqrt(max(s, eps)), s the sum of squares over the axes. OpenVINO opset1.
 *
 * No axes: each element by itself.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

enum { ADD, MAX };
static const char *const eps_modes[] = {"add", "max", NULL};

typedef struct {
    double eps;
    int32_t eps_mode;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, eps, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, eps_mode, eps_modes, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_axes(a, 1, err));
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaRefTensor *x = &r->in[0];
    bool mask[CARINA_MAX_RANK];
    if (!ca_axes_mask(r->in[1].whole, r->in[1].n, x->shape.rank, mask)) {
        r->problem = "an axis is out of range";
        return;
    }
    double *sum = ca_ref_doubles(r, ca_ref_n_groups(&x->shape, mask));
    if (!sum)
        return;
    for (int64_t i = 0; i < x->n; i++)
        sum[ca_ref_group(&x->shape, mask, i)] += x->real[i] * x->real[i];
    for (int64_t i = 0; i < x->n; i++) {
        const double s = sum[ca_ref_group(&x->shape, mask, i)];
        r->out[0].real[i] =
            x->real[i] / sqrt(at->eps_mode == ADD ? s + at->eps : fmax(s, at->eps));
    }
}

/* Sums, one number a group each. */
static size_t work(const CarinaNode *node)
{
    return ca_work_array(0, ca_value_count(&node->outputs[0]), sizeof(double));
}

const CaOp ca_op_normalize_l2 = {
    .name = "NormalizeL2",
    .opset = 1,
    .summary = "division by the Euclidean length over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = work,
};
