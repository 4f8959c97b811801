/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling of blocked activations: maximum and average over windows, and over whole images.
 *
 * Each function does a thread's share of the output rows; the result does not depend on
 * n_threads. Halo and padding channels of the output end up zero. out and in do not overlap.
 */
#ifndef CA_POOL_H
#define CA_POOL_H

#include "../acts.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum CaPoolKind {
    CA_POOL_MAX, /* NaN is skipped; a window without elements gives -FLT_MAX */
    CA_POOL_AVG, /* a window without elements gives 0 */
} CaPoolKind;

/* The output's size is what out says: windows may hang over the padded input (ceil rounding). */
typedef struct CaPoolShape {
    CaPoolKind kind;
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w; /* all >= 1 */
    int pad_top, pad_left, pad_bottom, pad_right;                       /* all >= 0 */
    /* AVG divides by the elements of the window inside the input (true), or inside the padded
     * input (false); what hangs over the padded input never counts. */
    bool exclude_pad;
} CaPoolShape;

typedef struct CaPool {
    const char *name;
    uint32_t needs; /* CA_CPU_ flags */
    void (*run)(const CaActs *out, const CaActs *in, const CaPoolShape *shape, int thread,
                int n_threads);
    /* out: [N, C, 1, 1]. Threads share the pairs of image and block. */
    void (*run_global)(const CaActs *out, const CaActs *in, CaPoolKind kind, int thread,
                       int n_threads);
} CaPool;

/* Best first; the last row needs nothing. */
extern const CaPool ca_pool_kernels[];
const CaPool *ca_pool_select(uint32_t cpu);

#endif
