/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GridSample: a map [N, C, H, W] read at places [N, H', W', 2] (column, row), -1 and 1 being its edges: the middles of
 * its first and last elements where corners are aligned, else their outer sides. OpenVINO opset9.
 *
 * A place has 1, 4 or 16 elements around it; one that lies outside of the map counts as 0, as the nearest one inside,
 * or as its mirror image: about the middle of the last element where corners are aligned, else about its outer side.
 * nearest rounds halves to even, bicubic is Keys' with a = -0.75. A place that is no number lies far outside.
 */
#include "ops/check.h"

#include <math.h>

enum { BILINEAR, BICUBIC, NEAREST };
static const char *const modes[] = {"bilinear", "bicubic", "nearest", NULL};
enum { ZEROS, BORDER, REFLECTION };
static const char *const paddings[] = {"zeros", "border", "reflection", NULL};

typedef struct {
    bool align_corners;
    int32_t mode, padding_mode;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, align_corners, CA_DEFAULT("false")),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("bilinear")),
    CA_ATTR_ENUM(Attrs, padding_mode, paddings, CA_DEFAULT("zeros")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), grid = ca_in_shape(a, 1);
    int64_t n = ca_dim(&x, 0);
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_real(a, 1, 1, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 4, 4, err));
    if (ca_dim(&grid, 3) >= 0 && ca_dim(&grid, 3) != 2)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "places have %lld numbers; give 2: column, row",
                            (long long)ca_dim(&grid, 3));
    if (!ca_dim_meet(&n, ca_dim(&grid, 0)))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "%lld maps and places for %lld; give as many",
                            (long long)ca_dim(&x, 0), (long long)ca_dim(&grid, 0));
    const CarinaShape y = ca_shape(
        4, (const int64_t[]){n, ca_dim(&x, 1), ca_dim(&grid, 1), ca_dim(&grid, 2)});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* Elements first, first + 1 ... along one axis, and what each counts. */
typedef struct Taps {
    double first, weight[4];
    int n;
} Taps;

static double cubic(double d)
{
    const double a = -0.75;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                  : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static Taps taps_at(const Attrs *at, double place, int64_t size)
{
    Taps t = {.n = at->mode == NEAREST ? 1 : at->mode == BILINEAR ? 2 : 4};
    double v = at->align_corners ? (place + 1) / 2 * (double)(size - 1)
                                 : ((place + 1) * (double)size - 1) / 2;
    v = fmin(fmax(v, -0x1p40), 0x1p40);
    const double part = v - floor(v);
    t.first = floor(v);
    if (t.n == 1) {
        t.first = nearbyint(v);
        t.weight[0] = 1;
    } else if (t.n == 2) {
        t.weight[0] = 1 - part;
        t.weight[1] = part;
    } else {
        t.first -= 1;
        for (int k = 0; k < 4; k++)
            t.weight[k] = cubic(fabs(part - (k - 1)));
    }
    return t;
}

/* The element that stands for number i of an axis; -1: none, it counts as 0. */
static int64_t stand_in(const Attrs *at, double i, int64_t size)
{
    const double last = (double)(size - 1);
    if (at->padding_mode == REFLECTION && last > 0) {
        const double turn = at->align_corners ? 2 * last : 2 * (last + 1);
        i = fmod(i, turn);
        i = i < 0 ? i + turn : i;
        if (i > last)
            i = at->align_corners ? turn - i : turn - 1 - i;
    }
    if (i >= 0 && i <= last)
        return (int64_t)i;
    return at->padding_mode == ZEROS || size < 1 ? -1 : i < 0 || size == 1 ? 0 : size - 1;
}

static double sample(const Attrs *at, const double *x, const int64_t size[2],
                     const Taps *rows, const Taps *cols)
{
    double sum = 0;
    for (int i = 0; i < rows->n; i++)
        for (int j = 0; j < cols->n; j++) {
            const int64_t r = stand_in(at, rows->first + i, size[0]),
                          c = stand_in(at, cols->first + j, size[1]);
            if (r >= 0 && c >= 0)
                sum += rows->weight[i] * cols->weight[j] * x[r * size[1] + c];
        }
    return sum;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ys = &r->out[0].shape;
    const int64_t size[2] = {xs->dims[2], xs->dims[3]}, plane = size[0] * size[1],
                  n_places = ys->dims[2] * ys->dims[3];
    double *y = r->out[0].real;
    for (int64_t n = 0; n < ys->dims[0]; n++)
        for (int64_t c = 0; c < ys->dims[1]; c++)
            for (int64_t p = 0; p < n_places; p++) {
                const double *place = r->in[1].real + 2 * (n * n_places + p);
                const Taps rows = taps_at(at, place[1], size[0]),
                           cols = taps_at(at, place[0], size[1]);
                *y++ = sample(at, r->in[0].real + (n * ys->dims[1] + c) * plane, size,
                              &rows, &cols);
            }
}

const CaOp ca_op_grid_sample = {
    .name = "GridSample",
    .opset = 9,
    .summary = "a map read at places that are computed",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
