/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing that none of our operators does as TensorFlow.
 */
#ifndef CA_FORMATS_TF_RESIZE_H
#define CA_FORMATS_TF_RESIZE_H

#include "formats/tensorflow/tf.h"

/* ResizeArea, and ResizeBicubic with half_pixel_centers: two products with constant matrices of weights. */
void ca_tf_resize_by_weights(CaTfCall *c);
/* tf.image.resize with lanczos, gaussian, mitchellcubic or antialias. */
void ca_tf_scale_and_translate(CaTfCall *c);

#endif
