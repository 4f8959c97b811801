/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattering: a copy of the data, into which updates are put, or combined with what is there, in their order.
 */
#ifndef CA_OPS_SCATTER_REF_H
#define CA_OPS_SCATTER_REF_H

#include "ops/axes.h"
#include "ops/whole.h"

typedef enum CaScatter {
    CA_SCATTER_NONE,
    CA_SCATTER_SUM,
    CA_SCATTER_SUB,
    CA_SCATTER_PROD,
    CA_SCATTER_MIN,
    CA_SCATTER_MAX
} CaScatter;

static inline double ca_scatter_real(CaScatter how, double y, double u)
{
    switch (how) {
    case CA_SCATTER_NONE: return u;
    case CA_SCATTER_SUM: return y + u;
    case CA_SCATTER_SUB: return y - u;
    case CA_SCATTER_PROD: return y * u;
    case CA_SCATTER_MIN: return isnan(y) || y < u ? y : u;
    case CA_SCATTER_MAX: return isnan(y) || y > u ? y : u;
    }
    return u;
}

static inline int64_t ca_scatter_whole(CaScatter how, CarinaType type, int64_t y,
                                       int64_t u)
{
    switch (how) {
    case CA_SCATTER_NONE: return u;
    case CA_SCATTER_SUM: return ca_wrap_add(y, u);
    case CA_SCATTER_SUB: return ca_wrap_sub(y, u);
    case CA_SCATTER_PROD: return ca_wrap_mul(y, u);
    case CA_SCATTER_MIN: return ca_whole_less(type, y, u) ? y : u;
    case CA_SCATTER_MAX: return ca_whole_less(type, u, y) ? y : u;
    }
    return u;
}

static inline void ca_scatter_put(CaRefTensor *y, int64_t at, const CaRefTensor *u,
                                  int64_t i, CaScatter how)
{
    if (y->real)
        y->real[at] = ca_scatter_real(how, y->real[at], u->real[i]);
    else
        y->whole[at] = ca_scatter_whole(how, y->type, y->whole[at], u->whole[i]);
}

static inline void ca_scatter_copy(CaRefTensor *y, const CaRefTensor *x)
{
    for (int64_t i = 0; i < y->n; i++)
        if (y->real)
            y->real[i] = x->real[i];
        else
            y->whole[i] = x->whole[i];
}

/* An error that shows the three shapes. */
static inline CarinaStatus ca_infer_scatter_err(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1),
                      u = ca_in_shape(a, 2);
    char sx[CA_SHAPE_TEXT], si[CA_SHAPE_TEXT], su[CA_SHAPE_TEXT];
    return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                        "data of %s, indices of %s and updates of %s do not fit",
                        ca_shape_text(sx, sizeof(sx), &x),
                        ca_shape_text(si, sizeof(si), &at),
                        ca_shape_text(su, sizeof(su), &u));
}

/* Could the two be one shape once all is known? */
static inline bool ca_shape_may_equal(const CarinaShape *a, const CarinaShape *b)
{
    if (a->rank < 0 || b->rank < 0)
        return true;
    for (int d = 0; d < a->rank && a->rank == b->rank; d++)
        if (a->dims[d] >= 0 && b->dims[d] >= 0 && a->dims[d] != b->dims[d])
            return false;
    return a->rank == b->rank;
}

#endif
