/* SPDX-License-Identifier: Apache-2.0 */
/* Elu: y = x where x > 0, alpha * (exp(x) - 1) elsewhere. OpenVINO opset1. */
#include "ops/unary.h"

#include <float.h>

typedef struct {
    double alpha;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, alpha, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTRS_END,
};

static void ref(CaRefArgs *r)
{
    const double alpha = ((const Attrs *)r->attrs)->alpha;
    for (int64_t i = 0; i < r->out->n; i++) {
        const double x = r->in->real[i];
        r->out->real[i] = x <= 0 ? alpha * expm1(x) : x;
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Elu", .map = {{"alpha", "alpha", "1.0"}}},
    {CA_FORMAT_CAFFE, "ELU", .map = {{"alpha", "alpha", "1.0"}}},
    {0},
};

const CaOp ca_op_elu = {
    .name = "Elu",
    .opset = 1,
    .summary = "exponential linear unit",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_unary_real,
    .ref = ref,
    .imports = imports,
};
