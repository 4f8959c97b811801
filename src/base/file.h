/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: mapped for reading, written under a temporary name and then renamed.
 */
#ifndef CA_BASE_FILE_H
#define CA_BASE_FILE_H

#include "base/memory.h"

/* Maps a regular file; "-" reads standard input into memory. An empty file gives a buffer of size 0. */
CarinaStatus ca_file_map(CaBuffer **out, const char *path, CarinaError *err);
/* Device, number, size and time of change in one number, never 0; 0 where there is no such file. */
uint64_t ca_file_identity(const char *path);
/* size bytes from offset of a file into memory. */
CarinaStatus ca_file_read(void *to, const char *path, size_t offset, size_t size,
                          CarinaError *err);
/* Tell the system that the pages of these bytes are not needed any more (they can be read again). */
void ca_file_drop(const void *data, size_t size);

typedef struct CaWriter CaWriter;
/* Opens a temporary file beside path. */
CarinaStatus ca_writer_open(CaWriter **out, const char *path, CarinaError *err);
CarinaStatus ca_writer_write(CaWriter *w, const void *data, size_t size,
                             CarinaError *err);
CarinaStatus ca_writer_printf(CaWriter *w, CarinaError *err, const char *format, ...)
    CA_PRINTF(3, 4);
/* Bytes written so far. */
size_t ca_writer_size(const CaWriter *w);
/* Flushes and renames to path; on failure nothing is left. Consumes *w either way. */
CarinaStatus ca_writer_commit(CaWriter **w, CarinaError *err);
/* Throws the temporary file away. */
void ca_writer_abandon(CaWriter **w);

#endif
