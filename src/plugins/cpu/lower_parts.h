/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that lowerings of other operators are made of.
 */
#ifndef CA_CPU_LOWER_PARTS_H
#define CA_CPU_LOWER_PARTS_H

#include "cpu_program.h"
#include "kernels/act.h"
#include "kernels/typed/typed.h"

/* The elements of buffer in, n_in of elem_size bytes, that lie at these distances, as a dense tensor. result: the value
 * that this makes, or NULL: a tensor between steps, which is `in` itself where nothing moves. */
CarinaStatus ca_cpu_copy_strided(CaCpuBuild *b, const CarinaNode *n, int *out, int in,
                                 int rank, const int64_t *dims, const int64_t *strides,
                                 int64_t n_in, size_t elem_size,
                                 const CarinaValue *result);

/* The element type as kernels/typed has it; false where it has none. */
bool ca_cpu_typed_kind(CaTypedKind *kind, CarinaType type);

/* What MatMul n takes into its step: a bias of [cols], an activation. Returns the node whose result the step makes. */
const CarinaNode *ca_cpu_matmul_end(CaCpuBuild *b, const CarinaNode *n, int64_t cols,
                                    const float **bias, CaAct *act);

/* out [batch, m, cols] = a [batch, m, k] * w [batch, k, cols], dense f32 buffers. */
CarinaStatus ca_cpu_multiply(CaCpuBuild *b, const CarinaNode *n, int out, int a, int w,
                             int64_t batch, int64_t m, int64_t k, int64_t cols);

#endif
