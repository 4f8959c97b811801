/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of large matrices in seven eighths of the multiplications: one level of Strassen's recursion in
 * Winograd's form, over tiles of rows and panels of columns that are neighbours, and the halves of a chunk of k.
 *
 * B is packed as ca_gemm_pack_b does it, one quarter of each pair of panels aside; its other combinations are made beside
 * the products, in work space of a thread.
 * Those of A are made once, in work space of all threads, before the products begin. A transposed A is not offered.
 * The sum of an element of C is computed by one thread, in an order that depends on m, n and k only.
 */
#ifndef CA_CPU_GEMM_STRASSEN_H
#define CA_CPU_GEMM_STRASSEN_H

#include "gemm.h"

typedef struct CaStrassen {
    CaGemm plan;
    ptrdiff_t
        n_pairs; /* of tiles of rows, their heights differ by 1 at most; behind the last a row may be missing */
    ptrdiff_t
        n_chunks; /* of k, each of two halves, summed one behind the other through C */
    ptrdiff_t most_rows, most_depth; /* of a tile; of half a chunk */
    size_t shared_work, thread_work; /* bytes */
} CaStrassen;

void ca_strassen_plan(CaStrassen *s, const CaGemm *plan);
/* Operations of the products. */
double ca_strassen_operations(const CaStrassen *s);
/* Estimated on one thread, from cost.def: ca_gemm_run's seconds, and those with seven products. */
void ca_strassen_estimate(double seconds[2], const CaStrassen *s);
/* Is it worth its rounding? Never where A is transposed. */
bool ca_strassen_pays(const CaStrassen *s);

/* Pairs of panels [begin, end), which ca_gemm_pack_b packed: puts s2 in place of w21. The last panel may have no neighbour. */
void ca_strassen_pack(const CaStrassen *s, float *packed, ptrdiff_t begin, ptrdiff_t end);
/* As ca_gemm_pack_key: for all of one key these are the same bytes, whatever A is. */
uint64_t ca_strassen_pack_key(const CaStrassen *s, bool transposed);

/* A part of A's combinations; when those of all threads are made, the products may run. */
void ca_strassen_prepare(const CaStrassen *s, float *shared, const float *a,
                         ptrdiff_t lda, int thread, int n_threads);
void ca_strassen_run(const CaStrassen *s, float *c, ptrdiff_t ldc, const float *a,
                     ptrdiff_t lda, const float *packed_b, const float *bias,
                     const CaAct *act, const float *shared, float *own, int thread,
                     int n_threads);

/* --- For the kernels of gemm.def. With X = A', W = B' and halves of k, tiles and panels numbered from 1, x12 is the first half of k of the
 * second tile, w12 the second half of the first panel:
 *
 *   s2 = w21 + w22 - w11    s1 = s2 + w11    s3 = w22 - s2    s4 = w12 - s2
 *   t1 = x12 - x11    t2 = x22 - t1    t3 = x22 - x12    t4 = t2 - x21
 *
 *   first tile    y11 = w11 x11 + w12 x21                 second tile   y12 = u2 + p5 + s4 x22
 *                 y21 = u3 - w22 t4                                     y22 = u3 + p5
 *   where u2 = w11 x11 + s2 t2, u3 = u2 + s3 t3, p5 = s1 t1
 */

/* C = act(from[0] + from[1] + also + A * B), rows x columns of it. */
typedef struct CaStrassenSum {
    int rows, columns;
    ptrdiff_t depth;
    const float *a; /* [ceil(depth / 16)][a_rows][16] */
    ptrdiff_t a_rows;
    const float *b;       /* [depth][nr] */
    const float *from[2]; /* [rows][nr], or NULL */
    const float *also;    /* bias, C, or NULL */
    ptrdiff_t ld_also;
    float *c;
    ptrdiff_t ldc;
    const CaAct *act;
} CaStrassenSum;

/* Two tiles of rows, where they lie: row i of tile t and half h of k at a[t] + i * lda + h * depth. */
typedef struct CaStrassenRows {
    const float *a[2];
    ptrdiff_t lda, depths[2]; /* of the halves: the second may be one shorter */
    int rows, n_rows[2];      /* of each tile: the second may lack the last row */
    float *to; /* x11, x21, x22, -t4, t1, t2, t3, each [ceil(depths[0] / 16)][rows][16] */
} CaStrassenRows;

/* Two panels and both halves of k. */
typedef struct CaStrassenPanels {
    const float *b[2][2]; /* by panel, then half: [depths[half]][nr] */
    ptrdiff_t depths[2];
    float *to; /* [depths[0]][nr], of each */
} CaStrassenPanels;

typedef struct CaStrassenKernel {
    void (*sum)(const CaStrassenSum *s);
    void (*rows)(const CaStrassenRows *s);
    void (*pack)(const CaStrassenPanels *s); /* s2; it may replace w21 */
    void (*panels)(
        const CaStrassenPanels *s); /* s1, s3, s4, where s2 lies in place of w21 */
} CaStrassenKernel;

#endif
