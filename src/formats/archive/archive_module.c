/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina_archive.so: the table of zip_file.c.
 */
#include "formats/archive/archive_module.h"

#include "base/compiler.h"

static const CaArchiveModule module = {
    .version = CARINA_VERSION,
    .zip_member = ca_zip_member,
    .zip_has_member = ca_zip_has_member,
    .zip_count = ca_zip_count,
};

CA_EXPORT CaArchiveEntry carina_archive_entry;
const CaArchiveModule *carina_archive_entry(void) { return &module; }
