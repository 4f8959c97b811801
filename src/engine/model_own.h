/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model: a graph and where it came from.
 */
#ifndef CA_ENGINE_MODEL_OWN_H
#define CA_ENGINE_MODEL_OWN_H

#include "graph/graph.h"
#include <carina/model.h>

struct CarinaModel {
    CarinaContext *ctx;
    CaGraph *graph;
    char format[64];
};

#endif
