/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators of two inputs that work element by element, with broadcasting.
 *
 * pdpd stretches only the second input; with its axis at the default the elements meet as they do in NumPy.
 */
#ifndef CA_OPS_BINARY_H
#define CA_OPS_BINARY_H

#include "ops/whole.h"

typedef struct CaBroadcastAttrs {
    int32_t auto_broadcast;
} CaBroadcastAttrs;

static const char *const ca_broadcast_rules[] = {"none", "numpy", "pdpd", NULL};

static const CarinaAttr ca_broadcast_attrs[] = {
    CA_ATTR_ENUM(CaBroadcastAttrs, auto_broadcast, ca_broadcast_rules,
                 CA_DEFAULT("numpy")),
    CA_ATTRS_END,
};

static inline void ca_ref_binary(CaRefArgs *r, double (*f)(double, double),
                                 int64_t (*exact)(CarinaType, int64_t, int64_t))
{
    const CaRefTensor *const a = &r->in[0], *const b = &r->in[1];
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t ia = ca_ref_broadcast(&y->shape, &a->shape, i);
        const int64_t ib = ca_ref_broadcast(&y->shape, &b->shape, i);
        if (y->real)
            y->real[i] = f(a->real[ia], b->real[ib]);
        else
            y->whole[i] = exact(y->type, a->whole[ia], b->whole[ib]);
    }
}

/* less and equal say how a and b relate; neither holds for NaN. */
static inline void ca_ref_compare(CaRefArgs *r,
                                  bool (*f)(bool less, bool equal, bool greater))
{
    const CaRefTensor *const a = &r->in[0], *const b = &r->in[1];
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t ia = ca_ref_broadcast(&y->shape, &a->shape, i);
        const int64_t ib = ca_ref_broadcast(&y->shape, &b->shape, i);
        if (a->real) {
            const double u = a->real[ia], v = b->real[ib];
            y->whole[i] = f(u<v, u == v, u> v);
        } else {
            const int64_t u = a->whole[ia], v = b->whole[ib];
            y->whole[i] =
                f(ca_whole_less(a->type, u, v), u == v, ca_whole_less(a->type, v, u));
        }
    }
}

static inline CarinaStatus ca_infer_logical(const CaInferArgs *a, CarinaError *err)
{
    for (int i = 0; i < 2; i++) {
        const CarinaType type = ca_in_type(a, i);
        if (type != CARINA_UNKNOWN && type != CARINA_BOOL)
            return ca_infer_err(a, err, CARINA_ERR_TYPE,
                                "input %d is %s; convert it to boolean first", i,
                                carina_type_name(type));
    }
    return ca_infer_compare(a, err);
}

static inline void ca_ref_logical(CaRefArgs *r, bool (*f)(bool, bool))
{
    const CaRefTensor *const a = &r->in[0], *const b = &r->in[1];
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++)
        y->whole[i] = f(a->whole[ca_ref_broadcast(&y->shape, &a->shape, i)] != 0,
                        b->whole[ca_ref_broadcast(&y->shape, &b->shape, i)] != 0);
}

#endif
