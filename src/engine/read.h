/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All readers behind one door: which format a file is in is told by its content.
 */
#ifndef CA_ENGINE_READ_H
#define CA_ENGINE_READ_H

#include "graph/graph.h"

/* Reads path (weights: the second file, NULL: found by name) into a sorted and inferred graph, and writes what it
 * was ("ONNX opset 13") to format. */
CarinaStatus ca_read_file(CaGraph **out, char *format, size_t room, const char *path,
                          const char *weights, CarinaError *err);

#endif
