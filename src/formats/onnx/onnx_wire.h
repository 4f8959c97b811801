/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of an ONNX file: its bytes without what is not read and without raw_data.
 */
#ifndef CA_FORMATS_ONNX_WIRE_H
#define CA_FORMATS_ONNX_WIRE_H

#include "base/text.h"

/* Copies the fields that onnx.proto names to `out` and puts fields 100 (offset in the file) and 101 (bytes) in
 * place of raw_data. Every length is checked against its message; depth is bounded by the format's own nesting. */
CarinaStatus ca_onnx_skeleton(CaText *out, const char *path, const CaBuffer *file,
                              CarinaError *err);

#endif
