/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define SIMD kc_simd_ref
#include "kcheck_simd_tmpl.h"
