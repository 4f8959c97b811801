/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet's pair of files, -symbol.json and .params, to a graph.
 */
#ifndef CA_FORMATS_MXNET_MXNET_H
#define CA_FORMATS_MXNET_MXNET_H

#include "graph/custom.h"
#include <carina/model.h>

typedef struct CaMxnetFile {
    const char *path;
    CaBuffer *data;
} CaMxnetFile;

/* The symbol, and lists of arrays of which a later one counts more; all lent, constants keep slices of them.
 * customs may be NULL. *version: as the symbol says, 10901 for MXNet 1.9.1; 0 where it does not. */
CarinaStatus ca_mxnet_read(CaGraph **out, const CaMxnetFile *symbol,
                           const CaMxnetFile *params, int n_params,
                           const CarinaReadOptions *options, const CaCustoms *customs,
                           int64_t *version, CarinaError *err);

#endif
