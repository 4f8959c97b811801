/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shape rule and variances of prior boxes.
 */
#include "ops/priors.h"
#include "ops/check.h"

CarinaStatus ca_priors_infer(const CaInferArgs *a, int64_t n, CarinaFloats variance,
                             CarinaError *err)
{
    int64_t size[2], count = CARINA_DYNAMIC;
    int known = 0;
    for (int i = 0; i < 2; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        CA_TRY(ca_check_whole(a, i, err));
        CA_TRY(ca_check_rank(a, i, 1, 1, err));
        if (ca_dim(&s, 0) >= 0 && ca_dim(&s, 0) != 2)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld numbers; give height and width", i,
                                (long long)ca_dim(&s, 0));
    }
    if (variance.n > 1 && variance.n != 4)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "variance has %d numbers; give none, 1 or 4",
                            (int)variance.n);
    if (ca_in_ints(a, 0, size, 2, &known) && known == 2) {
        if (size[0] < 0 || size[1] < 0 || !ca_dim_times(&count, size[0], size[1]) ||
            !ca_dim_times(&count, count, n) || !ca_dim_times(&count, count, 4))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "a layer of %lld x %lld is out of range",
                                (long long)size[0], (long long)size[1]);
    }
    const CarinaShape y = ca_shape(2, (const int64_t[]){2, count});
    ca_out(a, 0, CARINA_F32, &y);
    return CARINA_OK;
}

void ca_priors_variance(CaRefArgs *r, CarinaFloats variance)
{
    const int64_t n = r->out[0].shape.dims[1];
    for (int64_t i = 0; i < n; i++)
        r->out[0].real[n + i] =
            variance.n == 0 ? 0.1 : variance.v[variance.n == 4 ? i % 4 : 0];
}

bool ca_priors_sizes(CaRefArgs *r, int64_t n, int64_t layer[2], double image[2])
{
    int64_t count = 0;
    for (int i = 0; i < 2; i++) {
        layer[i] = r->in[0].whole[i];
        image[i] = (double)r->in[1].whole[i];
    }
    if (layer[0] < 0 || layer[1] < 0 || !ca_dim_times(&count, layer[0], layer[1]) ||
        !ca_dim_times(&count, count, 4 * n) || count != r->out[0].shape.dims[1])
        r->problem = "the layer's size is not the one the shapes were computed for";
    else if (image[0] <= 0 || image[1] <= 0)
        r->problem = "the image's size is not positive";
    return r->problem == NULL;
}
