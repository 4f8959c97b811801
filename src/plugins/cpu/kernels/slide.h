/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise 3x3 of steps 1 and 2, several rows at once: the kernel of slide_tmpl.h, for conv/ and dot/.
 */
#ifndef CA_CPU_SLIDE_H
#define CA_CPU_SLIDE_H

#include "acts.h"

typedef struct CaSlide { /* strides in bytes, of neighbouring rows */
    ptrdiff_t in_row, out_row, add_row;
    float lo, hi, add_scale;
    CaElem add;
} CaSlide;

/* n_rows rows of n pixels of 16 channels; in: under the first tap; w [3][3][16]; bias [16]; add may be NULL. */
typedef void CaSlideRows(const CaSlide *g, unsigned char *out, int n_rows, int n,
                         const unsigned char *in, const float *w, const float *bias,
                         const unsigned char *add);

#endif
