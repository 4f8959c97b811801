/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations of the form x * gate(x), however an exporter spells the product: HSwish, Swish, Mish, Gelu.
 */
#ifndef CA_PASSES_GATED_H
#define CA_PASSES_GATED_H

#include "passes/rewrite.h"

/* v as a polynomial in x of degree 3 at most: v = c[0] + c[1] x + c[2] x^2 + c[3] x^3. False if it is none. */
bool ca_polynomial(const CaValue *v, const CaValue *x, double c[4]);
/* Is v the polynomial c0 + c1 x, up to rounding? */
bool ca_is_affine(const CaValue *v, const CaValue *x, double c0, double c1);
/* Input 0 of v's node if that is the operator op_name, else NULL. */
CaValue *ca_under(const CaValue *v, const char *op_name);

/* v = min(max(u, 0), most), by Clamp or as two nodes: u. NULL if it is not. */
CaValue *ca_clamped(const CaValue *v, double most);

typedef struct CaGated {
    const char *op_name;          /* what x * gate(x) becomes */
    const char *attr, *attr_text; /* set on it; or NULL */
    bool has_parameter;           /* a second input, unless it is 1 */
    /* Is k * f the gate of x? */
    bool (*is_gate)(const CaValue *f, const CaValue *x, double k, double *parameter);
} CaGated;

CarinaStatus ca_gated_fuse(CaGraph *g, const CaGated *what, int *n_changes,
                           CarinaError *err);
/* Readers of old's output read a new node of x instead, with old's name. second may be NULL. */
CarinaStatus ca_activation_put(CaNode **out, CaGraph *g, CaNode *old, const char *op_name,
                               CaValue *x, CaValue *second, const char *attr,
                               const char *attr_text, CarinaError *err);

#endif
