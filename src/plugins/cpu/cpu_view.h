/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that are another value's elements at regular distances (slices, permutations, other shapes of these): nothing
 * moves until somebody needs them one behind the other, and then once, however many operators made the view.
 */
#ifndef CA_CPU_VIEW_H
#define CA_CPU_VIEW_H

#include "cpu_program.h"
#include "kernels/layout/strided.h"

typedef struct CaCpuView {
    int buffer;   /* plain */
    int64_t n_in; /* its elements */
    int rank;
    int64_t dims[CA_STRIDED_MAX_RANK], strides[CA_STRIDED_MAX_RANK], start; /* elements */
    /* Another view of the same elements in the same order, under another shape: a copy serves both. Or NULL. */
    const CarinaValue *same;
} CaCpuView;

/* A dense tensor of the shape in the buffer. */
CaCpuView ca_cpu_dense_view(int buffer, const CarinaShape *s);
/* v as a view: the one that it is, or its plain form, which is made if it is not there. */
CarinaStatus ca_cpu_view(CaCpuBuild *b, CaCpuView *out, const CarinaValue *v);
/* Is v a view that no step has copied? */
bool ca_cpu_is_view(const CaCpuBuild *b, const CarinaValue *v);
/* v is this view: kept for its readers, or its buffer where nothing moves. CARINA_ERR_UNSUPPORTED: not v's elements. */
CarinaStatus ca_cpu_set_view(CaCpuBuild *b, const CarinaValue *v, const CaCpuView *view);
/* The same elements under another shape; false where they would have to move. */
bool ca_cpu_reshape_view(CaCpuView *view, const CarinaShape *s);
/* The view that v is, copied by a step. */
CarinaStatus ca_cpu_plain_of_view(CaCpuBuild *b, int *buffer, const CarinaValue *v);

#endif
