/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: maps read at computed places. GridSample of images is our operator; that of volumes, which has none, is made of
 * what gathers the elements around each place. AffineGrid computes places.
 */
#include "formats/affine_places.h"
#include "formats/onnx/onnx_reader.h"

#include <string.h>

typedef struct Sampling {
    const char *mode, *edge;
    bool align_corners;
} Sampling;

/* --- Volumes [N, C, D, H, W] at [N, D', H', W', 3]: along the last axis, places go with D, H, W here. */

typedef struct Volume {
    CaBuild *b;
    const Sampling *how;
    CaValue *elements; /* [N, D, H, W, C] */
    CaValue *last;     /* index of the last element, [3] */
    CaValue *turn;     /* where mirror images begin anew, [3] */
} Volume;

static CaValue *three(CaBuild *b, const double *v)
{
    const CarinaShape s = ca_build_along(0, 1, 3);
    return ca_build_reals(b, &s, v);
}

/* Numbers of elements: of those that stand for i, which are inside. */
static CaValue *stand_in(const Volume *z, CaValue *i)
{
    CaBuild *const b = z->b;
    if (strcmp(z->how->edge, "reflection") == 0) {
        i = ca_build_2(b, "FloorMod", i, z->turn);
        CaValue *mirror = ca_build_2(b, "Subtract", z->turn, i);
        if (!z->how->align_corners)
            mirror = ca_build_plus(b, mirror, -1);
        i = ca_build_2(b, "Minimum", i, mirror);
    }
    return ca_build_2(b, "Maximum", ca_build_2(b, "Minimum", i, z->last),
                      ca_build_number(b, i, 0));
}

static CaValue *over_axes(CaBuild *b, const char *op, CaValue *v)
{
    const int64_t last = 4;
    v = ca_build_2(b, op, v, ca_build_vector(b, &last, 1));
    ca_build_set_text(b, v, "keep_dims", "true");
    return v;
}

/* The elements numbered i times their weight (NULL: 1), [N, D', H', W', C]. */
static CaValue *tap(const Volume *z, CaValue *i, CaValue *weight)
{
    CaBuild *const b = z->b;
    CaValue *const in[] = {z->elements, ca_build_convert(b, stand_in(z, i), CARINA_I64)};
    CaValue *v = ca_build_make_at(b, "GatherND", 8, in, 2, 1);
    ca_build_set_int(b, v, "batch_dims", 1);
    if (weight)
        v = ca_build_2(b, "Multiply", v,
                       ca_build_convert(b, weight, ca_build_type(b, z->elements)));
    if (strcmp(z->how->edge, "zeros") != 0)
        return v;
    CaValue *is_inside =
        ca_build_2(b, "LogicalAnd", ca_build_2(b, "LessEqual", i, z->last),
                   ca_build_2(b, "GreaterEqual", i, ca_build_number(b, i, 0)));
    return ca_build_3(b, "Select", over_axes(b, "ReduceLogicalAnd", is_inside), v,
                      ca_build_number(b, v, 0));
}

/* The eight elements around each place. */
static CaValue *trilinear(const Volume *z, CaValue *places)
{
    CaBuild *const b = z->b;
    CaValue *first = ca_build_1(b, "Floor", places), *sum = NULL;
    CaValue *part = ca_build_2(b, "Subtract", places, first);
    for (int k = 0; k < 8 && b->status == CARINA_OK; k++) {
        double next[3], sign[3], start[3]; /* weight: start + sign * part */
        for (int d = 0; d < 3; d++) {
            next[d] = k >> d & 1;
            sign[d] = 2 * next[d] - 1;
            start[d] = 1 - next[d];
        }
        CaValue *weight = over_axes(
            b, "ReduceProd",
            ca_build_2(b, "Add", ca_build_2(b, "Multiply", part, three(b, sign)),
                       three(b, start)));
        CaValue *v = tap(z, ca_build_2(b, "Add", first, three(b, next)), weight);
        sum = sum ? ca_build_2(b, "Add", sum, v) : v;
    }
    return sum;
}

static CaValue *volume(CaBuild *b, const Sampling *how, CaValue *x, CaValue *grid)
{
    const int64_t turned[] = {2, 1, 0};
    const CarinaShape s = ca_build_shape(b, x), g = ca_build_shape(b, grid);
    double scale[3], middle[3], last[3], turn[3];
    for (int d = 0; d < 3; d++) {
        if (b->status == CARINA_OK && (s.dims[2 + d] < 1 || s.dims[2 + d] > 1 << 24 ||
                                       g.rank != 5 || g.dims[4] != 3))
            ca_build_fail(b, CARINA_ERR_SHAPE,
                          "needs a volume of known size, and places of 3 numbers; give "
                          "the input's shape (--input-shape)");
        if (b->status != CARINA_OK)
            return NULL;
        last[d] = (double)(s.dims[2 + d] - 1);
        middle[d] = last[d] / 2;
        scale[d] = how->align_corners ? middle[d] : (last[d] + 1) / 2;
        turn[d] = !how->align_corners ? 2 * (last[d] + 1) : last[d] > 0 ? 2 * last[d] : 1;
    }
    const Volume z = {b, how, ca_build_channels_last(b, x), three(b, last),
                      three(b, turn)};
    CaValue *places =
        ca_build_convert(b,
                         ca_build_3(b, "Gather", grid, ca_build_vector(b, turned, 3),
                                    ca_build_scalar(b, 4)),
                         CARINA_F32);
    places = ca_build_2(b, "Add", ca_build_2(b, "Multiply", places, three(b, scale)),
                        three(b, middle));
    if (strcmp(how->mode, "nearest") != 0)
        return ca_build_channels_first(b, trilinear(&z, places));
    CaValue *nearest = ca_build_1(b, "Round", places);
    ca_build_set_text(b, nearest, "mode", "half_to_even");
    return ca_build_channels_first(b, tap(&z, nearest, NULL));
}

/* --- GridSample. */

static Sampling sampling_of(CaOnnxCall *c)
{
    Sampling s = {ca_onnx_attr_text(c, "mode", "bilinear"),
                  ca_onnx_attr_text(c, "padding_mode", "zeros"),
                  ca_onnx_attr_int(c, "align_corners", 0) != 0};
    if (strcmp(s.mode, "linear") == 0) /* as opset 20 says it */
        s.mode = "bilinear";
    else if (strcmp(s.mode, "cubic") == 0)
        s.mode = "bicubic";
    return s;
}

static void grid_sample(CaOnnxCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_onnx_in(c, 0), *grid = ca_onnx_in(c, 1), *v = NULL;
    const Sampling how = sampling_of(c);
    const int rank = ca_build_rank(b, x);
    if (rank == 5 && strcmp(how.mode, "nearest") != 0 &&
        strcmp(how.mode, "bilinear") != 0)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "mode %.20s of a volume; Carina has linear and nearest", how.mode);
    if (rank == 5) {
        ca_onnx_out(c, 0, volume(b, &how, x, grid));
        return;
    }
    v = ca_build_2(b, "GridSample", x, grid);
    ca_build_set_text(b, v, "mode", how.mode);
    ca_build_set_text(b, v, "padding_mode", how.edge);
    ca_build_set_text(b, v, "align_corners", how.align_corners ? "true" : "false");
    ca_onnx_out(c, 0, v);
}

/* --- AffineGrid. */

static void affine_grid(CaOnnxCall *c)
{
    CaBuild *const b = c->b;
    CaValue *theta = ca_onnx_in(c, 0), *size = ca_onnx_in(c, 1), *along[3];
    const CaPlaceRule rule = ca_onnx_attr_int(c, "align_corners", 0) != 0
                                 ? CA_PLACES_CORNERS
                                 : CA_PLACES_MIDDLES;
    const CarinaShape s = ca_build_shape(b, size);
    const int n = s.rank == 1 && s.dims[0] > 0 ? (int)s.dims[0] - 2 : 0;
    int64_t sizes[5];
    if (b->status == CARINA_OK && n != 2 && n != 3)
        ca_build_fail(b, CARINA_ERR_SHAPE, "its size must be of 4 or 5 numbers");
    if (b->status != CARINA_OK)
        return;
    const bool is_known = ca_build_known_ints(b, size, sizes, 5) == n + 2;
    for (int k = 0; k < n; k++)
        along[k] =
            is_known
                ? ca_places_along(b, rule, sizes[2 + k], 1 + k, n + 2)
                : ca_places_range(b, rule,
                                  ca_build_3(b, "Gather", size, ca_build_scalar(b, 2 + k),
                                             ca_build_scalar(b, 0)),
                                  1 + k, n + 2);
    ca_onnx_out(c, 0, ca_places_affine(b, theta, along, n));
}

const CaOnnxOp ca_onnx_grid[] = {
    {"", "AffineGrid", affine_grid, NULL},
    {"", "GridSample", grid_sample, NULL},
    {NULL, NULL, NULL, NULL},
};
