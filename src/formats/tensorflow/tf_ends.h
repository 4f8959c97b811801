/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a TensorFlow graph begins and ends.
 */
#ifndef CA_FORMATS_TF_ENDS_H
#define CA_FORMATS_TF_ENDS_H

#include "formats/tensorflow/tf.h"

/* Inputs become Parameters, frozen ones constants; outputs are known; needed nodes are marked. */
CarinaStatus ca_tf_settle_ends(CaTf *r);
/* tf_dilated.c */
CarinaStatus ca_tf_join_dilations(CaTf *r);

#endif
