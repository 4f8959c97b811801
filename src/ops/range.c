/* SPDX-License-Identifier: Apache-2.0 */
/* Range: start, start + step, ... before stop, in the type of the inputs. OpenVINO opset1. */
#include "ops/axes.h"
#include "ops/range_ref.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CA_TRY(ca_infer_same_type(a, 0, 1, err));
    CA_TRY(ca_infer_same_type(a, 0, 2, err));
    return ca_infer_range(a, ca_in_type(a, 0), err);
}

const CaOp ca_op_range = {
    .name = "Range",
    .opset = 1,
    .summary = "numbers at equal distances",
    .arity = {3, 3, 1},
    .infer = infer,
    .ref = ca_ref_range,
};
