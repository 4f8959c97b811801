/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations in the element type T. KERNEL: the function's name; IS_FLOAT, IS_SIGNED: 0 or 1.
 *
 * Integers are computed in 64 bits and keep their low bits: the same as in T, and defined.
 */
#include "base/compiler.h"
#include "typed_rows.h"

#include <math.h>

#if IS_FLOAT
CA_INLINE T plus(T x, T y) { return x + y; }
CA_INLINE T minus(T x, T y) { return x - y; }
CA_INLINE T times(T x, T y) { return x * y; }
CA_INLINE T quotient(T x, T y) { return x / y; }
CA_INLINE T quotient_down(T x, T y) { return x / y; }
CA_INLINE T power(T x, T y) { return (T)pow((double)x, (double)y); }
CA_INLINE T rest(T x, T y) { return (T)fmod((double)x, (double)y); }
CA_INLINE T floor_rest(T x, T y)
{
    const double m = fmod((double)x, (double)y);
    return (T)(m != 0 && (m < 0) != (y < 0) ? m + (double)y : m);
}
CA_INLINE T larger(T x, T y) { return x > y || isnan(x) ? x : y; }
CA_INLINE T smaller(T x, T y) { return x < y || isnan(x) ? x : y; }
CA_INLINE bool is_negative(T x) { return x < 0; }
#else
CA_INLINE T plus(T x, T y) { return (T)((uint64_t)x + (uint64_t)y); }
CA_INLINE T minus(T x, T y) { return (T)((uint64_t)x - (uint64_t)y); }
CA_INLINE T times(T x, T y) { return (T)((uint64_t)x * (uint64_t)y); }
CA_INLINE T larger(T x, T y) { return x > y ? x : y; }
CA_INLINE T smaller(T x, T y) { return x < y ? x : y; }
#    if IS_SIGNED
CA_INLINE bool is_negative(T x) { return x < 0; }
/* The lowest number divided by -1 traps. */
CA_INLINE T quotient(T x, T y) { return y == 0 ? 0 : y == -1 ? minus(0, x) : (T)(x / y); }
CA_INLINE T quotient_down(T x, T y)
{
    const T q = quotient(x, y);
    return y != 0 && y != -1 && x % y != 0 && (x < 0) != (y < 0) ? (T)(q - 1) : q;
}
CA_INLINE T rest(T x, T y) { return y == 0 || y == -1 ? 0 : (T)(x % y); }
CA_INLINE T floor_rest(T x, T y)
{
    const T m = rest(x, y);
    return m != 0 && (m < 0) != (y < 0) ? (T)(m + y) : m;
}
#    else
CA_INLINE bool is_negative(T x)
{
    (void)x;
    return false;
}
CA_INLINE T quotient(T x, T y) { return y == 0 ? 0 : (T)(x / y); }
CA_INLINE T quotient_down(T x, T y) { return quotient(x, y); }
CA_INLINE T rest(T x, T y) { return y == 0 ? 0 : (T)(x % y); }
CA_INLINE T floor_rest(T x, T y) { return rest(x, y); }
#    endif
CA_INLINE T power(T x, T y)
{
    uint64_t result = 1, factor = (uint64_t)x;
#    if IS_SIGNED
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (T)(y % 2 ? -1 : 1) : 0;
#    endif
    for (uint64_t left = (uint64_t)y; left; left >>= 1, factor *= factor)
        if (left & 1)
            result *= factor;
    return (T)result;
}
#endif

/* The three loops that occur most have constant steps, so that they become vectors. */
void KERNEL(CaTypedOp op, void *out, const void *a, const void *b, int64_t n, int a_step,
            int b_step)
{
    const T *const p = a, *const q = b;
    switch (op) {
#define CA_TYPED_OP(name, element, result)             \
    case CA_TYPED_##name: {                            \
        element *const to = out;                       \
        if (a_step && b_step)                          \
            for (int64_t i = 0; i < n; i++) {          \
                const T x = p[i], y = q[i];            \
                to[i] = (element)(result);             \
            }                                          \
        else if (a_step)                               \
            for (int64_t i = 0; i < n; i++) {          \
                const T x = p[i], y = *q;              \
                to[i] = (element)(result);             \
            }                                          \
        else                                           \
            for (int64_t i = 0; i < n; i++) {          \
                const T x = *p, y = q[b_step ? i : 0]; \
                to[i] = (element)(result);             \
            }                                          \
        break;                                         \
    }
#include "typed_ops.def"
#undef CA_TYPED_OP
    case CA_N_TYPED_OPS: break;
    }
}
