/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Carina's own operators on quantised integers share: they compute as TensorFlow Lite's reference kernels do, bit
 * by bit. They arise where a model is compiled for int8 (passes/whole_steps.c) and are not written to IR.
 *
 * A number stands for (q - zero) * scale; q is i8, u8 or i16. Scales appear only as fixed-point factors (base/fixed.h).
 */
#ifndef CA_OPS_QUANTIZED_H
#define CA_OPS_QUANTIZED_H

#include "base/fixed.h"
#include "ops/check.h"

/* Steps, zero points and bounds that every int16 and uint8 has; left shifts that leave room in 64 bits. */
#define CA_STEP_ATTR(S, m, ...) CA_ATTR_INT(S, m, -65536, 65536, __VA_ARGS__)
#define CA_MANTISSA_ATTR(S, m, ...) CA_ATTR_INT(S, m, 0, INT32_MAX, __VA_ARGS__)
#define CA_EXPONENT_ATTR(S, m, ...) \
    CA_ATTR_INT(S, m, CA_FIXED_LOWEST_EXPONENT, CA_FIXED_HIGHEST_EXPONENT, __VA_ARGS__)

/* Input i is there and holds i8, u8 or i16. */
static inline CarinaStatus ca_check_steps(const CaInferArgs *a, int i, CarinaError *err)
{
    const CarinaType type = ca_in_type(a, i);
    if (type == CARINA_I8 || type == CARINA_U8 || type == CARINA_I16 ||
        type == CARINA_UNKNOWN)
        return ca_check_whole(a, i, err);
    return ca_infer_err(a, err, CARINA_ERR_TYPE,
                        "input %d is %s; quantised integers are i8, u8 or i16", i,
                        carina_type_name(type));
}

/* y like x, which holds i8 or u8 and has rows. */
static inline CarinaStatus ca_infer_byte_rows(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_rank(a, 0, 1, CARINA_MAX_RANK, err));
    if (ca_in_type(a, 0) == CARINA_I16)
        return ca_infer_err(a, err, CARINA_ERR_TYPE, "give 8-bit integers");
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static inline int64_t ca_step_held(int64_t q, int64_t low, int64_t high)
{
    return q < low ? low : q > high ? high : q;
}

#endif
