/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet's .params files: where each named array lies.
 */
#ifndef CA_FORMATS_MXNET_PARAMS_H
#define CA_FORMATS_MXNET_PARAMS_H

#include "base/memory.h"
#include <carina/tensor.h>

typedef struct CaMxnetArray {
    const char *name; /* without "arg:" or "aux:" */
    bool is_aux;
    CarinaType type; /* CARINA_UNKNOWN: an array that holds nothing */
    CarinaShape shape;
    CaBuffer *file; /* lent */
    size_t offset, size;
} CaMxnetArray;

typedef struct CaMxnetParams {
    const char *path;
    CaMxnetArray *v;
    size_t n;
} CaMxnetParams;

bool ca_mxnet_is_params(const CaBuffer *file);
/* The whole list, checked against the file's size. Names and table live in the arena. */
CarinaStatus ca_mxnet_params(CaMxnetParams *out, CaArena *arena, const char *path,
                             CaBuffer *file, CarinaError *err);
CarinaStatus ca_mxnet_tensor(CarinaTensor **out, const CaMxnetArray *a, CarinaError *err);
CarinaType ca_mxnet_type(int64_t flag); /* MXNet's number of an element type */

#endif
