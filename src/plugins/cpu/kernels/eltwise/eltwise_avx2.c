/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx2.h"

#define CHAIN ca_f32_eltwise_chain_avx2
#define PLAIN ca_f32_eltwise_plain_avx2
#define BINARY ca_f32_eltwise_binary_avx2
#include "eltwise_tmpl.h"
