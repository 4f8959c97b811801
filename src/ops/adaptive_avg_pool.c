/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdaptiveAvgPool: means over bins that share out the input evenly among a given number of outputs. OpenVINO opset8.
 */
#include "ops/adaptive_pools.h"
#include "ops/check.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape y;
    CA_TRY(ca_adaptive_infer(a, &y, err));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *xs = &r->in[0].shape, *ys = &r->out[0].shape;
    const int64_t n_out = ca_shape_product(ys, 2, ys->rank);
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const CaBin b = ca_adaptive_bin(xs, ys, i % n_out);
        const double *x = r->in[0].real + i / n_out * b.in[0] * b.in[1] * b.in[2];
        double sum = 0;
        int64_t n = 0;
        for (int64_t z = b.first[0]; z < b.last[0]; z++)
            for (int64_t row = b.first[1]; row < b.last[1]; row++)
                for (int64_t col = b.first[2]; col < b.last[2]; col++, n++)
                    sum += x[(z * b.in[1] + row) * b.in[2] + col];
        r->out[0].real[i] = sum / (double)n;
    }
}

const CaOp ca_op_adaptive_avg_pool = {
    .name = "AdaptiveAvgPool",
    .opset = 8,
    .summary = "mean pooling to a given output size",
    .arity = {2, 2, 1},
    .infer = infer,
    .ref = ref,
};
