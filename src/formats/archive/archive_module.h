/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libzip brings some ten other libraries, which cost every start of a program milliseconds. So what uses it is a
 * shared object of its own, carina_archive.so in the plugins' folder, loaded when a file needs it. This is its
 * table; zip_file.h says what the functions do.
 */
#ifndef CA_FORMATS_ARCHIVE_MODULE_H
#define CA_FORMATS_ARCHIVE_MODULE_H

#include "formats/archive/zip_file.h"

typedef struct CaArchiveModule {
    const char *version; /* of Carina: both must be of one build */
    CarinaStatus (*zip_member)(CaBuffer **, const char *, CaBuffer *, const char *,
                               size_t, CarinaError *);
    bool (*zip_has_member)(CaBuffer *, const char *);
    int64_t (*zip_count)(CaBuffer *, bool (*)(const char *), int64_t *);
} CaArchiveModule;

/* The one symbol that the module exports. */
typedef const CaArchiveModule *CaArchiveEntry(void);

#endif
