/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow's text files (.pbtxt), turned into the binary form that everything else reads.
 */
#ifndef CA_FORMATS_TF_TEXT_H
#define CA_FORMATS_TF_TEXT_H

#include "formats/tensorflow/tf.h"

/* Is the file text rather than binary? */
bool ca_tf_is_text(const CaBuffer *file);
/* Does its first field, after blanks and comments, have that name? */
bool ca_tf_text_begins(const CaBuffer *file, const char *field);
CarinaStatus ca_tf_text_read(CaBuffer **out, const char *path, const CaBuffer *file,
                             CaTfRoot root, CarinaError *err);

#endif
