/* SPDX-License-Identifier: Apache-2.0 */
/* Blocked activations for kcheck, in guarded memory, and their elements by coordinate. */
#ifndef KCHECK_ACTS_H
#define KCHECK_ACTS_H

#include "kernels/acts.h"

/* Random everywhere (halo and padding too), for results. */
CaActs kc_acts_dirty(int n, int c, int h, int w, int halo);
/* Random inside, zero in halo and padding, for inputs. */
CaActs kc_acts(int n, int c, int h, int w, int halo);

float *kc_acts_cell(const CaActs *a, int n, int c, int y, int x);

/* Fails unless the halo and the padding channels of all blocks are zero. */
void kc_acts_sealed(const CaActs *a);

/* The same bits everywhere. */
void kc_acts_same(const CaActs *a, const CaActs *b, const char *what);

#endif
