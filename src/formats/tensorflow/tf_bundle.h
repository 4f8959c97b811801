/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TensorBundle: the variables of a checkpoint, PREFIX.index with PREFIX.data-NNNNN-of-NNNNN.
 */
#ifndef CA_FORMATS_TF_BUNDLE_H
#define CA_FORMATS_TF_BUNDLE_H

#include "graph/shape.h"

typedef struct CaTfBundle CaTfBundle;

/* PREFIX.index is there. */
bool ca_tf_bundle_exists(const char *prefix);
CarinaStatus ca_tf_bundle_open(CaTfBundle **out, const char *prefix, CarinaError *err);
/* The same of files that are in memory already: index and n_shards shards are counted; shards that are NULL are
 * mapped by their names when first read. */
CarinaStatus ca_tf_bundle_make(CaTfBundle **out, const char *prefix, CaBuffer *index,
                               CaBuffer *const *shards, int n_shards, CarinaError *err);
void ca_tf_bundle_free(CaTfBundle **bundle);

/* Key i in ascending order, without the parts of partitioned variables; NULL past the last. */
const char *ca_tf_bundle_key(const CaTfBundle *b, size_t i);
bool ca_tf_bundle_has(const CaTfBundle *b, const char *key);
/* The whole variable's shape, without reading its data; false where there is none. */
bool ca_tf_bundle_shape(CarinaShape *out, const CaTfBundle *b, const char *key);
/* The key nearest to one that is not there; NULL if none is near. */
const char *ca_tf_bundle_nearest(const CaTfBundle *b, const char *key);

/* The whole tensor, its checksum verified: a slice of the mapped shard where it may be one, put together of its
 * parts where it was partitioned. */
CarinaStatus ca_tf_bundle_tensor(CarinaTensor **out, CaTfBundle *b, const char *key,
                                 CarinaError *err);
/* The part of it that a saver's shape_and_slice names: "6 5 0,2:-" (full shape, then start,length or - for each
 * axis); "" is the whole. */
CarinaStatus ca_tf_bundle_part(CarinaTensor **out, CaTfBundle *b, const char *key,
                               const char *part, CarinaError *err);
/* The bytes of a string scalar, in the mapped shard. */
CarinaStatus ca_tf_bundle_text(CaBuffer **out, CaTfBundle *b, const char *key,
                               CarinaError *err);

#endif
