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

#endif
