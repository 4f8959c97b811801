/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina_archive.so: the table of hdf5_file.c and zip_file.c.
 */
#include "formats/archive/archive_module.h"

#include "base/compiler.h"

static const CaArchiveModule module = {
    .version = CARINA_VERSION,
    .hdf5_open = ca_hdf5_open,
    .hdf5_close = ca_hdf5_close,
    .hdf5_find = ca_hdf5_find,
    .hdf5_text = ca_hdf5_text,
    .hdf5_texts = ca_hdf5_texts,
    .hdf5_links = ca_hdf5_links,
    .hdf5_shape = ca_hdf5_shape,
    .hdf5_tensor = ca_hdf5_tensor,
    .zip_member = ca_zip_member,
    .zip_has_member = ca_zip_has_member,
    .zip_count = ca_zip_count,
};

CA_EXPORT CaArchiveEntry carina_archive_entry;
const CaArchiveModule *carina_archive_entry(void) { return &module; }
