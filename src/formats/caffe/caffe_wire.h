/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of a caffemodel: its layers' names and blobs, without the numbers.
 */
#ifndef CA_FORMATS_CAFFE_WIRE_H
#define CA_FORMATS_CAFFE_WIRE_H

#include "base/text.h"

/* Layers of all three generations, as caffe.proto's Weights has them; fields 100 (offset in the file) and 101
 * (bytes) in place of packed floats. */
CarinaStatus ca_caffe_skeleton(CaText *out, const char *path, const CaBuffer *file,
                               CarinaError *err);

#endif
