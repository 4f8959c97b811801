/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_neon.h"

#define CHAIN ca_f32_eltwise_chain_neon
#define PLAIN ca_f32_eltwise_plain_neon
#define BINARY ca_f32_eltwise_binary_neon
#include "eltwise_tmpl.h"
