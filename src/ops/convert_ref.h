/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of element types. Floats are cut toward zero and keep the low bits (a 32-bit target gives its
 * lowest value where the number does not fit); boolean is "not zero", NaN included; integers keep the low bits.
 */
#ifndef CA_OPS_CONVERT_REF_H
#define CA_OPS_CONVERT_REF_H

#include "ops/whole.h"

static inline int64_t ca_convert_to_whole(CarinaType to, double v)
{
    const int64_t w = ca_whole_trunc(v);
    if (to == CARINA_BOOL)
        return v != 0;
    if (to == CARINA_U64 && v >= 0x1p63 && v < 0x1p64)
        return (int64_t)(uint64_t)v;
    if (to == CARINA_I32 && (w < INT32_MIN || w > INT32_MAX))
        return INT32_MIN;
    return w;
}

static inline void ca_ref_convert(CaRefArgs *r)
{
    const CaRefTensor *const x = &r->in[0];
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++)
        if (y->real)
            y->real[i] = x->real ? x->real[i] : ca_whole_real(x->type, x->whole[i]);
        else if (x->real)
            y->whole[i] = ca_convert_to_whole(y->type, x->real[i]);
        else
            y->whole[i] = y->type == CARINA_BOOL ? x->whole[i] != 0 : x->whole[i];
}

#endif
