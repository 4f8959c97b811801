/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of pool.def, as functions. */
#ifndef CA_POOL_ISA_H
#define CA_POOL_ISA_H

#include "pool.h"

#define CA_KERNEL(isa, needs)                                                           \
    void ca_f32_pool_window_##isa(const CaActs *out, const CaActs *in,                  \
                                  const CaPoolShape *shape, int thread, int n_threads); \
    void ca_f32_pool_global_##isa(const CaActs *out, const CaActs *in, CaPoolKind kind, \
                                  int thread, int n_threads);
#include "pool.def"
#undef CA_KERNEL

#endif
