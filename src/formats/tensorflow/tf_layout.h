/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts: our spatial operators have channels first, TensorFlow's mostly last.
 */
#ifndef CA_FORMATS_TF_LAYOUT_H
#define CA_FORMATS_TF_LAYOUT_H

#include "formats/tensorflow/tf.h"

/* By the attribute data_format; fails where it is neither. */
bool ca_tf_channels_last(CaTfCall *c);
/* x of n spatial dimensions as [N, C, ...], and back as the call's data_format has it. */
CaValue *ca_tf_first(CaTfCall *c, CaValue *x, int n);
CaValue *ca_tf_back(CaTfCall *c, CaValue *v, int n);
/* The spatial entries of a list over all n + 2 dimensions, in the order of data_format; absent: ones. Other entries
 * must be 1. */
void ca_tf_spatial(CaTfCall *c, int64_t *out, const char *attr, int n);
/* The same of a list at hand. */
void ca_tf_spatial_of(CaTfCall *c, int64_t *out, const char *what, const int64_t *list,
                      int count, int n);

/* Where the channels are for n spatial dimensions. */
int ca_tf_channel_axis(CaTfCall *c, int rank);

/* Known elements of a shape input, -1 where one is not: a Pack of numbers may know some of them. -1: not even how many. */
int ca_tf_some_ints(CaTfCall *c, int input, int64_t *out, int max);

#endif
