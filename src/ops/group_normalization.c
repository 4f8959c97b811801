/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GroupNormalization: mean 0 and variance 1 within each group of channels of each sample, then scale and bias per
 * channel. OpenVINO opset12.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

typedef struct {
    int64_t num_groups;
    double epsilon;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, num_groups, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_FLOAT(Attrs, epsilon, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const int64_t groups = ((const Attrs *)a->attrs)->num_groups;
    CarinaShape x = ca_in_shape(a, 0);
    int64_t channels = ca_dim(&x, 1);
    CA_TRY(ca_check_real(a, 0, 3, err));
    CA_TRY(ca_check_rank(a, 0, 2, CARINA_MAX_RANK, err));
    for (int i = 1; i < 3; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        CA_TRY(ca_check_rank(a, i, 1, 1, err));
        if (!ca_dim_meet(&channels, ca_dim(&s, 0)))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld numbers for %lld channels", i,
                                (long long)ca_dim(&s, 0), (long long)channels);
    }
    if (channels >= 0 && channels % groups)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "%lld channels do not divide into %lld groups",
                            (long long)channels, (long long)groups);
    if (x.rank >= 0)
        x.dims[1] = channels;
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaRefTensor *x = &r->in[0];
    const int64_t channels = x->shape.dims[1];
    const int64_t inner = ca_shape_product(&x->shape, 2, x->shape.rank);
    const int64_t each = channels / at->num_groups * inner;
    for (int64_t from = 0; from < x->n; from += each) {
        double mean = 0, square = 0;
        for (int64_t i = from; i < from + each; i++)
            mean += x->real[i];
        mean /= (double)each;
        for (int64_t i = from; i < from + each; i++)
            square += (x->real[i] - mean) * (x->real[i] - mean);
        const double scale = 1 / sqrt(square / (double)each + at->epsilon);
        for (int64_t i = from; i < from + each; i++) {
            const int64_t c = i / inner % channels;
            r->out[0].real[i] =
                (x->real[i] - mean) * scale * r->in[1].real[c] + r->in[2].real[c];
        }
    }
}

const CaOp ca_op_group_normalization = {
    .name = "GroupNormalization",
    .opset = 12,
    .summary = "normalisation within groups of channels",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
