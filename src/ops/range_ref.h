/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range in its two versions: start + i * step, max(ceil((stop - start) / step), 0) of them; nothing is
 * accumulated. The three numbers are converted to the output's type first.
 */
#ifndef CA_OPS_RANGE_REF_H
#define CA_OPS_RANGE_REF_H

#include "ops/convert_ref.h"

enum { CA_RANGE_MAX = 1 << 28 }; /* elements: a gigabyte of f32 */

static inline double ca_range_number(CarinaType type, double v)
{
    return ca_type_is_whole(type) ? ca_whole_real(type, ca_convert_to_whole(type, v)) : v;
}

/* -1: step is 0 or a number is not finite, or there are too many. */
static inline int64_t ca_range_count(CarinaType type, const double v[3])
{
    const double step = ca_range_number(type, v[2]);
    const double n =
        ceil((ca_range_number(type, v[1]) - ca_range_number(type, v[0])) / step);
    if (step == 0 || !isfinite(step))
        return ca_type_is_whole(type) && step == 0 && v[2] != 0 ? 0 : -1;
    if (!(n <= CA_RANGE_MAX))
        return -1;
    return n > 0 ? (int64_t)n : 0;
}

static inline CarinaStatus ca_infer_range(const CaInferArgs *a, CarinaType type,
                                          CarinaError *err)
{
    CarinaShape y = ca_shape_of_rank(1);
    double v[3];
    if (type == CARINA_BOOL ||
        (type != CARINA_UNKNOWN && !ca_type_is_whole(type) && !ca_type_is_real(type)))
        return ca_infer_err(a, err, CARINA_ERR_TYPE, "a range of %s is not possible",
                            carina_type_name(type));
    for (int i = 0; i < 3; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        int64_t n;
        if (ca_shape_count(&s, &n) && n != 1)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld elements; it must be one number", i,
                                (long long)n);
    }
    if (type != CARINA_UNKNOWN && ca_in_real(a, 0, &v[0]) && ca_in_real(a, 1, &v[1]) &&
        ca_in_real(a, 2, &v[2])) {
        y.dims[0] = ca_range_count(type, v);
        if (y.dims[0] < 0)
            return ca_infer_err(
                a, err, CARINA_ERR_ARGUMENT,
                "from %g to %g by %g are too many or endless; at most %d are supported",
                v[0], v[1], v[2], (int)CA_RANGE_MAX);
    }
    ca_out(a, 0, type, &y);
    return CARINA_OK;
}

static inline double ca_range_in(const CaRefTensor *t)
{
    return t->real ? t->real[0] : ca_whole_real(t->type, t->whole[0]);
}

static inline void ca_ref_range(CaRefArgs *r)
{
    CaRefTensor *const y = r->out;
    const double start = ca_range_in(&r->in[0]), step = ca_range_in(&r->in[2]);
    for (int64_t i = 0; i < y->n; i++)
        if (y->real)
            y->real[i] = start + (double)i * step;
        else
            y->whole[i] = ca_wrap_add(
                r->in[0].whole ? r->in[0].whole[0] : ca_convert_to_whole(y->type, start),
                ca_wrap_mul(i, r->in[2].whole ? r->in[2].whole[0]
                                              : ca_convert_to_whole(y->type, step)));
}

#endif
