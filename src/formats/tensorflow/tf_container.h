/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions and conditions: what stands between a graph as a file holds it and one that can be translated.
 */
#ifndef CA_FORMATS_TF_CONTAINER_H
#define CA_FORMATS_TF_CONTAINER_H

#include "formats/reader.h"
#include "formats/tensorflow/tf.h"

/* --- tf_meta.c */
/* A SavedModel (its folder or file), a meta graph, or a checkpoint. */
bool ca_tf_is_container(const CaSource *s);
CarinaStatus ca_tf_read_container(CaGraph **out, CaSource *s);

/* --- tf_functions.c */
/* Every call that the outputs (all nodes where none are known yet) lead to becomes its function's body; the call's
 * node stays, as an IdentityN of the results. */
CarinaStatus ca_tf_inline(CaTf *r);
/* The same of one call and what is called in its body. */
CarinaStatus ca_tf_inline_call(CaTf *r, CaTfNode *call);

/* --- tf_conditions.c */
/* Does the edge carry a boolean that is known before anything runs, from the file or CaTf.options->freeze? */
bool ca_tf_known_condition(CaTf *r, const CaTfEdge *edge, bool *value);

/* --- tf_branches.c */
/* What only branches that are not taken compute is read by nothing any more. */
CarinaStatus ca_tf_prune(CaTf *r);

/* --- tf_training.c */
/* In a graph that assigns variables, or has a loss, the ends of the network itself become outputs; in others nothing
 * happens. */
CarinaStatus ca_tf_guess_trained(CaTf *r);
/* Is it one of the nodes that a condition is made of, on which constants of its branches depend? */
bool ca_tf_is_pivot(const CaTfNode *n);

#endif
