/* SPDX-License-Identifier: Apache-2.0 */
/* Gather: slices of the data along an axis, by index. OpenVINO opset8. */
#include "ops/gather_ref.h"

typedef struct {
    int64_t batch_dims;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, batch_dims, -CARINA_MAX_RANK, CARINA_MAX_RANK, CA_DEFAULT("0")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_infer_gather(a, ((const Attrs *)a->attrs)->batch_dims, err);
}

static void ref(CaRefArgs *r) { ca_ref_gather(r, ((const Attrs *)r->attrs)->batch_dims); }

const CaOp ca_op_gather_8 = {
    .name = "Gather",
    .opset = 8,
    .summary = "slices along an axis, by index",
    .arity = {3, 3, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
