/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to maps of u8 between convolutions: each channel scaled, shifted and rounded again, means of windows,
 * and making them of the user's planes. All numbers are computed in float and rounded once a stage, halves to even.
 */
#ifndef CA_CPU_U8_MAPS_H
#define CA_CPU_U8_MAPS_H

#include "../acts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* y = round(x * k + b), held within [low, high] of [0, 255]. */
typedef struct CaU8Stage {
    const float *k, *b; /* [channels rounded up to 16] */
    float low, high;
} CaU8Stage;
enum { CA_U8_MOST_STAGES = 4 };

/* out = the stages of in, one after the other. zero: what the halo holds. Same n, c, h, w, any halos. */
void ca_u8_stages(const CaMap *out, const CaMap *in, const CaU8Stage *stages,
                  int n_stages, int zero, uint32_t cpu, int thread, int n_threads);

/* y = round(zero + ratio * (sum of the window's (x - in_zero)) / divisor), held within [low, high]. The divisor is the
 * number of all of the window's places, or of those that are not padding. Sums must stay below 2^24. */
typedef struct CaU8Mean {
    int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    int pad_bottom, pad_right; /* what lies further out never counts */
    bool exclude_pad;
    double ratio, zero, in_zero;
    float low, high;
} CaU8Mean;
void ca_u8_mean(const CaMap *out, const CaMap *in, const CaU8Mean *how, uint32_t cpu,
                int thread, int n_threads);

/* in: [n][c][h][w] floats of the user; out: what q makes of them. */
void ca_u8_quantize(const CaMap *out, const float *in, const CaQuant *q, uint32_t cpu,
                    int thread, int n_threads);

/* --- The rows of one instruction set (u8_rows_tmpl.h). */

typedef struct CaU8Rows {
    uint32_t needs;
    /* n pixels of 16 channels */
    void (*stages)(unsigned char *out, const unsigned char *in, int n,
                   const CaU8Stage *stages, int n_stages);
    /* one pixel: round(sum of [rows][cols] pixels * k + b) */
    void (*mean)(unsigned char *out, const unsigned char *in, int rows, int cols,
                 ptrdiff_t row_stride, float k, float b, float low, float high);
    /* n pixels; lanes planes of floats */
    void (*quantize)(unsigned char *out, const float *in, ptrdiff_t plane, int lanes,
                     int n, const CaQuant *q);
} CaU8Rows;
/* Best first; the last needs nothing. */
extern const CaU8Rows *const ca_u8_rows[];

#endif
