/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside conv/: the kernels of one instruction set, and what plan, pack and run share.
 */
#ifndef CA_CPU_CONV_KERNELS_H
#define CA_CPU_CONV_KERNELS_H

#include "../slide.h"
#include "base/threads.h"
#include "conv.h"

/* Where the sums go on: they are kept in `to`, `plus` and `bias` are added, then come the products with another input. The
 * filter is read on. */
typedef struct CaConvMore {
    float *to;                /* or NULL */
    const float *plus, *bias; /* or NULL */
    const float *in;
    ptrdiff_t block;
} CaConvMore;

/* What stays the same from tile to tile. Strides in floats. */
typedef struct CaConvGeo {
    ptrdiff_t pixel, block; /* input: step of a result's pixel, of a block of channels */
    ptrdiff_t filter_row, filter_col; /* input: step of a filter's row and column */
    ptrdiff_t out_block, add_block, sum_block; /* a pixel of all is 16 floats */
    int kh, kw, n_blocks;
    int per_block, last; /* input channels of a block, of the last block; planes: 1 */
    int lines;           /* cache lines to fetch into L2 with each tap of each block */
    const float *next;   /* from here */
    bool by_block;       /* 1x1: fetch the next block of input channels, not of pixels */
    const CaConvMore *more;
    int n_more;    /* 1x1 only */
    int split;     /* where the isa spans rows: results from this on, ... */
    ptrdiff_t gap; /* ... are so much further on */
    float lo, hi;
} CaConvGeo;

/* out[pixels] = min(max(bias + start + sums of in * w + add, lo), hi); start and add may be NULL, start may be out. */
typedef void CaConvTile(const CaConvGeo *g, float *out, const float *in, const float *w,
                        const float *bias, const float *add, const float *start);

/* out[pixels] = sums of in * w, 1x1 of step 16: Winograd's products. */
typedef void CaConvProduct(const CaConvGeo *g, float *out, const float *in,
                           const float *w);

/* From the input of a result's pixel to the next one's, in floats; 1 and 2: planes. */
typedef enum CaConvStep {
    CA_CONV_STEP_16,
    CA_CONV_STEP_32,
    CA_CONV_STEP_1,
    CA_CONV_STEP_2,
    CA_CONV_STEP_ANY
} CaConvStep;

/* The part of a tile's input that is there: rows and columns outside [y0, y1) and [x0, x1) are zero and
 * not read. A short tile has no places of the point infinity (nor the last odd input of step 2), which only the last
 * result needs. */
typedef struct CaWinogradTile {
    int y0, y1, x0, x1;
    bool is_short_y, is_short_x;
} CaWinogradTile;

/* v[xi * xi_stride .. + 16] = B^T d B of the 16 channels at `in` */
typedef void CaWinogradIn(float *v, ptrdiff_t xi_stride, const float *in,
                          ptrdiff_t row_stride, const CaWinogradTile *tile);

typedef struct CaWinogradEnd {
    const float *bias, *add;
    ptrdiff_t add_row_stride;
    bool is_short_y, is_short_x;
    float lo, hi;
} CaWinogradEnd;
enum { CA_WINOGRAD_PLACE = 16 }; /* bytes that say where a tile lies */

/* out[ny][nx] = A^T m A with its end */
typedef void CaWinogradOut(float *out, ptrdiff_t row_stride, int ny, int nx,
                           const float *m, ptrdiff_t xi_stride, const CaWinogradEnd *end);

typedef struct CaDepthwise {
    ptrdiff_t pixel, filter_row, filter_col;
    int kh, kw;
    float lo, hi;
} CaDepthwise;
/* n pixels of 16 channels; w [kh][kw][16]; add may be NULL. */
typedef void CaDepthwiseRow(const CaDepthwise *g, float *out, int n, const float *in,
                            const float *w, const float *bias, const float *add);

/* In place: act(prelu(x)) on `lanes` channels of n pixels, 0 in the other channels. */
typedef void CaConvFinish(float *x, int n, const CaAct *act, const float *slope,
                          int lanes);

/* out = in, rows of `width` floats, n_real of them times by[row]. */
typedef void CaConvScaleRows(float *out, const float *in, const float *by, int n_rows,
                             int width, int n_real);

/* Strassen's input for 16 channels of n pixels: of x[half of the channels][tile] (pixel i of tile j at half + at[j][i])
 * to[0..3] = T1..T4, n pixels each, to_stride apart; and [4..6] = x[0][0], x[1][0], x[1][1] where `copies`. With `before`, x
 * are what it makes of them, scale[half] and shift[half] being the 16 channels'. */
typedef struct CaStrassenFrom {
    const float *half[2];
    const ptrdiff_t *at[2];
    bool copies;
    const CaConvBefore *before; /* or NULL: for lo and hi */
    const float *scale[2], *shift[2];
} CaStrassenFrom;
typedef void CaStrassenIn(float *to, ptrdiff_t to_stride, const CaStrassenFrom *from,
                          int n);
/* out = min(max(x + add, lo), hi), n pixels; add may be NULL. */
typedef void CaStrassenPlace(float *out, const float *x, const float *add, int n,
                             float lo, float hi);

struct CaConvIsa {
    const char *kernel[CA_N_CONV_ALGORITHMS];
    uint32_t needs;
    int max_pixels, max_blocks; /* of a tile */
    int wide_pixels;            /* of a tile of 4 blocks; 0: there is none */
    bool spans_rows;            /* tiles of 1x1, step 1, heed split and gap */
    CaConvTile *(*tile)(bool one, int blocks, int pixels,
                        CaConvStep step); /* never NULL */
    CaConvProduct *(*product)(int blocks, int pixels);
    /* 1x1 of step 1, the last block of results has 8 at most: the others become 0; at most max_blocks */
    CaConvTile *(*half_tile)(int blocks, int pixels);
    CaWinogradIn *winograd_in[2][2]; /* step 1, 2; m = 2, 4 */
    CaWinogradOut *winograd_out[2][2];
    CaStrassenIn *strassen_in;
    CaStrassenPlace *strassen_place;
    CaSlideRows *slide[2];          /* depthwise 3x3; step 1 and 2 */
    CaDepthwiseRow *depthwise_5[2]; /* 5x5; step 1 and 2 */
    CaDepthwiseRow *depthwise_any;
    CaConvFinish *finish;
    CaConvScaleRows *scale_rows;
};

/* Best first; the last needs nothing. */
extern const CaConvIsa *const ca_conv_isas[];

/* The same with the algorithm given, for tests and for tuning by measurement. */
bool ca_conv_plan_as(CaConvPlan *p, const CaConvShape *s, const CaConvIsa *isa,
                     CaConvAlgorithm algorithm);

/* The end as the kernels want it: bounds in the kernel, or bounds that do nothing and `finish` after. */
typedef struct CaConvTail {
    float lo, hi;
    bool after;
} CaConvTail;
CaConvTail ca_conv_tail(const CaConvEnd *end);
void ca_conv_finish(const CaConvPlan *p, const CaConvEnd *end, float *out, int pixels,
                    int out_block);

/* packed = bias [blocks of results][16], then the filter */
static inline const float *ca_conv_filter(const CaConvPlan *p, const float *packed)
{
    return packed + (size_t)p->n_parts * (size_t)p->co_blocks * 16;
}

void ca_conv_direct(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                    const CaActs *in, const float *packed, const CaConvEnd *end);
void ca_conv_planes(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                    const CaActs *in, const float *packed, const CaConvEnd *end,
                    float *own);
void ca_conv_depthwise(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                       const CaActs *in, const float *packed, const CaConvEnd *end);
void ca_conv_winograd(const CaConvPlan *p, int phase, int thread, int n_threads,
                      const CaActs *out, const CaActs *in, const float *packed,
                      const CaConvEnd *end, float *shared, float *own);
/* The largest tile of any instruction set; sums of A .. D and Y, in floats (conv_strassen.c). */
enum {
    CA_STRASSEN_PIXELS = 14,
    CA_STRASSEN_BLOCKS = 2,
    CA_STRASSEN_SUMS = 5 * CA_STRASSEN_PIXELS * CA_STRASSEN_BLOCKS * 16
};
void ca_conv_strassen(const CaConvPlan *p, int phase, int thread, int n_threads,
                      const CaActs *out, const CaActs *in, const float *packed,
                      const CaConvEnd *end, float *shared, float *own);

/* The points of F(m,3): 0, +-p[0], .., +-p[m / 2 - 1], infinity. 11/16 and 11/8 make every constant of
 * the transforms of F(4,3) exact in f32 and give a quarter of the usual error. */
#define CA_WINOGRAD_POINTS_2 1.0
#define CA_WINOGRAD_POINTS_4 0.6875, 1.375
/* Of F(m,2) for the even inputs of step 2: +-p[0], .., infinity. */
#define CA_POLYPHASE_POINTS_2 1.0
#define CA_POLYPHASE_POINTS_4 0.5, 1.25

/* Places of a tile along an axis: m + 2 points; of step 2 m + 1 points, then m odd inputs, which share a filter. */
static inline int ca_winograd_places(const CaConvPlan *p)
{
    return p->s.stride_h == 2 ? 2 * p->m + 1 : p->m + 2;
}

/* All rows of a's images, as wide as the results, are one, without a gap. */
static inline bool ca_conv_is_flat(const CaConvShape *s, const CaActs *a)
{
    return a->row_stride == (ptrdiff_t)s->ow * 16 &&
           (s->n == 1 || a->image_stride == a->row_stride * s->oh);
}

#endif
