/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx512.h"

#define CHAIN ca_f32_eltwise_chain_avx512
#define PLAIN ca_f32_eltwise_plain_avx512
#define BINARY ca_f32_eltwise_binary_avx512
#include "eltwise_tmpl.h"
