/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INT8: layers get FakeQuantize on their inputs and weights of s8 with a scale for each channel.
 *
 * The ranges come from outside: what a tensor holds is known only to who ran the network.
 */
#ifndef CA_PASSES_QUANTIZE_H
#define CA_PASSES_QUANTIZE_H

#include "passes/pass.h"
#include <carina/model.h>

/* Above MaxPool and Concat that only it reads, FakeQuantize gives the same, and they choose among bytes. */
extern const CaPass ca_pass_lift_quantize;

/* How many inputs of the node are to be quantized; 0: it cannot be computed in integers. */
int ca_quantize_n_inputs(const CaNode *node);
/* The layer in place. levels: of its inputs. The graph stays sorted and inferred. */
CarinaStatus ca_quantize_layer(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                               int levels, CarinaError *err);
/* The layer stays as it is, and a quantized twin of it becomes a Result named "LAYER/int8". */
CarinaStatus ca_quantize_aside(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                               int levels, CarinaError *err);

#endif
