/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that are unrolled, and the lists of tensors that they fill.
 */
#ifndef CA_FORMATS_TF_LOOPS_H
#define CA_FORMATS_TF_LOOPS_H

#include "formats/tensorflow/tf.h"

/* tf_functions.c: the body of a function as new nodes that read args, and the edges that are its results. */
CarinaStatus ca_tf_instantiate(CaTfEdge **results, int32_t *n_results, CaTf *r,
                               const char *function, const CaTfEdge *args, int32_t n_args,
                               const CaTfNode *call);
/* tf_translate.c: the edge's node and what it needs, all of which are nodes from first on or have values. */
CarinaStatus ca_tf_translate_edge(CaTf *r, const CaTfEdge *edge, int32_t first);
/* tf_frames.c: loops that are made of Enter and Exit, once it is known which nodes are needed. */
CarinaStatus ca_tf_find_frames(CaTf *r);

#endif
