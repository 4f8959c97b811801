/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedInterpolate: bilinear, [N, C, H, W] to the sizes given; input and output have the same steps. Carina's own.
 *
 * i8 and i16: positions with 10 bits behind the point, the sum rounded once, halves away from zero. u8: positions and
 * sum in f32, a half added and cut, as TensorFlow Lite does.
 */
#include "ops/quantized.h"

typedef struct {
    CarinaInts sizes;
    int32_t coordinates;
} Attrs;

enum { ASYMMETRIC, ALIGN_CORNERS, HALF_PIXEL, MOST = 1 << 20 };
static const char *const coordinates[] = {"asymmetric", "align_corners", "half_pixel",
                                          NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_INTS(Attrs, sizes, 1, MOST, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, coordinates, coordinates, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = a->attrs;
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = x.rank < 0 ? ca_shape_of_rank(4) : x;
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_count(a, "sizes", at->sizes, 2, err));
    for (int i = 2; i < 4; i++) {
        if (x.rank == 4 && (x.dims[i] == 0 || x.dims[i] > MOST))
            return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                                "dimension %d is %lld long; it needs 1 to %d", i,
                                (long long)x.dims[i], MOST);
        y.dims[i] = at->sizes.v[i - 2];
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

typedef struct Place { /* along an axis: from elements low and high, so far beyond low */
    int64_t low, high, by; /* of 1024 */
    float by_real;
} Place;

static Place whole_place(const Attrs *at, int64_t i, int64_t n_in, int64_t n_out)
{
    int64_t step = (1024 * n_in + n_out / 2) / n_out;
    if (at->coordinates == ALIGN_CORNERS && n_out > 1)
        step = (1024 * (n_in - 1) + (n_out - 1) / 2) / (n_out - 1);
    const int64_t x = i * step + (at->coordinates == HALF_PIXEL ? step / 2 - 512 : 0);
    Place p = {.low = x / 1024, .high = (x + 1023) / 1024};
    p.low = p.low > 0 ? p.low : 0;
    p.high = p.high < n_in - 1 ? p.high : n_in - 1;
    /* Beyond the last element TensorFlow Lite reads on: positions there do not arise, as steps are rounded by less. */
    p.low = p.low < n_in - 1 ? p.low : n_in - 1;
    p.by = x - 1024 * p.low;
    return p;
}

static Place real_place(const Attrs *at, int64_t i, int64_t n_in, int64_t n_out)
{
    const float step = at->coordinates == ALIGN_CORNERS && n_out > 1
                           ? (float)(n_in - 1) / (float)(n_out - 1)
                           : (float)n_in / (float)n_out;
    const float x =
        at->coordinates == HALF_PIXEL ? ((float)i + 0.5f) * step - 0.5f : (float)i * step;
    const int64_t low = (int64_t)floorf(x), high = (int64_t)ceilf(x);
    Place p = {.low = low > 0 ? low : 0, .high = high < n_in - 1 ? high : n_in - 1};
    p.low = p.low < n_in - 1 ? p.low : n_in - 1;
    p.high = p.high > 0 ? p.high : 0;
    p.by_real = x - (float)p.low;
    return p;
}

static int64_t whole_mix(const int64_t v[4], const Place *y, const Place *x)
{
    const int64_t sum = v[0] * (1024 - y->by) * (1024 - x->by) +
                        v[2] * y->by * (1024 - x->by) + v[1] * (1024 - y->by) * x->by +
                        v[3] * y->by * x->by;
    return (sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20);
}

static int64_t real_mix(const int64_t v[4], const Place *y, const Place *x)
{
    const float a = (float)v[0] * (1 - y->by_real) * (1 - x->by_real),
                b = (float)v[2] * y->by_real * (1 - x->by_real),
                c = (float)v[1] * (1 - y->by_real) * x->by_real,
                d = (float)v[3] * y->by_real * x->by_real;
    return (int64_t)(a + b + c + d + 0.5f);
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const bool is_real = r->in[0].type == CARINA_U8;
    const int64_t *in = r->in[0].shape.dims, *out = r->out[0].shape.dims;
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const int64_t x = i % out[3], y = i / out[3] % out[2],
                      plane = i / out[3] / out[2];
        const Place py = is_real ? real_place(at, y, in[2], out[2])
                                 : whole_place(at, y, in[2], out[2]),
                    px = is_real ? real_place(at, x, in[3], out[3])
                                 : whole_place(at, x, in[3], out[3]);
        const int64_t *from = r->in[0].whole + plane * in[2] * in[3];
        const int64_t v[4] = {
            from[py.low * in[3] + px.low], from[py.low * in[3] + px.high],
            from[py.high * in[3] + px.low], from[py.high * in[3] + px.high]};
        r->out[0].whole[i] = is_real ? real_mix(v, &py, &px) : whole_mix(v, &py, &px);
    }
}

const CaOp ca_op_quantized_interpolate = {
    .name = "QuantizedInterpolate",
    .opset = 1,
    .summary = "bilinear resizing of quantised integers, exact to TensorFlow Lite's",
    .arity = {1, 1, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
