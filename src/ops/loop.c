/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop: a body, so often and as long as a condition holds. Inputs are the number of trips (below 0: no limit), the
 * first condition, and what the body gets. OpenVINO opset5.
 *
 * After no iteration an output that is handed on is what came in.
 */
#include "ops/loops.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    int64_t n = 0, parts = 0;
    CA_TRY(ca_bodies_check(a, 1, err));
    for (int i = 0; i < 2; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        if (!ca_type_is_whole(ca_in_type(a, i)) ||
            (ca_shape_is_static(&s) && (!ca_shape_count(&s, &n) || n != 1)))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d must be one whole number, or one boolean", i);
    }
    CA_TRY(ca_iterations_by_parts(a, &parts, err));
    CA_TRY(ca_body_infer(a, &a->node->bodies[0], true, err));
    n = ca_iterations_known(a->node);
    if (n >= 0 && parts >= 0 && n > parts)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "it runs %lld times, but its inputs have %lld parts",
                            (long long)n, (long long)parts);
    return ca_loop_outputs(a, n, err);
}

const CaOp ca_op_loop = {
    .name = "Loop",
    .opset = 5,
    .summary = "a body, as long as a condition holds",
    .arity = {2, -1, -1},
    .infer = infer,
    .run = ca_loop_run,
};
