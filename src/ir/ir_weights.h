/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .bin of an IR: constants one after another, aligned to their elements, equal ones once.
 */
#ifndef CA_IR_IR_WEIGHTS_H
#define CA_IR_IR_WEIGHTS_H

#include "base/file.h"
#include <carina/tensor.h>

#include <stdbool.h>

typedef struct CaWeights CaWeights;

CarinaStatus ca_weights_open(CaWeights **out, const char *path, CarinaError *err);
/* Where the tensor lies; fp16: its float32 elements as float16. The tensor must live until the end. */
CarinaStatus ca_weights_add(CaWeights *w, size_t *offset, size_t *size,
                            const CarinaTensor *tensor, bool fp16, CarinaError *err);
/* Consume *w. */
CarinaStatus ca_weights_commit(CaWeights **w, CarinaError *err);
void ca_weights_abandon(CaWeights **w);

#endif
