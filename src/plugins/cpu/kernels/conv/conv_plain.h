/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution of plain tensors of one to three axes, with any filters: what the blocked kernels do not take.
 *
 *   x [batch, groups * ins, in..]   w [groups * outs, ins, kernel..]   y [batch, groups * outs, out..]
 *
 * Few channels a group: each row of y is summed up directly. More: y = w * patches, in chunks of outputs whose patches
 * stay small; threads share the packing of a chunk (phase one) and its product (phase two). Results are the same to
 * the bit for any number of threads.
 */
#ifndef CA_CONV_PLAIN_H
#define CA_CONV_PLAIN_H

#include "conv_axis.h"
#include "kernels/gemm/gemm.h"

typedef struct CaConvPlain {
    int64_t batch, groups, ins, outs; /* channels of a group */
    CaConvAxis axis[CA_CONV_AXES];
    bool is_direct;
    int64_t n_chunks, chunk; /* outputs of a chunk */
    CaGemm gemm, last;       /* of a chunk, of the last */
} CaConvPlain;

/* Sets what follows from channels and axes. False where a size overflows. */
bool ca_conv_plain_plan(CaConvPlain *plan, const CaGemmKernel *gemm);

void ca_conv_plain_direct(const CaConvPlain *p, float *y, const float *x, const float *w,
                          int thread, int n_threads);

/* Chunk `at` of one image and group: x [ins, in..], w [outs, ins, kernel..], y [outs, out..]. */
void ca_conv_plain_pack(const CaConvPlain *p, float *packed, const float *x, int64_t at,
                        int thread, int n_threads);
void ca_conv_plain_multiply(const CaConvPlain *p, float *y, const float *w,
                            const float *packed, int64_t at, int thread, int n_threads);

#endif
