/* SPDX-License-Identifier: Apache-2.0 */
/* Swish: x * sigmoid(beta * x); beta is an optional number, 1 where absent. OpenVINO opset4. */
#include "ops/unary.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CA_TRY(ca_infer_scalar(a, 1, "beta", err));
    return ca_infer_unary_real(a, err);
}

static void ref(CaRefArgs *r)
{
    const double beta = r->n_in > 1 && r->in[1].n ? r->in[1].real[0] : 1;
    for (int64_t i = 0; i < r->out->n; i++) {
        const double x = r->in->real[i], e = exp(-fabs(beta * x));
        r->out->real[i] = x * (beta * x >= 0 ? 1 / (1 + e) : e / (1 + e));
    }
}

const CaOp ca_op_swish = {
    .name = "Swish",
    .opset = 4,
    .summary = "x sigmoid(beta x)",
    .arity = {1, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = infer,
    .ref = ref,
};
