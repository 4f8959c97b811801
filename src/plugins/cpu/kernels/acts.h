/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations as the kernels see them: [C/16][N][H + 2 halo][W + 2 halo][16] floats.
 * The halo and the channels that pad the last block to 16 are zero, always.
 */
#ifndef CA_CPU_ACTS_H
#define CA_CPU_ACTS_H

#include <stddef.h>

typedef struct CaActs {
    float *data; /* interior element */
    int n, c, h, w, halo;
    ptrdiff_t block_stride, image_stride, row_stride; /* floats */
} CaActs;

/* The same of other elements; strides in bytes. The halo of u8 holds the zero point instead, and the channels that
 * pad the last block may hold anything: filters have zeros for them. */
typedef enum CaElem { CA_ELEM_F32, CA_ELEM_BF16, CA_ELEM_U8 } CaElem;
typedef struct CaMap {
    unsigned char *data;
    CaElem elem;
    int n, c, h, w, halo;
    ptrdiff_t block_stride, image_stride, row_stride;
} CaMap;
/* u8: stored = real * scale + zero, rounded to nearest even, held within [low, high]; real = (stored - zero) / scale. */
typedef struct CaQuant {
    float scale, zero, low, high;
} CaQuant;
static inline int ca_elem_size(CaElem e)
{
    return e == CA_ELEM_F32 ? 4 : e == CA_ELEM_BF16 ? 2 : 1;
}

#endif
