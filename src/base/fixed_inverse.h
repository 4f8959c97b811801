/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inverses in 32-bit fixed point as TensorFlow Lite finds them, by Newton's method: the very bits, with the errors of
 * its last steps.
 */
#ifndef CA_BASE_FIXED_INVERSE_H
#define CA_BASE_FIXED_INVERSE_H

#include "base/fixed.h"

int ca_fixed_leading_zeros(uint32_t x);

/* 1 / (1 + a) for a in [0, 1), both with 31 bits behind the point. */
int64_t ca_fixed_one_over_one_plus(int64_t a);

/* 1 / sqrt(x) as a factor that only shifts to the right; x below 2 counts as 1. */
CaFixed ca_fixed_inverse_root(int32_t x);

/* a / b as theirs: the quotient times factor f, rounded twice; b is not 0, else 0. */
int64_t ca_fixed_quotient(int32_t a, int32_t b, CaFixed f);

#endif
