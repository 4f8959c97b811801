/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f16 and bf16: exact widening, narrowing to nearest even.
 */
#ifndef CA_BASE_HALF_H
#define CA_BASE_HALF_H

#include <stdint.h>

float ca_f16_to_f32(uint16_t h);
uint16_t ca_f32_to_f16(float f);
/* One rounding from double: never through float. */
uint16_t ca_f64_to_f16(double d);
float ca_bf16_to_f32(uint16_t b);
uint16_t ca_f32_to_bf16(float f);

#endif
