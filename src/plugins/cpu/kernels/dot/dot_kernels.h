/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside dot/: the kernels of one instruction set.
 */
#ifndef CA_CPU_DOT_KERNELS_H
#define CA_CPU_DOT_KERNELS_H

#include "dot.h"

/* Of each channel of results, in packed: where its sum starts (int32: minus zero point times the filter's sum;
 * f32: the bias), and for u8 scale and bias. */
typedef struct CaDotChannel {
    const void *start;
    const float *scale, *bias;
    const int32_t *mantissa, *right, *whole_bias; /* of a fixed end; else NULL */
} CaDotChannel;

typedef struct CaDotGeo { /* strides in bytes */
    ptrdiff_t pixel, block, filter_row, filter_col;
    ptrdiff_t out_block, add_block;
    int kh, kw, n_blocks, last;
    CaElem out, add;
    float add_scale, lo, hi;
    bool has_mid;
    CaQuant mid;
    const CaDotFixed *fixed;   /* or NULL */
    const int32_t *pixel_sums; /* of the tile's pixels, or NULL */
} CaDotGeo;

/* P pixels of a row, NV vectors of results; add may be NULL. A step is one 32-bit word of channels. */
typedef void CaDotTile(const CaDotGeo *g, unsigned char *out, const unsigned char *in,
                       const unsigned char *w, const CaDotChannel *c,
                       const unsigned char *add);
/* n pixels of 16 channels; w [kh][kw][16] floats; kh, kw, filter_row, filter_col, pixel of g. */
typedef void CaDotRow(const CaDotGeo *g, unsigned char *out, int n,
                      const unsigned char *in, const float *w, const CaDotChannel *c,
                      const unsigned char *add);
/* n rows of 16: floats to what is stored, and back. */
typedef void CaNarrowRow(unsigned char *out, const float *in, int n, const CaQuant *q);
typedef void CaWidenRow(float *out, const unsigned char *in, int n, const CaQuant *q);
/* n numbers of a and b. */
typedef void CaAddRow(unsigned char *out, const unsigned char *a, const unsigned char *b,
                      int n, const CaMapAdd *how);
typedef void CaFixedRow(unsigned char *out, const unsigned char *a,
                        const unsigned char *b, int n, const CaMapFixed *how);
/* n pixels of a row: the sum of the bytes under each window, of the last block the first `last_channels`. */
typedef void CaByteSums(const CaDotGeo *g, int32_t *out, int n, const unsigned char *in,
                        int last_channels);
typedef void CaDotFinish(float *x, int n, const CaAct *act, const float *slope,
                         int lanes);

typedef enum CaDotStep { CA_DOT_STEP_1, CA_DOT_STEP_2, CA_DOT_STEP_ANY } CaDotStep;

struct CaDotIsa {
    const char *name, *name_depthwise;
    CaElem type;
    uint32_t needs;
    int max_pixels, max_blocks, wide_pixels;
    CaDotTile *(*tile)(bool one, int blocks, int pixels, CaDotStep step);
    CaDotRow *depthwise;
    CaNarrowRow *narrow;
    CaWidenRow *widen;
    CaDotFinish *finish;
    CaAddRow *add;
    CaFixedRow *fixed; /* u8; else NULL, as the next */
    CaByteSums *sums;
};

/* Best first; the last of each type needs nothing. */
extern const CaDotIsa *const ca_dot_isas[];
bool ca_dot_plan_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);
bool ca_dot_plan_fixed_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);

#endif
