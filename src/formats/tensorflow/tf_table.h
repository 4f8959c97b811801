/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of LevelDB's file format, read whole: what a TensorBundle's .index is.
 */
#ifndef CA_FORMATS_TF_TABLE_H
#define CA_FORMATS_TF_TABLE_H

#include "base/memory.h"

typedef struct CaTfRow {
    const char *key; /* ends with a 0; may hold zeros too */
    size_t key_size;
    size_t value, value_size; /* the value's place in the file */
} CaTfRow;

typedef struct CaTfTable {
    CaTfRow *rows; /* keys ascend */
    size_t n;
} CaTfTable;

/* Does the file end as a table does? */
bool ca_tf_is_table(const CaBuffer *file);
/* Rows and keys go to the arena. Every block's checksum is verified. */
CarinaStatus ca_tf_table_read(CaTfTable *out, CaArena *arena, const char *path,
                              const CaBuffer *file, CarinaError *err);
/* NULL if none. */
const CaTfRow *ca_tf_table_find(const CaTfTable *t, const char *key, size_t key_size);

#endif
