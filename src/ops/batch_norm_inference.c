/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BatchNormInference: gamma (x - mean) / sqrt(variance + epsilon) + beta, channels in dimension 1.
 *
 * OpenVINO opset5 has the data first, opset1 third: gamma, beta, data, mean, variance.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

typedef struct {
    double epsilon;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, epsilon, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTRS_END,
};

/* Which input is which. */
typedef struct {
    int data, gamma, beta, mean, variance;
} Order;
static const Order order1 = {2, 0, 1, 3, 4}, order5 = {0, 1, 2, 3, 4};

static CarinaStatus infer_order(const CaInferArgs *a, Order o, CarinaError *err)
{
    CarinaShape y = ca_in_shape(a, o.data);
    int64_t channels = ca_dim(&y, 1);
    CA_TRY(ca_check_real(a, 0, 5, err));
    CA_TRY(ca_check_rank(a, o.data, 2, CARINA_MAX_RANK, err));
    for (int i = 0; i < 5; i++) {
        if (i == o.data)
            continue;
        const CarinaShape s = ca_in_shape(a, i);
        CA_TRY(ca_check_rank(a, i, 1, 1, err));
        if (!ca_dim_meet(&channels, ca_dim(&s, 0)))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld numbers for %lld channels", i,
                                (long long)ca_dim(&s, 0), (long long)channels);
    }
    if (y.rank >= 0)
        y.dims[1] = channels;
    ca_out(a, 0, ca_in_type(a, o.data), &y);
    return CARINA_OK;
}

static void ref_order(CaRefArgs *r, Order o)
{
    const double epsilon = ((const Attrs *)r->attrs)->epsilon;
    const CaRefTensor *x = &r->in[o.data];
    const int64_t inner = ca_shape_product(&x->shape, 2, x->shape.rank);
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t c = i / inner % x->shape.dims[1];
        r->out[0].real[i] = r->in[o.gamma].real[c] *
                                (x->real[i] - r->in[o.mean].real[c]) /
                                sqrt(r->in[o.variance].real[c] + epsilon) +
                            r->in[o.beta].real[c];
    }
}

static CarinaStatus infer1(const CaInferArgs *a, CarinaError *err)
{
    return infer_order(a, order1, err);
}
static CarinaStatus infer5(const CaInferArgs *a, CarinaError *err)
{
    return infer_order(a, order5, err);
}
static void ref1(CaRefArgs *r) { ref_order(r, order1); }
static void ref5(CaRefArgs *r) { ref_order(r, order5); }

const CaOp ca_op_batch_norm_inference = {
    .name = "BatchNormInference",
    .opset = 1,
    .summary = "batch normalisation with given statistics; the data is input 2",
    .arity = {5, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer1,
    .ref = ref1,
};

const CaOp ca_op_batch_norm_inference_5 = {
    .name = "BatchNormInference",
    .opset = 5,
    .summary = "batch normalisation with given statistics",
    .arity = {5, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer5,
    .ref = ref5,
};
