/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of reduce.def, and the division among threads: by rows, or by runs of columns.
 */
#include "reduce.h"

#include "base/cpu.h"
#include "kernels/axis_runs.h"
#include "reduce_funcs.h"

const CaReduceKernel ca_reduce_kernels[] = {
#define CA_KERNEL(isa, needs) \
    {"reduce_" #isa, needs, ca_f32_reduce_rows_##isa, ca_f32_reduce_columns_##isa},
#include "reduce.def"
#undef CA_KERNEL
};

const CaReduceKernel *ca_reduce_select(uint32_t cpu)
{
    const CaReduceKernel *k = ca_reduce_kernels;
    while ((k->needs & cpu) != k->needs) /* stops at ref, which needs nothing */
        k++;
    return k;
}

void ca_reduce_run(const CaReduce *plan, float *y, const float *x, int thread,
                   int n_threads)
{
    const ptrdiff_t axis = plan->axis, inner = plan->inner;

    if (inner == 1) {
        const ptrdiff_t first = ca_share(plan->outer, thread, n_threads);
        const ptrdiff_t last = ca_share(plan->outer, thread + 1, n_threads);
        plan->kernel->rows(y + first, x + first * axis, axis, last - first, plan->kind);
        return;
    }
    const ptrdiff_t n = ca_axis_n_runs(plan->outer, inner);
    const ptrdiff_t last = ca_share(n, thread + 1, n_threads);
    for (ptrdiff_t at = ca_share(n, thread, n_threads); at < last; at++) {
        const CaAxisRun run = ca_axis_run(at, inner);
        plan->kernel->columns(y + run.outer * inner + run.column,
                              x + run.outer * axis * inner + run.column, axis, inner,
                              run.n, plan->kind);
    }
}
