/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result: an output of the model. OpenVINO opset1. Its own output exists only to hold type and shape.
 */
#include "graph/op.h"

const CaOp ca_op_result = {
    .name = "Result",
    .opset = 1,
    .summary = "an output of the model",
    .arity = {1, 1, 1},
    .flags = CA_OP_SIDE,
    .infer = ca_infer_same_as_input,
};
