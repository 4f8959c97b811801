/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside machine/: the loops that are timed.
 */
#ifndef CA_CPU_MACHINE_OWN_H
#define CA_CPU_MACHINE_OWN_H

#include "base/compiler.h"

#include <stddef.h>

enum { CA_PEAK_CHAINS = 14 };
#define CA_PEAK(type, isa, elem, operations, needs) float ca_peak_##type##_##isa(int n);
#include "peak.def"
#undef CA_PEAK

#endif
