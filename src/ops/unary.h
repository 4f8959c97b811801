/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators of one input that work element by element. Integers go through double and are rounded to the
 * nearest, unless the operator has an exact form for them.
 */
#ifndef CA_OPS_UNARY_H
#define CA_OPS_UNARY_H

#include "ops/whole.h"

/* exact: the form for integers; NULL: none. */
static inline void ca_ref_unary(CaRefArgs *r, double (*f)(double),
                                int64_t (*exact)(int64_t))
{
    const CaRefTensor *const x = &r->in[0];
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++)
        if (y->real)
            y->real[i] = f(x->real[i]);
        else if (exact && x->type != CARINA_U64)
            y->whole[i] = exact(x->whole[i]);
        else
            y->whole[i] = ca_whole_round(f(ca_whole_real(x->type, x->whole[i])));
}

/* The shape rule of operators that make sense for floating types only. */
static inline CarinaStatus ca_infer_unary_real(const CaInferArgs *a, CarinaError *err)
{
    const CarinaType type = ca_in_type(a, 0);
    if (type != CARINA_UNKNOWN && !ca_type_is_real(type))
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "the input is %s; convert it to a floating type first",
                            carina_type_name(type));
    return ca_infer_same_as_input(a, err);
}

/* Input i, where it is given, must hold one number. */
static inline CarinaStatus ca_infer_scalar(const CaInferArgs *a, int i, const char *what,
                                           CarinaError *err)
{
    const CarinaShape s = ca_in_shape(a, i);
    int64_t n;
    if (ca_shape_count(&s, &n) && n != 1)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "%s has %lld elements; it must be one number", what,
                            (long long)n);
    if (ca_in_type(a, i) != CARINA_UNKNOWN && ca_in_type(a, i) != ca_in_type(a, 0))
        return ca_infer_err(
            a, err, CARINA_ERR_TYPE, "%s is %s and the input %s; convert one", what,
            carina_type_name(ca_in_type(a, i)), carina_type_name(ca_in_type(a, 0)));
    return CARINA_OK;
}

#endif
