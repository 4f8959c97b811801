/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Affine places as broadcast sums: a product for each axis, so that no grid is stored.
 */
#include "formats/affine_places.h"

enum { MOST_PLACES = 1 << 24 };

/* Element i is at step * i + first. */
typedef struct Line {
    double step, first;
} Line;

static Line line_of(CaPlaceRule rule, double n)
{
    switch (rule) {
    case CA_PLACES_MIDDLES: return (Line){2 / n, 1 / n - 1};
    case CA_PLACES_CORNERS: return n > 1 ? (Line){2 / (n - 1), -1} : (Line){0, 0};
    case CA_PLACES_FIRSTS: break;
    }
    return (Line){2 / n, -1};
}

CaValue *ca_places_along(CaBuild *b, CaPlaceRule rule, int64_t n, int axis, int rank)
{
    const CarinaShape shape = ca_build_along(axis, rank, n);
    if (b->status == CARINA_OK && (n < 1 || n > MOST_PLACES))
        ca_build_fail(b, CARINA_ERR_LIMIT, "%lld places on an axis, must be 1 to %d",
                      (long long)n, MOST_PLACES);
    if (b->status != CARINA_OK)
        return NULL;
    const Line line = line_of(rule, (double)n);
    double *v = ca_arena_array(b->work, (size_t)n, sizeof *v);
    if (!v) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = line.step * (double)i + line.first;
    return ca_build_reals(b, &shape, v);
}

CaValue *ca_places_range(CaBuild *b, CaPlaceRule rule, CaValue *n, int axis, int rank)
{
    CarinaShape shape = ca_build_along(axis, rank, -1);
    CaValue *const in[] = {ca_build_scalar(b, 0), n, ca_build_scalar(b, 1)};
    CaValue *v = ca_build_make_at(b, "Range", 4, in, 3, 1);
    ca_build_set_text(b, v, "output_type", "f32");
    CaValue *count = ca_build_convert(b, n, CARINA_F32);
    CaValue *twice =
        ca_build_plus(b, ca_build_times(b, v, 2), rule == CA_PLACES_MIDDLES ? 1 : 0);
    CaValue *one = ca_build_number(b, count, 1), *first = one;
    if (rule == CA_PLACES_CORNERS) { /* of one element: 0 / 1 - 0 */
        CaValue *steps = ca_build_plus(b, count, -1);
        count = ca_build_2(b, "Maximum", steps, one);
        first = ca_build_2(b, "Minimum", steps, one);
    }
    v = ca_build_2(b, "Subtract", ca_build_2(b, "Divide", twice, count), first);
    return ca_build_reshape(b, v, shape.dims, shape.rank);
}

/* Column k of theta [N, n, n + 1] as [N, 1 ..., n]. */
static CaValue *column(CaBuild *b, CaValue *theta, int k, int n)
{
    int64_t dims[CARINA_MAX_RANK] = {0, 1, 1, 1, 1};
    dims[n + 1] = n;
    return ca_build_reshape_0(
        b, ca_build_3(b, "Gather", theta, ca_build_scalar(b, k), ca_build_scalar(b, 2)),
        dims, n + 2);
}

CaValue *ca_places_affine(CaBuild *b, CaValue *theta, CaValue *const *along, int n)
{
    const CarinaShape s = ca_build_shape(b, theta);
    if (b->status == CARINA_OK &&
        (s.rank != 3 || n > 3 || s.dims[1] != n || s.dims[2] != n + 1))
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its transformations must be [N, %d, %d], a matrix each", n, n + 1);
    if (b->status != CARINA_OK)
        return NULL;
    CaValue *sum = column(b, theta, n, n);
    for (int k = 0; k < n; k++)
        sum = ca_build_2(
            b, "Add", sum,
            ca_build_2(b, "Multiply", column(b, theta, k, n), along[n - 1 - k]));
    return sum;
}
