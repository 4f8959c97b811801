/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many shape rules check and many references count: types, ranks, dimensions, axes, groups of elements.
 */
#ifndef CA_OPS_CHECK_H
#define CA_OPS_CHECK_H

#include "graph/op.h"

/* Inputs first .. first+n-1 are there, of floating type, all the type of input `first`. */
CarinaStatus ca_check_real(const CaInferArgs *a, int first, int n, CarinaError *err);
/* The same, of any one type. */
CarinaStatus ca_check_same(const CaInferArgs *a, int first, int n, CarinaError *err);
/* Input i is there and holds integers. */
CarinaStatus ca_check_whole(const CaInferArgs *a, int i, CarinaError *err);
/* Input i's rank is unknown or within [lo, hi]. */
CarinaStatus ca_check_rank(const CaInferArgs *a, int i, int lo, int hi, CarinaError *err);
/* The attribute has n numbers. */
CarinaStatus ca_check_count(const CaInferArgs *a, const char *attr, CarinaInts list,
                            int n, CarinaError *err);

/* One dimension seen in two places: false where both are known and differ. */
bool ca_dim_meet(int64_t *d, int64_t other);
/* a * b; dynamic where either is; false on overflow. */
bool ca_dim_times(int64_t *out, int64_t a, int64_t b);
/* Dimension i, or dynamic where the rank is unknown. */
int64_t ca_dim(const CarinaShape *s, int i);

/* Marks the axes of a list, negative ones counted from the end; false where one is out of range. */
bool ca_axes_mask(const int64_t *axes, int64_t n, int rank, bool mask[CARINA_MAX_RANK]);
/* Axes are input i: they are integers, a vector or a scalar, and within the rank of input 0 where known. */
CarinaStatus ca_check_axes(const CaInferArgs *a, int i, CarinaError *err);
/* Elements that differ only along marked axes are one group: the group of element i, and how many there are. */
int64_t ca_ref_group(const CarinaShape *s, const bool mask[CARINA_MAX_RANK], int64_t i);
int64_t ca_ref_n_groups(const CarinaShape *s, const bool mask[CARINA_MAX_RANK]);

/* n doubles, zero; sets r->problem and returns NULL where there is no memory. */
double *ca_ref_doubles(CaRefArgs *r, int64_t n);
/* Is input i there? */
bool ca_ref_has(const CaRefArgs *r, int i);

#endif
