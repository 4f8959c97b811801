/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside dot/: the kernels of one instruction set.
 */
#ifndef CA_CPU_DOT_KERNELS_H
#define CA_CPU_DOT_KERNELS_H

#include "../slide.h"
#include "dot.h"

#include <string.h>

/* base/half.h's rounding, for loops over whole filters. */
static inline uint32_t ca_dot_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000)
        return u >> 16 | 0x40;
    return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

/* Of each channel of results, in packed: where its sum starts (int32: minus zero point times the filter's sum;
 * f32: the bias), and for u8 scale and bias. */
typedef struct CaDotChannel {
    const void *start;
    const float *scale, *bias;
    const int32_t *mantissa, *right, *whole_bias; /* of a fixed end; else NULL */
} CaDotChannel;

/* Ends that u8's tiles have within them: the sum alone, `mid`, or `mid` and a residual in u8. Results that int32 holds are
 * rounded first and then held within low_bytes and high_bytes, which gives the same. */
typedef enum CaDotFast {
    CA_DOT_FAST_NONE,
    CA_DOT_FAST_PLAIN,
    CA_DOT_FAST_MID,
    CA_DOT_FAST_SUM
} CaDotFast;

typedef struct CaDotGeo { /* strides in bytes */
    ptrdiff_t pixel, block, filter_row, filter_col;
    ptrdiff_t out_block, add_block;
    int kh, kw, n_blocks, last;
    CaElem out, add;
    float add_scale, lo, hi;
    CaDotFast fast;
    unsigned char low_bytes[64], high_bytes[64]; /* lo and hi, where fast */
    bool has_mid;
    CaQuant mid;
    const CaDotFixed *fixed;   /* or NULL */
    const int32_t *pixel_sums; /* of the tile's pixels, or NULL */
} CaDotGeo;

/* P pixels of a row, NV vectors of results; add may be NULL. A step is one 32-bit word of channels. */
typedef void CaDotTile(const CaDotGeo *g, unsigned char *out, const unsigned char *in,
                       const unsigned char *w, const CaDotChannel *c,
                       const unsigned char *add);
/* 1x1: n pixels of a row, 4 at least, two blocks of results; ends that the tile has within it. */
enum { CA_DOT_STRIP_PIXELS = 4 };
typedef void CaDotStrip(const CaDotGeo *g, unsigned char *out, const unsigned char *in,
                        const unsigned char *w, const CaDotChannel *c,
                        const unsigned char *add, int n);
/* n pixels of 16 channels; w [kh][kw][16] floats; kh, kw, filter_row, filter_col, pixel of g. */
typedef void CaDotRow(const CaDotGeo *g, unsigned char *out, int n,
                      const unsigned char *in, const float *w, const CaDotChannel *c,
                      const unsigned char *add);
/* The same by words of 4 neighbouring pixels: w [kh][ca_dot_words][16][4] of s8, dilation 1. */
typedef void CaDotWords(const CaDotGeo *g, unsigned char *out, int n,
                        const unsigned char *in, const unsigned char *w,
                        const CaDotChannel *c, const unsigned char *add);
/* n rows of 16: floats to what is stored, and back. */
typedef void CaNarrowRow(unsigned char *out, const float *in, int n, const CaQuant *q);
typedef void CaWidenRow(float *out, const unsigned char *in, int n, const CaQuant *q);
/* Of windows: n numbers of one row into the strip, then one result of the strip's columns. The strip has room for 2 bytes a
 * number. */
typedef void CaMaxRows(void *strip, const unsigned char *from, bool is_first, int n);
typedef void CaMaxColumns(unsigned char *out, const void *strip, int first, int step,
                          int limit);
/* n pixels, whose channels lie in rows of `row` bytes. */
typedef void CaInterleave(unsigned char *out, const unsigned char *rows, ptrdiff_t row,
                          int channels, int n);
/* n pixels of 16 channels from floats, scale and shift of these channels; rounded after each, so that all instruction
 * sets round to the same short number. */
typedef void CaDotBeforeRow(unsigned char *out, const float *in, int n,
                            const float *scale, const float *shift, float lo, float hi);
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

/* Winograd F(2,3). A product is 1x1, with tiles of V for pixels, and M for results: strides in bytes and in floats. */
typedef struct CaDotProduct {
    ptrdiff_t in_block, out_block;
    int n_blocks, last;
    int lines; /* cache lines to fetch into L2 with each block of channels, from `next` on */
    const unsigned char *next;
} CaDotProduct;
typedef void CaDotProductTile(const CaDotProduct *g, float *out, const unsigned char *in,
                              const unsigned char *w);
/* Place xi = 5, the sum of four numbers times the sum of nine weights, has three planes, all others have one. */
enum { CA_DOT_WINOGRAD_SUM = 5, CA_DOT_WINOGRAD_PLANES = 18 };
static inline int ca_dot_winograd_plane(int xi)
{
    return xi <= CA_DOT_WINOGRAD_SUM ? xi : xi + 2;
}
typedef struct CaDotWinograd {
    CaDotProductTile *(*product)(int blocks, int pixels);
    /* v[plane * xi_stride + t * 32 ..] = B^T d B of the 16 channels at `in`, for n tiles of one row; what lies outside
     * rows [y0, y1) and columns [x0, x1) of the first tile is zero and not read. */
    void (*in)(unsigned char *v, ptrdiff_t xi_stride, const unsigned char *in,
               ptrdiff_t row_stride, int n, int y0, int y1, int x0, int x1);
    /* out[ny][nx] = A^T m A with the end that g says */
    void (*out)(const CaDotGeo *g, unsigned char *out, ptrdiff_t row_stride, int ny,
                int nx, const float *m, ptrdiff_t xi_stride, const float *bias,
                const unsigned char *add, ptrdiff_t add_row_stride);
} CaDotWinograd;

typedef enum CaDotStep {
    CA_DOT_STEP_1,
    CA_DOT_STEP_2,
    CA_DOT_STEP_ANY,
    CA_DOT_STEP_RGB_1, /* of pixels of three channels */
    CA_DOT_STEP_RGB_2
} CaDotStep;

struct CaDotIsa {
    const char *name, *name_depthwise, *name_winograd, *name_packed;
    CaElem type;
    uint32_t needs;
    int max_pixels, max_blocks, wide_pixels;
    CaDotTile *(*tile)(bool one, int blocks, int pixels, CaDotStep step);
    CaDotStrip *(*strip)(CaDotStep step); /* or NULL */
    CaDotRow *depthwise;
    CaDotWords *(*words)(int stride, int kw); /* or NULL; NULL: not for these */
    CaSlideRows *
        slide[2]
             [2]; /* depthwise 3x3, results as they are or floats, step 1 or 2; or NULL */
    CaNarrowRow *narrow;
    CaWidenRow *widen;
    CaInterleave *interleave;
    CaMaxRows *max_rows;
    CaMaxColumns *max_columns;
    CaDotFinish *finish;
    CaAddRow *add;
    CaDotBeforeRow *before;
    const CaDotWinograd *winograd; /* or NULL */
    CaFixedRow *fixed;             /* u8; else NULL, as the next */
    CaByteSums *sums;
};

/* Best first; the last of each type needs nothing. */
extern const CaDotIsa *const ca_dot_isas[];
/* Seconds on one thread, from cost.def; 0: not known (u8). */
double ca_dot_estimate(const CaDotPlan *p);
bool ca_dot_plan_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);
bool ca_dot_plan_fixed_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);
/* by_words: depthwise may. */
bool ca_dot_plan_direct(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa,
                        bool by_words);
bool ca_dot_plan_packed_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);
bool ca_dot_plan_before_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);
/* The same by Winograd; false: not a 3x3 of step 1, or a type that has none. */
bool ca_dot_plan_winograd(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa);

/* The end as the kernels want it. true: they write floats, and ca_dot_finish follows. */
bool ca_dot_set_end(CaDotGeo *g, const CaMap *out, const CaDotEnd *e);
/* The rest of the end: from floats of n pixels to what is stored. */
void ca_dot_finish(const CaDotPlan *p, const CaDotEnd *e, CaElem out, int block,
                   unsigned char *to, float *x, int n);

bool ca_dot_winograd_sizes(CaDotPlan *p); /* group_size too */
void ca_dot_winograd_pack(const CaDotPlan *p, unsigned char *w, const float *oihw,
                          int first, int n_blocks);
void ca_dot_winograd(const CaDotPlan *p, int phase, int thread, int n_threads,
                     const CaMap *out, const CaMap *in, const unsigned char *packed,
                     const CaDotEnd *end, unsigned char *shared, unsigned char *own);

/* --- What plan, pack and run share. */
enum {
    CA_DOT_SLIDE_ROWS = 3
}; /* of depthwise at a time, where an end follows the kernel */

/* Channels of a word. */
static inline int ca_dot_word(CaElem type) { return 4 / ca_elem_size(type); }

/* 32-bit words of all input channels. */
size_t ca_dot_input_words(const CaDotPlan *p);

#endif
