/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow Lite files to a graph: float, half, dynamic-range and fully quantised models.
 */
#ifndef CA_FORMATS_TFLITE_TFLITE_H
#define CA_FORMATS_TFLITE_TFLITE_H

#include "formats/reader.h"

extern const CaReader ca_reader_tflite;

#endif
