/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libhdf5 and libzip bring some forty other libraries, which cost every start of a program 20 ms. So what uses them
 * is a shared object of its own, carina_archive.so in the plugins' folder, loaded when a file needs it. This is its
 * table; hdf5_file.h and zip_file.h say what the functions do.
 */
#ifndef CA_FORMATS_ARCHIVE_MODULE_H
#define CA_FORMATS_ARCHIVE_MODULE_H

#include "formats/archive/hdf5_file.h"
#include "formats/archive/zip_file.h"

typedef struct CaArchiveModule {
    const char *version; /* of Carina: both must be of one build */
    CarinaStatus (*hdf5_open)(CaHdf5 **, const char *, CaBuffer *, CarinaError *);
    void (*hdf5_close)(CaHdf5 **);
    CarinaStatus (*hdf5_find)(CaHdf5Kind *, CaHdf5 *, const char *, CarinaError *);
    CarinaStatus (*hdf5_text)(char **, CaHdf5 *, CaArena *, const char *, const char *,
                              CarinaError *);
    CarinaStatus (*hdf5_texts)(char ***, int *, CaHdf5 *, CaArena *, const char *,
                               const char *, CarinaError *);
    CarinaStatus (*hdf5_links)(char ***, int *, CaHdf5 *, CaArena *, const char *,
                               CarinaError *);
    CarinaStatus (*hdf5_shape)(CarinaShape *, CaHdf5 *, const char *, CarinaError *);
    CarinaStatus (*hdf5_tensor)(CarinaTensor **, CaHdf5 *, const char *, CarinaError *);
    CarinaStatus (*zip_member)(CaBuffer **, const char *, CaBuffer *, const char *,
                               size_t, CarinaError *);
    bool (*zip_has_member)(CaBuffer *, const char *);
    int64_t (*zip_count)(CaBuffer *, bool (*)(const char *), int64_t *);
} CaArchiveModule;

/* The one symbol that the module exports. */
typedef const CaArchiveModule *CaArchiveEntry(void);

#endif
