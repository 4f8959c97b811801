/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of softmax.def, and the division among threads: by rows, or by runs of columns.
 */
#include "softmax.h"

#include "base/cpu.h"
#include "kernels/axis_runs.h"
#include "softmax_funcs.h"

const CaSoftmaxKernel ca_softmax_kernels[] = {
#define CA_KERNEL(isa, needs) \
    {"softmax_" #isa, needs, ca_f32_softmax_rows_##isa, ca_f32_softmax_columns_##isa},
#include "softmax.def"
#undef CA_KERNEL
};

const CaSoftmaxKernel *ca_softmax_select(uint32_t cpu)
{
    const CaSoftmaxKernel *k = ca_softmax_kernels;
    while ((k->needs & cpu) != k->needs) /* stops at ref, which needs nothing */
        k++;
    return k;
}

void ca_softmax_run(const CaSoftmax *plan, float *y, const float *x, int thread,
                    int n_threads)
{
    const ptrdiff_t axis = plan->axis, inner = plan->inner;

    if (inner == 1) {
        const ptrdiff_t first = ca_share(plan->outer, thread, n_threads);
        const ptrdiff_t last = ca_share(plan->outer, thread + 1, n_threads);
        plan->kernel->rows(y + first * axis, x + first * axis, axis, last - first,
                           plan->is_log);
        return;
    }
    const ptrdiff_t n = ca_axis_n_runs(plan->outer, inner);
    const ptrdiff_t last = ca_share(n, thread + 1, n_threads);
    for (ptrdiff_t at = ca_share(n, thread, n_threads); at < last; at++) {
        const CaAxisRun run = ca_axis_run(at, inner);
        const ptrdiff_t from = run.outer * axis * inner + run.column;
        plan->kernel->columns(y + from, x + from, axis, inner, run.n, plan->is_log);
    }
}
