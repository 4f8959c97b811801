/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorIterator: a body for each part of its inputs, one after another. OpenVINO opset1.
 */
#include "ops/loops.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    int64_t n = 0;
    CA_TRY(ca_bodies_check(a, 1, err));
    CA_TRY(ca_iterations_by_parts(a, &n, err));
    if (n < CARINA_DYNAMIC)
        return ca_infer_err(a, err, CARINA_ERR_FORMAT,
                            "no input is taken apart, so that nothing says how often "
                            "its body runs");
    CA_TRY(ca_body_infer(a, &a->node->bodies[0], true, err));
    return ca_loop_outputs(a, n, err);
}

const CaOp ca_op_tensor_iterator = {
    .name = "TensorIterator",
    .opset = 1,
    .summary = "a body for each part of its inputs",
    .arity = {1, -1, -1},
    .infer = infer,
    .run = ca_loop_run,
};
