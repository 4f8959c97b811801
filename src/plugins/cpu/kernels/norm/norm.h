/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation over the middle of x [outer, axis, inner], dense: y = (x - a) / b * gamma + beta
 * with a and b of the kind, gamma and beta [axis] or NULL; y may be x.
 */
#ifndef CA_CPU_NORM_H
#define CA_CPU_NORM_H

#include <stddef.h>
#include <stdint.h>

typedef enum CaNormKind {
    CA_NORM_MVN,         /* a = mean, b = sqrt(variance + eps); LayerNorm */
    CA_NORM_MVN_OUTSIDE, /* a = mean, b = sqrt(variance) + eps */
    CA_NORM_CENTER,      /* a = mean, b = 1 */
    CA_NORM_RMS,         /* a = 0, b = sqrt(mean x^2 + eps) */
    CA_NORM_L2_ADD,      /* a = 0, b = sqrt(sum x^2 + eps) */
    CA_NORM_L2_MAX,      /* a = 0, b = sqrt(max(sum x^2, eps)) */
    CA_N_NORMS
} CaNormKind;

typedef struct CaNormKernel CaNormKernel;

typedef struct CaNorm {
    const CaNormKernel *kernel;
    CaNormKind kind;
    float eps;
    ptrdiff_t outer, axis, inner;
} CaNorm;

struct CaNormKernel {
    const char *name;
    uint32_t needs;
    /* n_rows rows of plan->axis, one behind the other */
    void (*rows)(const CaNorm *plan, float *y, const float *x, const float *gamma,
                 const float *beta, ptrdiff_t n_rows);
    /* n_columns, each of plan->axis elements that are plan->inner apart */
    void (*columns)(const CaNorm *plan, float *y, const float *x, const float *gamma,
                    const float *beta, ptrdiff_t n_columns);
};

extern const CaNormKernel ca_norm_kernels[];
const CaNormKernel *ca_norm_select(uint32_t cpu);

void ca_norm_run(const CaNorm *plan, float *y, const float *x, const float *gamma,
                 const float *beta, int thread, int n_threads);

#endif
