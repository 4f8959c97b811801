/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReorgYolo: darknet's space to depth, [N, C, H, W] to [N, C s^2, H / s, W / s]. OpenVINO opset2.
 *
 * The input is read as [C / s^2, H s, W s]: that is darknet's way, and trained networks rely on it.
 */
#include "ops/check.h"

typedef struct {
    int64_t stride;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, stride, 1, 1 << 12, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const int64_t s = ((const Attrs *)a->attrs)->stride;
    CarinaShape y = ca_in_shape(a, 0);
    CA_TRY(ca_check_same(a, 0, 1, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    if (y.rank < 0)
        y = ca_shape_of_rank(4);
    for (int d = 1; d < 4; d++) {
        const int64_t by = d == 1 ? s * s : s;
        if (y.dims[d] < 0)
            continue;
        if (y.dims[d] % by || (d == 1 && !ca_dim_times(&y.dims[1], y.dims[1], by)))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "dimension %d, %lld long, does not divide by %lld", d,
                                (long long)y.dims[d], (long long)by);
        if (d > 1)
            y.dims[d] /= by;
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const int64_t s = ((const Attrs *)r->attrs)->stride;
    const CarinaShape *x = &r->in[0].shape;
    const int64_t c = x->dims[1], h = x->dims[2], w = x->dims[3];
    const int64_t depth = c / (s * s), image = c * h * w;
    for (int64_t i = 0; i < r->out[0].n; i++) {
        /* darknet walks [C, H, W] of one image */
        const int64_t n = i / image, k = i % image / (h * w), row = i / w % h,
                      col = i % w;
        const int64_t off = k / depth;
        const int64_t from =
            ((k % depth) * h * s + row * s + off / s) * w * s + col * s + off % s;
        if (r->out[0].real)
            r->out[0].real[i] = r->in[0].real[n * image + from];
        else
            r->out[0].whole[i] = r->in[0].whole[n * image + from];
    }
}

const CaOp ca_op_reorg_yolo = {
    .name = "ReorgYolo",
    .opset = 2,
    .summary = "darknet's rearrangement of space into channels",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
