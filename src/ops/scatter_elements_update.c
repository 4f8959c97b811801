/* SPDX-License-Identifier: Apache-2.0 */
/* ScatterElementsUpdate: single elements along an axis replaced, by index. OpenVINO opset3. */
#include "ops/scatter_elements.h"

static void ref(CaRefArgs *r)
{
    ca_scatter_copy(r->out, r->in);
    ca_ref_scatter_elements(r, CA_SCATTER_NONE);
}

const CaOp ca_op_scatter_elements_update = {
    .name = "ScatterElementsUpdate",
    .opset = 3,
    .summary = "single elements along an axis replaced",
    .arity = {4, 4, 1},
    .infer = ca_infer_scatter_elements,
    .ref = ref,
};
