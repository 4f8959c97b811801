/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models that stand for layers of the one that is read.
 */
#ifndef CA_ENGINE_LAYERS_H
#define CA_ENGINE_LAYERS_H

#include "graph/custom.h"
#include <carina/model.h>

/* Gives customs the layers of the options, whose texts are kept; to be freed, on failure too. */
CarinaStatus ca_layers_create(CaCustoms *customs, const CarinaReadOptions *options,
                              CarinaError *err);
void ca_layers_free(CaCustoms *customs);

#endif
