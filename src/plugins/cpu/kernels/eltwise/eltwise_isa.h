/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of eltwise.def, as functions. */
#ifndef CA_ELTWISE_ISA_H
#define CA_ELTWISE_ISA_H

#include "eltwise.h"

#define CA_KERNEL(isa, needs)                                                           \
    void ca_f32_eltwise_chain_##isa(const CaChain *chain, const CaActs *out,            \
                                    const CaActs *in, int thread, int n_threads);       \
    void ca_f32_eltwise_plain_##isa(const CaChain *chain, float *out, const float *in,  \
                                    int64_t n, int64_t c, int64_t inner, int thread,    \
                                    int n_threads);                                     \
    void ca_f32_eltwise_binary_##isa(const CaBroadcast *plan, CaChainOp op, float *out, \
                                     const float *a, const float *b, int thread,        \
                                     int n_threads);
#include "eltwise.def"
#undef CA_KERNEL

#endif
