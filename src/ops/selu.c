/* SPDX-License-Identifier: Apache-2.0 */
/* Selu: lambda * x where x > 0, lambda * alpha * (exp(x) - 1) elsewhere; alpha and lambda are inputs. OpenVINO opset1. */
#include "ops/unary.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CA_TRY(ca_infer_scalar(a, 1, "alpha", err));
    CA_TRY(ca_infer_scalar(a, 2, "lambda", err));
    return ca_infer_unary_real(a, err);
}

static void ref(CaRefArgs *r)
{
    const double alpha = r->in[1].real[0], lambda = r->in[2].real[0];
    for (int64_t i = 0; i < r->out->n; i++) {
        const double x = r->in->real[i];
        r->out->real[i] = lambda * (x > 0 ? x : alpha * expm1(x));
    }
}

const CaOp ca_op_selu = {
    .name = "Selu",
    .opset = 1,
    .summary = "scaled exponential linear unit",
    .arity = {3, 3, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = infer,
    .ref = ref,
};
