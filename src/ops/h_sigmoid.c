/* SPDX-License-Identifier: Apache-2.0 */
/* HSigmoid: min(max(x + 3, 0), 6) / 6. OpenVINO opset5. */
#include "ops/unary.h"

static double activation(double x) { return isnan(x) ? x : fmin(fmax(x + 3, 0), 6) / 6; }

static void ref(CaRefArgs *r) { ca_ref_unary(r, activation, NULL); }

const CaOp ca_op_h_sigmoid = {
    .name = "HSigmoid",
    .opset = 5,
    .summary = "clamp(x + 3, 0, 6) / 6",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_unary_real,
    .ref = ref,
};
