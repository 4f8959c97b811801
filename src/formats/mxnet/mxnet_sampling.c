/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: spatial transformers. -1 and 1 are the middles of the first and last element, and beyond them a map is 0: so say
 * BilinearSampler and SpatialTransformer with cuDNN. SpatialTransformer without it reads other memory there.
 */
#include "formats/affine_places.h"
#include "formats/mxnet/mxnet_reader.h"

enum { MOST_PLACES = 1 << 24 };

static CaValue *sampled(CaBuild *b, CaValue *x, CaValue *places)
{
    CaValue *v = ca_build_2(b, "GridSample", x, places);
    ca_build_set_text(b, v, "align_corners", "true");
    ca_build_set_text(b, v, "mode", "bilinear");
    ca_build_set_text(b, v, "padding_mode", "zeros");
    return v;
}

/* Of each row of 6 numbers of v: [N, height, width, 2], as the target's shape says. */
static CaValue *affine(CaMxnetCall *c, CaValue *v)
{
    static const int64_t matrices[] = {-1, 2, 3};
    CaBuild *const b = c->b;
    const CarinaShape s = ca_build_shape(b, v);
    int64_t size[2] = {0, 0};
    if (ca_mxnet_list(c, "target_shape", size, 2) != 2 || size[0] < 2 || size[1] < 2)
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "target_shape (%lld,%lld), must be two numbers from 2",
                      (long long)size[0], (long long)size[1]);
    if (b->status == CARINA_OK && (s.rank != 2 || s.dims[1] != 6))
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "transformations must be [N, 6], a matrix of 2 rows each");
    CaValue *const along[] = {ca_places_along(b, CA_PLACES_CORNERS, size[0], 1, 4),
                              ca_places_along(b, CA_PLACES_CORNERS, size[1], 2, 4)};
    return ca_places_affine(b, ca_build_reshape(b, v, matrices, 3), along, 2);
}

/* Optical flow [N, 2, height, width] in elements, from where each stands. */
static CaValue *warp(CaMxnetCall *c, CaValue *flow)
{
    CaBuild *const b = c->b;
    const CarinaShape s = ca_build_static_shape(b, flow), each = ca_build_along(1, 4, 2);
    if (b->status == CARINA_OK && (s.rank != 4 || s.dims[1] != 2 || s.dims[2] < 2 ||
                                   s.dims[3] < 2 || s.dims[2] > MOST_PLACES / s.dims[3]))
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "flow must be [N, 2, height, width], sides from 2, at most %d places",
            MOST_PLACES);
    if (b->status != CARINA_OK)
        return NULL;
    const int64_t n = s.dims[2] * s.dims[3];
    const double scale[] = {2 / (double)(s.dims[3] - 1), 2 / (double)(s.dims[2] - 1)};
    double *at = ca_arena_array(b->work, 2 * (size_t)n, sizeof *at);
    if (!at) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        at[i] = scale[0] * (double)(i % s.dims[3]) - 1;
        at[n + i] = scale[1] * (double)(i / s.dims[3]) - 1;
    }
    const CarinaShape grid = ca_shape(4, (const int64_t[]){1, 2, s.dims[2], s.dims[3]});
    return ca_build_2(b, "Add",
                      ca_build_2(b, "Multiply", flow, ca_build_reals(b, &each, scale)),
                      ca_build_reals(b, &grid, at));
}

static void grid_generator(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *v = ca_mxnet_in(c, 0);
    const char *type = ca_mxnet_text(c, "transform_type", "");
    if (ca_mxnet_is(c, "transform_type", "affine"))
        ca_mxnet_out(c, ca_build_channels_first(b, affine(c, v)));
    else if (ca_mxnet_is(c, "transform_type", "warp"))
        ca_mxnet_out(c, warp(c, v));
    else
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "transform_type \"%.20s\" is neither affine nor warp", type);
}

static void bilinear_sampler(CaMxnetCall *c)
{
    ca_mxnet_out(c, sampled(c->b, ca_mxnet_in(c, 0),
                            ca_build_channels_last(c->b, ca_mxnet_in(c, 1))));
}

static void spatial_transformer(CaMxnetCall *c)
{
    static const char *const only[][2] = {{"transform_type", "affine"},
                                          {"sampler_type", "bilinear"}};
    for (int i = 0; i < 2; i++)
        if (!ca_mxnet_is(c, only[i][0], only[i][1]))
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s \"%.20s\" is not %s", only[i][0],
                          ca_mxnet_text(c, only[i][0], ""), only[i][1]);
    ca_mxnet_out(c, sampled(c->b, ca_mxnet_in(c, 0), affine(c, ca_mxnet_in(c, 1))));
}

const CaMxnetOp ca_mxnet_sampling[] = {
    {"BilinearSampler", bilinear_sampler, NULL, 0},
    {"GridGenerator", grid_generator, NULL, 0},
    {"SpatialTransformer", spatial_transformer, NULL, 0},
    {NULL, NULL, NULL, 0},
};
