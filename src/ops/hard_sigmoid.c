/* SPDX-License-Identifier: Apache-2.0 */
/* HardSigmoid: min(max(alpha * x + beta, 0), 1); alpha and beta are inputs. OpenVINO opset1. */
#include "ops/unary.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CA_TRY(ca_infer_scalar(a, 1, "alpha", err));
    CA_TRY(ca_infer_scalar(a, 2, "beta", err));
    return ca_infer_unary_real(a, err);
}

static void ref(CaRefArgs *r)
{
    const double alpha = r->in[1].real[0], beta = r->in[2].real[0];
    for (int64_t i = 0; i < r->out->n; i++) {
        const double x = r->in->real[i];
        r->out->real[i] = isnan(x) ? x : fmin(fmax(alpha * x + beta, 0), 1);
    }
}

const CaOp ca_op_hard_sigmoid = {
    .name = "HardSigmoid",
    .opset = 1,
    .summary = "alpha x + beta between 0 and 1",
    .arity = {3, 3, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = infer,
    .ref = ref,
};
