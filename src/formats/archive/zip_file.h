/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of zip archives, read from memory; what stands before the archive (a TFLite model) does no harm.
 */
#ifndef CA_FORMATS_ZIP_FILE_H
#define CA_FORMATS_ZIP_FILE_H

#include "base/memory.h"

/* The member as bytes: a slice of the archive where it was stored without compression. *out NULL where there is none of that
 * name. limit: bytes that it may have. */
CarinaStatus ca_zip_member(CaBuffer **out, const char *path, CaBuffer *archive,
                           const char *member, size_t limit, CarinaError *err);
/* Does the archive have the member? False too where it is no archive. */
bool ca_zip_has_member(CaBuffer *archive, const char *member);
/* How many of the archive's *n names pass the test. */
int64_t ca_zip_count(CaBuffer *archive, bool (*test)(const char *name), int64_t *n);

#endif
