/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transposed convolution of plain tensors: y[o, i * stride + k * dilation - begin] += x[c, i] * w[c, o, k].
 *
 *   x [batch, groups * ins, in..]   w [groups, ins, outs, kernel..]   y [batch, groups * outs, out..]
 *
 * Few channels a group: each row of y is summed up directly. More: for one image and group, threads share the packing
 * of x (phase one), the product columns = w' x (phase two) and the rows of y, which add the columns of their taps
 * (phase three). Results are the same to the bit for any number of threads.
 */
#ifndef CA_CONV_BACK_H
#define CA_CONV_BACK_H

#include "conv_axis.h"
#include "kernels/gemm/gemm.h"

typedef struct CaConvBack {
    int64_t batch, groups, ins, outs; /* channels of a group */
    CaConvAxis axis[CA_CONV_AXES];
    bool is_direct;
    CaGemm gemm;         /* columns [outs * taps, positions of x] */
    size_t columns_size; /* bytes */
} CaConvBack;

/* Sets what follows from channels and axes. False where a size overflows. */
bool ca_conv_back_plan(CaConvBack *plan, const CaGemmKernel *gemm);

void ca_conv_back_direct(const CaConvBack *p, float *y, const float *x, const float *w,
                         int thread, int n_threads);

/* One image and group: x [ins, in..], w [ins, outs, kernel..], y [outs, out..]. */
void ca_conv_back_pack(const CaConvBack *p, float *packed, const float *x, int thread,
                       int n_threads);
void ca_conv_back_multiply(const CaConvBack *p, float *columns, const float *w,
                           const float *packed, int thread, int n_threads);
void ca_conv_back_add(const CaConvBack *p, float *y, const float *columns, int thread,
                      int n_threads);

#endif
