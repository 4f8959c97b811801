/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX files, opset 7 to 22 and the unambiguous part of older ones, to a graph.
 */
#ifndef CA_FORMATS_ONNX_ONNX_H
#define CA_FORMATS_ONNX_ONNX_H

#include "graph/graph.h"

/* path: for messages and for external data beside it. file is lent; constants keep slices of it.
 * *opset: the version of the default operator set that the file imports. */
CarinaStatus ca_onnx_read(CaGraph **out, const char *path, CaBuffer *file, int *opset,
                          CarinaError *err);

#endif
