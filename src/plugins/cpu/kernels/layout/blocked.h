/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between plain NCHW and blocked activations, and from blocked to blocked.
 *
 * Each function does a thread's share; the result does not depend on n_threads. Each leaves the
 * halo of what it wrote zero, and the padding channels too. Operands do not overlap.
 */
#ifndef CA_BLOCKED_H
#define CA_BLOCKED_H

#include "../acts.h"

/* in: [N, C, H, W] of out's dimensions. */
void ca_pack_nchw(const CaActs *out, const float *in, int thread, int n_threads);

/* out: [N, C, H, W] of in's dimensions. */
void ca_unpack_nchw(float *out, const CaActs *in, int thread, int n_threads);

/* n_channels from channel in_first of in to channel out_first of out; the same N, H and W, any
 * halos and channels. Others of out stay as they are, so copies to different channels make a
 * concatenation in any order; the one that reaches out's last channel zeroes its padding. */
void ca_acts_copy(const CaActs *out, int out_first, const CaActs *in, int in_first,
                  int n_channels, int thread, int n_threads);

void ca_acts_zero_halo(const CaActs *out, int thread, int n_threads);

#endif
