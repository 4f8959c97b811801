/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: spatial transformers as a fork of Caffe has them. Both layers are what the Inference Engine
 * computed of them, SpatialTransformer for maps of any size (there, only 24 x 94 came out right).
 */
#include "formats/affine_places.h"
#include "ir/ir_legacy.h"

enum { N_THETA = 6 };

/* Adds the transformation that changes nothing, whatever file the attribute names. */
static void power_file(CaLegacyCall *c)
{
    static const double same[N_THETA] = {1, 0, 0, 0, 1, 0};
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    CarinaShape table = x;
    int64_t n = 0;
    if (c->b.status != CARINA_OK)
        return;
    if (x.rank > 0)
        table.dims[0] = 1;
    if (x.rank < 1 || !ca_shape_count(&table, &n) || n != N_THETA) {
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "adds %lld numbers of another file (shift_file), which the IR does "
                      "not hold, nor did its runtime read it; convert the original model "
                      "again with an Add of a constant",
                      (long long)n);
        return;
    }
    c->out[0] = ca_build_2(&c->b, "Add", c->in[0], ca_build_reals(&c->b, &table, same));
}

/* [N, 2, 3], of what the second input and the attributes theta_1_1 ... say. */
static CaValue *theta_of(CaLegacyCall *c)
{
    static const char *const names[N_THETA] = {"theta_1_1", "theta_1_2", "theta_1_3",
                                               "theta_2_1", "theta_2_2", "theta_2_3"};
    static const int64_t matrices[] = {-1, 2, 3};
    CaBuild *const b = &c->b;
    CaValue *part[N_THETA], *rows = ca_build_flatten(b, c->in[1], 1);
    const CarinaShape s = ca_build_static_shape(b, rows);
    int n_given = 0;
    for (int i = 0; i < N_THETA; i++)
        n_given += ca_legacy_text(c, names[i]) != NULL;
    if (b->status == CARINA_OK && s.dims[1] != N_THETA - n_given)
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "%lld numbers a transformation beside %d that are attributes, must "
                      "be %d in all",
                      (long long)s.dims[1], n_given, N_THETA);
    if (n_given == 0 || b->status != CARINA_OK)
        return ca_build_reshape(b, rows, matrices, 3);
    const int64_t column[] = {s.dims[0], 1};
    for (int i = 0, at = 0; i < N_THETA && b->status == CARINA_OK; i++)
        part[i] =
            ca_legacy_text(c, names[i])
                ? ca_build_2(b, "Broadcast",
                             ca_build_number(b, rows, ca_legacy_real(c, names[i], 0)),
                             ca_build_vector(b, column, 2))
                : ca_build_3(b, "Gather", rows,
                             ca_build_vector(b, (const int64_t[]){at++}, 1),
                             ca_build_scalar(b, 1));
    CaValue *all =
        b->status == CARINA_OK ? ca_build_make(b, "Concat", part, N_THETA, 1) : NULL;
    ca_build_set_int(b, all, "axis", 1);
    return ca_build_reshape(b, all, matrices, 3);
}

/* theta of (row, column, 1) to rows and columns, as one of (column, row, 1) to columns and rows. */
static CaValue *turned(CaBuild *b, CaValue *theta)
{
    static const int64_t order[] = {1, 0, 2};
    theta = ca_build_3(b, "Gather", theta, ca_build_vector(b, order, 2),
                       ca_build_scalar(b, 1));
    return ca_build_3(b, "Gather", theta, ca_build_vector(b, order, 3),
                      ca_build_scalar(b, 2));
}

/* -1 is the middle of the first element there and 1 a step behind that of the last; ours are 1 / size lower. */
static void spatial_transformer(CaLegacyCall *c)
{
    CaBuild *const b = &c->b;
    static const char *const only[][2] = {{"transform_type", "affine"},
                                          {"sampler_type", "bilinear"}};
    const CarinaShape x = ca_build_static_shape(b, c->in[0]), y = ca_legacy_stated(c, 0),
                      matrix = ca_shape(3, (const int64_t[]){1, 2, 3});
    for (int i = 0; i < 2; i++) {
        const char *text = ca_legacy_text(c, only[i][0]);
        if (text && !ca_text_equal_nocase(text, only[i][1]))
            ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "%s \"%.40s\" is not %s", only[i][0],
                          text, only[i][1]);
    }
    if (b->status == CARINA_OK &&
        (x.rank != 4 || y.rank != 4 || x.dims[2] < 1 || x.dims[3] < 1))
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "input of %d dimensions, output of %d; must be 4 both", x.rank,
                      y.rank);
    if (b->status != CARINA_OK)
        return;
    const double shift[] = {0, 0, 1 / (double)x.dims[3], 0, 0, 1 / (double)x.dims[2]};
    CaValue *theta =
        ca_build_2(b, "Add", turned(b, theta_of(c)), ca_build_reals(b, &matrix, shift));
    CaValue *const along[] = {ca_places_along(b, CA_PLACES_FIRSTS, y.dims[2], 1, 4),
                              ca_places_along(b, CA_PLACES_FIRSTS, y.dims[3], 2, 4)};
    CaValue *v =
        ca_build_2(b, "GridSample", c->in[0], ca_places_affine(b, theta, along, 2));
    ca_build_set_text(b, v, "align_corners", "false");
    ca_build_set_text(b, v, "mode", "bilinear");
    ca_build_set_text(b, v, "padding_mode", "zeros");
    c->out[0] = v;
}

const CaLegacyOp ca_legacy_sampling[] = {
    {"PowerFile", power_file, 1, 1},
    {"SpatialTransformer", spatial_transformer, 2, 2},
    {NULL, NULL, 0, 0},
};
