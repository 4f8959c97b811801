/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes within a tensor: the parts that partitioned variables are saved and read in.
 */
#ifndef CA_FORMATS_TF_SLICES_H
#define CA_FORMATS_TF_SLICES_H

#include "graph/shape.h"

enum { CA_TF_WHOLE = -1, CA_TF_MAX_SLICES = 4096 };

typedef struct CaTfSlice {
    int rank;
    int64_t start[CARINA_MAX_RANK], length[CARINA_MAX_RANK]; /* CA_TF_WHOLE: the axis */
    CarinaShape shape; /* lengths, once ca_tf_slice_fits has seen the tensor's */
} CaTfSlice;

/* Does it lie within a tensor of that shape? Sets s->shape. */
bool ca_tf_slice_fits(CaTfSlice *s, const CarinaShape *full);
/* "6 5 0,2:-": the full shape and the slice, which fits. */
bool ca_tf_slice_parse(CaTfSlice *s, CarinaShape *full, const char *text);
/* Does every element of the shape lie in exactly one of them? All of them fit. */
bool ca_tf_slices_cover(const CaTfSlice *slices, int n, const CarinaShape *full);
/* The key of the part of variable name. */
void ca_tf_slice_key(CaText *key, const char *name, const CaTfSlice *s);
/* Copies part into its place in whole, or out of it; types and shapes are right. */
void ca_tf_slice_put(CarinaTensor *whole, const CarinaTensor *part, const CaTfSlice *s);
void ca_tf_slice_get(CarinaTensor *part, const CarinaTensor *whole, const CaTfSlice *s);

#endif
