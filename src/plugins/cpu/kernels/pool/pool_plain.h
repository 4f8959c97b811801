/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling of plain maps [.., D, H, W] by tables of windows: any strides, dilations, pads and bins, and where maxima
 * lie. pool.h has the fast form, for blocked activations.
 */
#ifndef CA_POOL_PLAIN_H
#define CA_POOL_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

enum { CA_POOL_PLAIN_AXES = 3 };

/* Of one output along an axis: taps at first, first + dilation, .. that lie in the input; n_padded: those that lie in
 * the padded input. */
typedef struct CaPoolTaps {
    int64_t first;
    int32_t n, n_padded;
} CaPoolTaps;

typedef struct CaPoolPlainAxis {
    int64_t in, out, dilation;
    CaPoolTaps *taps; /* [out] */
} CaPoolPlainAxis;

typedef struct CaPoolPlain {
    int64_t n_maps;
    CaPoolPlainAxis axis[CA_POOL_PLAIN_AXES];
    bool exclude_pad;
    int64_t
        span; /* maxima: their place is counted from the last multiple of span elements */
} CaPoolPlain;

/* A window [first, first + (kernel - 1) * dilation] whose taps below 0 and from in on are left out. */
CaPoolTaps ca_pool_taps(int64_t first, int64_t kernel, int64_t dilation, int64_t in,
                        int64_t pad_end);

/* Thread's share. A mean without taps is 0. */
void ca_pool_plain_avg(const CaPoolPlain *p, float *out, const float *in, int thread,
                       int n_threads);
/* NaN only where all are; without taps -FLT_MAX at 0. index: int64 or, where it is NULL, int32, or both NULL. */
void ca_pool_plain_max(const CaPoolPlain *p, float *out, int64_t *index, int32_t *index32,
                       const float *in, int thread, int n_threads);

#endif
