/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caffe's pair of files, the network as text and its weights, to a graph.
 */
#ifndef CA_FORMATS_CAFFE_CAFFE_H
#define CA_FORMATS_CAFFE_CAFFE_H

#include "graph/graph.h"

/* The paths are for messages. Both buffers are lent; constants keep slices of model. */
CarinaStatus ca_caffe_read(CaGraph **out, const char *prototxt_path, CaBuffer *prototxt,
                           const char *model_path, CaBuffer *model, CarinaError *err);

#endif
