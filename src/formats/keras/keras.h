/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras models, .h5 and .keras, of Keras 2, tf.keras and Keras 3, to a graph.
 */
#ifndef CA_FORMATS_KERAS_KERAS_H
#define CA_FORMATS_KERAS_KERAS_H

#include "graph/graph.h"

/* file is lent; constants keep slices of it. version: which Keras wrote it ("2.4.0"), "" where it does not say. */
CarinaStatus ca_keras_read(CaGraph **out, const char *path, CaBuffer *file,
                           char version[16], CarinaError *err);

#endif
