/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Product of matrices with the ends fused: C = act(A * B + bias).
 *
 *   A [m, k], or [k, m] where a_transposed; read as it lies
 *   B packed in panels: [ceil(n / nr)][k][nr], zeros behind column n
 *   C [m, n], row-major; bias [n] or NULL
 *
 * A constant B is packed once; for another one threads share the panels of ca_gemm_pack_b in
 * one phase and run in the next. The sum of an element of C is computed by one thread, in an
 * order that depends on m and k only.
 */
#ifndef CA_CPU_GEMM_H
#define CA_CPU_GEMM_H

#include "kernels/act.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One tile: rows x columns of C, over depth steps of k. */
typedef struct CaGemmTile {
    int rows, columns; /* <= mr, <= nr */
    ptrdiff_t depth;
    float *c;
    ptrdiff_t ldc;
    const float *a;
    ptrdiff_t a_row, a_depth; /* strides */
    const float *b;           /* [depth, nr] */
    const float *start;       /* what sums begin with: bias, C or NULL for zeros */
    ptrdiff_t ld_start;
    const CaAct *act;
} CaGemmTile;

typedef struct CaGemmKernel {
    const char *name;
    int mr, nr;
    uint32_t needs;
    void (*tile)(const CaGemmTile *tile);
    const char *strassen_name;
    const struct CaStrassenKernel *strassen; /* gemm_strassen.h */
} CaGemmKernel;

extern const CaGemmKernel ca_gemm_kernels[];
const CaGemmKernel *ca_gemm_select(uint32_t cpu);

typedef struct CaGemm {
    const CaGemmKernel *kernel;
    ptrdiff_t m, n, k;
    bool a_transposed;
    ptrdiff_t n_panels; /* of B */
    ptrdiff_t n_blocks; /* of rows, their heights differ by 1 at most */
    ptrdiff_t n_chunks; /* of k, summed one behind the other through C */
    size_t packed_size; /* of B, bytes */
} CaGemm;

void ca_gemm_plan(CaGemm *plan, const CaGemmKernel *kernel, ptrdiff_t m, ptrdiff_t n,
                  ptrdiff_t k, bool a_transposed);

/* Panels [begin, end) of b: [k, n], or [n, k] where transposed; rows are ldb apart. */
void ca_gemm_pack_b(const CaGemm *plan, float *packed, const float *b, ptrdiff_t ldb,
                    bool transposed, ptrdiff_t begin, ptrdiff_t end);

/* Plans of the same key pack the same B, with the same ldb, into the same bytes, whatever A is. Holds within the
 * process. */
uint64_t ca_gemm_pack_key(const CaGemm *plan, bool transposed);

void ca_gemm_run(const CaGemm *plan, float *c, ptrdiff_t ldc, const float *a,
                 ptrdiff_t lda, const float *packed_b, const float *bias,
                 const CaAct *act, int thread, int n_threads);

#endif
