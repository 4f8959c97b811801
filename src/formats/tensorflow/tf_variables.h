/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of a graph and their values in a checkpoint.
 */
#ifndef CA_FORMATS_TF_VARIABLES_H
#define CA_FORMATS_TF_VARIABLES_H

#include "formats/reader.h"
#include "formats/tensorflow/tf_bundle.h"
#include "formats/tensorflow/tf_container.h"

typedef struct CaTfVariables CaTfVariables;

/* PREFIX of what a user names: PREFIX itself, PREFIX.index, PREFIX.meta, a data file of it, a folder with a file
 * `checkpoint` or with one checkpoint, a SavedModel's folder. *out may be NULL where memory is out. */
CarinaStatus ca_tf_checkpoint_prefix(const char **out, CaArena *arena, const char *path,
                                     CarinaError *err);

/* Opens the checkpoint; r takes its variables' values from it until *out is freed. prefix is lent. */
CarinaStatus ca_tf_variables_open(CaTfVariables **out, CaTf *r, const char *prefix);
/* Finds which key is whose in the nodes of r that restore, before anything else is inlined. restore: the operator
 * that restores everything (SaverDef.restore_op_name); may be NULL. */
CarinaStatus ca_tf_variables_bind(CaTfVariables *v, const char *restore);
void ca_tf_variables_free(CaTfVariables **v);

/* For the reader of graphs: both with the checkpoint that options->weights names (*out NULL where there is none), and
 * the ends of the network in a training graph. */
CarinaStatus ca_tf_variables_given(CaTfVariables **out, CaTf *r);

#endif
