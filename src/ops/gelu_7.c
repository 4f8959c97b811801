/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gelu: x * P(X <= x) for a normal X, by the error function (ERF) or its approximation by tanh (TANH).
 * OpenVINO opset7; opset2 has the first form only.
 */
#include "ops/unary.h"

enum { ERF, TANH };

typedef struct {
    int32_t approximation_mode;
} Attrs;

static const char *const modes[] = {"erf", "tanh", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, approximation_mode, modes, CA_DEFAULT("erf")),
    CA_ATTRS_END,
};

/* 1 + erf(u) written as erfc(-u): no cancellation far below zero. */
static double by_erf(double x) { return 0.5 * x * erfc(-x * sqrt(0.5)); }

/* (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)); u has the factor sqrt(2 / pi). */
static double by_tanh(double x)
{
    const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
    return x / (1 + exp(-2 * u));
}

static void ref(CaRefArgs *r)
{
    const int32_t mode = ((const Attrs *)r->attrs)->approximation_mode;
    ca_ref_unary(r, mode == TANH ? by_tanh : by_erf, NULL);
}

const CaOp ca_op_gelu_7 = {
    .name = "Gelu",
    .opset = 7,
    .summary = "Gaussian error linear unit",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_unary_real,
    .ref = ref,
};
