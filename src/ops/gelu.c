/* SPDX-License-Identifier: Apache-2.0 */
/* Gelu: x * P(X <= x) for a normal X, by the error function. OpenVINO opset2. */
#include "ops/unary.h"

/* 1 + erf(u) written as erfc(-u): no cancellation far below zero. */
static double activation(double x) { return 0.5 * x * erfc(-x * sqrt(0.5)); }

static void ref(CaRefArgs *r) { ca_ref_unary(r, activation, NULL); }

const CaOp ca_op_gelu = {
    .name = "Gelu",
    .opset = 2,
    .summary = "Gaussian error linear unit, exact",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_unary_real,
    .ref = ref,
};
