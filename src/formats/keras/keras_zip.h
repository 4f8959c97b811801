/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a .keras file, which is a zip archive.
 */
#ifndef CA_FORMATS_KERAS_ZIP_H
#define CA_FORMATS_KERAS_ZIP_H

#include "base/memory.h"

/* The member as bytes: a slice of the archive where it was stored without compression. *out NULL where there is none of that
 * name. limit: bytes that it may have. */
CarinaStatus ca_keras_member(CaBuffer **out, const char *path, CaBuffer *archive,
                             const char *member, size_t limit, CarinaError *err);
/* Does the archive have the member? False too where it is no archive. */
bool ca_keras_has_member(CaBuffer *archive, const char *member);

#endif
