/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential, logarithm and softmax in 32-bit fixed point as TensorFlow Lite finds them, to the last bit. */
#ifndef CA_BASE_FIXED_EXP_H
#define CA_BASE_FIXED_EXP_H

#include "base/fixed.h"

/* exp(x) with 31 bits behind the point, for x <= 0 with 26. */
int64_t ca_fixed_exp(int64_t x);
/* log(x) with 26 bits behind the point, for x >= 1 with 19. */
int64_t ca_fixed_log(int64_t x);

/*
 * Softmax of 8 bits: the exponentials of 0, 1 .. 255 steps below the largest, f being a step with 26 bits behind the
 * point, 0 where they count for nothing; and from the sum of their parts a factor for them, 256 is 1.
 */
void ca_fixed_exps(int32_t exps[256], CaFixed f);
static inline int64_t ca_fixed_exp_part(int32_t e) { return ca_fixed_right(e, 12); }
typedef struct CaFixedShare {
    int64_t inverse;
    int shift;
} CaFixedShare;
CaFixedShare ca_fixed_share_of(int64_t sum);
static inline int64_t ca_fixed_share(CaFixedShare s, int32_t e)
{
    return ca_fixed_right(ca_fixed_high(s.inverse, e), s.shift);
}

#endif
