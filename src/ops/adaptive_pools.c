/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape rule and the bins of adaptive pooling.
 */
#include "ops/adaptive_pools.h"
#include "ops/check.h"

CarinaStatus ca_adaptive_infer(const CaInferArgs *a, CarinaShape *y, CarinaError *err)
{
    int64_t v[3];
    int n = 0;
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_whole(a, 1, err));
    CA_TRY(ca_check_rank(a, 0, 3, 5, err));
    CA_TRY(ca_check_rank(a, 1, 1, 1, err));
    *y = ca_in_shape(a, 0);
    const bool known = ca_in_ints(a, 1, v, 3, &n);
    if (y->rank < 0)
        return CARINA_OK;
    if (known && n != y->rank - 2)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "output_shape has %d numbers; give %d", n, (int)y->rank - 2);
    for (int i = 0; i < y->rank - 2; i++) {
        if (known && (v[i] < 1 || v[i] > INT32_MAX || y->dims[2 + i] > INT32_MAX ||
                      y->dims[2 + i] == 0))
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "spatial dimension %d is %lld long and asked to be %lld; give lengths from 1",
                i, (long long)y->dims[2 + i], (long long)v[i]);
        y->dims[2 + i] = known ? v[i] : CARINA_DYNAMIC;
    }
    return CARINA_OK;
}

CaBin ca_adaptive_bin(const CarinaShape *x, const CarinaShape *y, int64_t out)
{
    CaBin b = {{1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
    for (int d = x->rank - 1, k = 2; d >= 2; d--, k--) {
        const int64_t in = x->dims[d], n = y->dims[d], i = out % n;
        b.in[k] = in;
        b.first[k] = i * in / n;
        b.last[k] = ((i + 1) * in + n - 1) / n;
        out /= n;
    }
    return b;
}
