/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of norm.def, and the division among threads: by rows, or by runs of columns.
 */
#include "norm.h"

#include "base/cpu.h"
#include "kernels/axis_runs.h"
#include "norm_funcs.h"

const CaNormKernel ca_norm_kernels[] = {
#define CA_KERNEL(isa, needs) \
    {"norm_" #isa, needs, ca_f32_norm_rows_##isa, ca_f32_norm_columns_##isa},
#include "norm.def"
#undef CA_KERNEL
};

const CaNormKernel *ca_norm_select(uint32_t cpu)
{
    const CaNormKernel *k = ca_norm_kernels;
    while ((k->needs & cpu) != k->needs) /* stops at ref, which needs nothing */
        k++;
    return k;
}

void ca_norm_run(const CaNorm *plan, float *y, const float *x, const float *gamma,
                 const float *beta, int thread, int n_threads)
{
    const ptrdiff_t axis = plan->axis, inner = plan->inner;

    if (inner == 1) {
        const ptrdiff_t first = ca_share(plan->outer, thread, n_threads);
        const ptrdiff_t last = ca_share(plan->outer, thread + 1, n_threads);
        plan->kernel->rows(plan, y + first * axis, x + first * axis, gamma, beta,
                           last - first);
        return;
    }
    const ptrdiff_t n = ca_axis_n_runs(plan->outer, inner);
    const ptrdiff_t last = ca_share(n, thread + 1, n_threads);
    for (ptrdiff_t at = ca_share(n, thread, n_threads); at < last; at++) {
        const CaAxisRun run = ca_axis_run(at, inner);
        const ptrdiff_t from = run.outer * axis * inner + run.column;
        plan->kernel->columns(plan, y + from, x + from, gamma, beta, run.n);
    }
}
