/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of old IR: calibration noted the smallest and the largest number of each channel of each layer's
 * output, and devices that computed in INT8 took their ranges from there. A node has them as the info
 * "rt_info.statistics": min="-1,-2" max="1,2", and level="FP32" where the layer is to stay as it is.
 */
#ifndef CA_PASSES_STATISTICS_H
#define CA_PASSES_STATISTICS_H

#include "passes/pass.h"

#define CA_STATISTICS "rt_info.statistics"

/* Layers whose inputs and outputs have statistics become layers in INT8 (quantize.h). Before other passes: what they
 * rewrite is no longer what was measured. */
CarinaStatus ca_statistics_use(CaGraph *graph, int *n_layers, CarinaError *err);
/* The graph forgets them. */
void ca_statistics_drop(CaGraph *graph);

#endif
