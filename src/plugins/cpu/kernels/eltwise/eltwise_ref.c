/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_ref.h"

#define CHAIN ca_f32_eltwise_chain_ref
#define PLAIN ca_f32_eltwise_plain_ref
#define BINARY ca_f32_eltwise_binary_ref
#include "eltwise_tmpl.h"
