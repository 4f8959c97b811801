/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spatial transformers: places of a map that an affine transformation of a regular grid names.
 */
#ifndef CA_FORMATS_AFFINE_PLACES_H
#define CA_FORMATS_AFFINE_PLACES_H

#include "formats/build.h"

/* What element i of n is at, between -1 and 1. */
typedef enum CaPlaceRule {
    CA_PLACES_MIDDLES, /* (2 i + 1) / n - 1 */
    CA_PLACES_CORNERS, /* 2 i / (n - 1) - 1; 0 where n is 1 */
    CA_PLACES_FIRSTS   /* 2 i / n - 1 */
} CaPlaceRule;

/* [..., n, ...] of that rank: element i of an axis, by the rule. */
CaValue *ca_places_along(CaBuild *b, CaPlaceRule rule, int64_t n, int axis, int rank);
/* The same for n elements that are not known yet: a scalar. */
CaValue *ca_places_range(CaBuild *b, CaPlaceRule rule, CaValue *n, int axis, int rank);

/* theta [N, n, n + 1] times (along the last axis, ..., along the first, 1): [N, sizes, n]. along[k] is of rank n + 2 and
 * goes along axis 1 + k. */
CaValue *ca_places_affine(CaBuild *b, CaValue *theta, CaValue *const *along, int n);

#endif
