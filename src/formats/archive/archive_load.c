/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's side of carina_archive.so: found beside the library like the plugins, and never unloaded.
 */
#include "formats/archive/archive_module.h"

#include <carina/base.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* In carina-<abi> beside this library; in lib/ there where it is part of a program in the build folder. */
static void *open_module(char *path, size_t room)
{
    static const char *const folders[] = {"", "lib/"};
    Dl_info info;
    void *library = NULL;
    *path = 0;
    if (!dladdr((const void *)(uintptr_t)&carina_version, &info) || !info.dli_fname)
        return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    const int n = slash ? (int)(slash - info.dli_fname) + 1 : 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !library; i++) {
        (void)snprintf(path, room, "%.*s%scarina-%d/carina_archive.so", n, info.dli_fname,
                       folders[i], CARINA_ABI);
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    }
    return library;
}

/* NULL where it is not there: then files that need it are answered with where it was looked for. */
static const CaArchiveModule *module(CarinaError *err)
{
    char path[4096];
    void *library = open_module(path, sizeof path);
    CaArchiveEntry *entry = NULL;
    if (library)
        *(void **)&entry = dlsym(library, "carina_archive_entry");
    const CaArchiveModule *m = entry ? entry() : NULL;
    if (library)
        dlclose(library);
    if (m && strcmp(m->version, carina_version()) == 0)
        return m;
    ca_err(err, CARINA_ERR_NOT_FOUND,
           "%.180s: %s; it reads zip archives, install it with the library", path,
           m ? "is of another version" : "cannot be loaded");
    return NULL;
}

CarinaStatus ca_zip_member(CaBuffer **out, const char *path, CaBuffer *archive,
                           const char *member, size_t limit, CarinaError *err)
{
    const CaArchiveModule *m = module(err);
    *out = NULL;
    return m ? m->zip_member(out, path, archive, member, limit, err)
             : CARINA_ERR_NOT_FOUND;
}

bool ca_zip_has_member(CaBuffer *archive, const char *member)
{
    const CaArchiveModule *m = module(NULL);
    return m && m->zip_has_member(archive, member);
}

int64_t ca_zip_count(CaBuffer *archive, bool (*test)(const char *name), int64_t *n)
{
    const CaArchiveModule *m = module(NULL);
    *n = 0;
    return m ? m->zip_count(archive, test, n) : 0;
}
