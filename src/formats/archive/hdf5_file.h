/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HDF5 as far as Keras writes it: groups, attributes of text, datasets of numbers.
 *
 * A reader of our own over the mapped file: every address, size and count is held against the file's bytes, nothing
 * outside of the file is opened, and weights are slices of the map. libhdf5 trusts its input, and falls over files made to
 * hurt. Only hard links are followed, and only deflate, shuffle and checksums undone.
 */
#ifndef CA_FORMATS_HDF5_FILE_H
#define CA_FORMATS_HDF5_FILE_H

#include "base/memory.h"
#include <carina/tensor.h>

typedef struct CaHdf5 CaHdf5;

/* image: the whole file, lent until close; tensors keep slices of it. path: for messages. */
CarinaStatus ca_hdf5_open(CaHdf5 **out, const char *path, CaBuffer *image,
                          CarinaError *err);
void ca_hdf5_close(CaHdf5 **f);

typedef enum CaHdf5Kind { CA_HDF5_NOTHING, CA_HDF5_GROUP, CA_HDF5_DATASET } CaHdf5Kind;
/* What lies there. Links that lead out of the tree are an error. */
CarinaStatus ca_hdf5_find(CaHdf5Kind *out, CaHdf5 *f, const char *path, CarinaError *err);

/* The attribute of the group as text; *out NULL where there is none. */
CarinaStatus ca_hdf5_text(char **out, CaHdf5 *f, CaArena *arena, const char *group,
                          const char *attribute, CarinaError *err);
/* The same as a list, joined from its parts NAME0, NAME1 ... where it was too long for one; *n -1 where there is none. */
CarinaStatus ca_hdf5_texts(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                           const char *group, const char *attribute, CarinaError *err);
/* Names of all links of the group. */
CarinaStatus ca_hdf5_links(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                           const char *group, CarinaError *err);

CarinaStatus ca_hdf5_shape(CarinaShape *out, CaHdf5 *f, const char *path,
                           CarinaError *err);
/* Floating types become f32, integers i64. Where the numbers lie in the file as they are needed, the tensor is a slice. */
CarinaStatus ca_hdf5_tensor(CarinaTensor **out, CaHdf5 *f, const char *path,
                            CarinaError *err);

#endif
