/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Axes and element moves: what the operators that rearrange tensors share.
 */
#ifndef CA_OPS_AXES_H
#define CA_OPS_AXES_H

#include "graph/op.h"

#include <string.h>

/* An axis of a tensor of that rank, negative ones counted from the end. */
static inline CarinaStatus ca_infer_axis(const CaInferArgs *a, int64_t axis, int rank,
                                         int *out, CarinaError *err)
{
    if (ca_axis(axis, rank, out))
        return CARINA_OK;
    return ca_infer_err(a, err, CARINA_ERR_SHAPE, "axis %lld is outside [%d, %d)",
                        (long long)axis, -rank, rank);
}

/* Input i, where there is one, holds integers: axes, indices, counts. */
static inline CarinaStatus ca_infer_whole(const CaInferArgs *a, int i, const char *what,
                                          CarinaError *err)
{
    const CarinaType type = ca_in_type(a, i);
    if (type == CARINA_UNKNOWN || ca_type_is_whole(type))
        return CARINA_OK;
    return ca_infer_err(a, err, CARINA_ERR_TYPE,
                        "%s is %s; it must be of an integer type", what,
                        carina_type_name(type));
}

/* The data inputs i and k must be of one type. */
static inline CarinaStatus ca_infer_same_type(const CaInferArgs *a, int i, int k,
                                              CarinaError *err)
{
    const CarinaType p = ca_in_type(a, i), q = ca_in_type(a, k);
    if (p == CARINA_UNKNOWN || q == CARINA_UNKNOWN || p == q)
        return CARINA_OK;
    return ca_infer_err(a, err, CARINA_ERR_TYPE,
                        "input %d is %s and input %d %s; convert one", i,
                        carina_type_name(p), k, carina_type_name(q));
}

/* Does the run have input i? */
static inline bool ca_ref_has(const CaRefArgs *r, int i)
{
    return i < r->n_in && r->in[i].type != CARINA_UNKNOWN;
}

/* The output is of type and of a shape that only the run can tell. */
static inline CarinaStatus ca_infer_unknown(const CaInferArgs *a, int out,
                                            CarinaType type)
{
    const CarinaShape s = ca_shape_unknown();
    ca_out(a, out, type, &s);
    return CARINA_OK;
}

/* a + b, a * b of dimensions; dynamic where either is; false past what a dimension can hold. */
static inline bool ca_dim_add(int64_t *out, int64_t a, int64_t b)
{
    const bool is_known = a >= 0 && b >= 0;
    *out = CARINA_DYNAMIC;
    if (is_known && a > INT64_MAX - b)
        return false;
    if (is_known)
        *out = a + b;
    return true;
}
static inline bool ca_dim_mul(int64_t *out, int64_t a, int64_t b)
{
    const bool is_known = a >= 0 && b >= 0;
    *out = CARINA_DYNAMIC;
    if (is_known && b > 0 && a > INT64_MAX / b)
        return false;
    if (is_known)
        *out = a * b;
    return true;
}

/* Element i's place along each axis, and back. */
static inline void ca_coords(int64_t c[CARINA_MAX_RANK], const CarinaShape *s, int64_t i)
{
    for (int d = s->rank - 1; d >= 0; d--) {
        c[d] = i % s->dims[d];
        i /= s->dims[d];
    }
}
static inline int64_t ca_offset(const CarinaShape *s, const int64_t c[CARINA_MAX_RANK])
{
    int64_t i = 0;
    for (int d = 0; d < s->rank; d++)
        i = i * s->dims[d] + c[d];
    return i;
}

/* Elements narrower than a byte come as numbers. */
static inline void ca_move(CaRefTensor *out, int64_t o, const CaRefTensor *in, int64_t i)
{
    if (out->bytes)
        memcpy(out->bytes + (size_t)o * out->elem_size,
               in->bytes + (size_t)i * out->elem_size, out->elem_size);
    else
        out->whole[o] = in->whole[i];
}
static inline void ca_move_zero(CaRefTensor *out, int64_t o)
{
    if (out->bytes)
        memset(out->bytes + (size_t)o * out->elem_size, 0, out->elem_size);
    else
        out->whole[o] = 0;
}
static inline void ca_move_all(CaRefTensor *out, const CaRefTensor *in)
{
    for (int64_t i = 0; i < out->n; i++)
        ca_move(out, i, in, i);
}
/* out[c] = in[base + sum of c[d] * step[d]], step counted in elements of in. */
static inline void ca_move_strided(CaRefTensor *out, const CaRefTensor *in, int64_t base,
                                   const int64_t step[CARINA_MAX_RANK])
{
    for (int64_t o = 0; o < out->n; o++) {
        int64_t c[CARINA_MAX_RANK], i = base;
        ca_coords(c, &out->shape, o);
        for (int d = 0; d < out->shape.rank; d++)
            i += c[d] * step[d];
        ca_move(out, o, in, i);
    }
}

#endif
