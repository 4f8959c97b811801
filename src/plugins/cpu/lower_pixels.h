/* SPDX-License-Identifier: Apache-2.0 */
/* Images of few channels as convolution by dot products reads them: pixel by pixel. */
#ifndef CA_CPU_LOWER_PIXELS_H
#define CA_CPU_LOWER_PIXELS_H

#include "cpu_program.h"

/* Is v read by one convolution alone, which takes packed pixels, and made of planes of floats? u8: v is what FakeQuantize
 * makes of these. */
bool ca_cpu_is_for_pixels(CaCpuBuild *b, const CarinaValue *v);
/* A step that packs v, in b->precision; *ref is a plain buffer for ca_cpu_pixels, of this halo. */
CarinaStatus ca_cpu_pack_pixels(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v,
                                int halo);
CaMap ca_cpu_pixels(const CaCpuRun *r, const CaCpuRef *ref);

#endif
