/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed weights: where they lie, and who shares them.
 *
 * A piece is what one layer packs. Its key says of what it was made (ca_cpu_source) and how (the kernels' keys); every
 * program of the device that asks for a piece of the same key and size reads the same bytes.
 */
#ifndef CA_CPU_PACKED_H
#define CA_CPU_PACKED_H

#include "cpu_program.h"

#include <stdint.h>

/* What t's bytes are, on top of h, the key so far. */
uint64_t ca_cpu_source(const CarinaTensor *t, uint64_t h);
/* The same of n floats, which may be NULL. */
uint64_t ca_cpu_source_floats(const float *x, int64_t n, uint64_t h);

/* size bytes, aligned to 64, which live as long as the program. *is_there: they are packed already, by this program, by
 * another one or by the program cache; else the caller packs them before it asks again. */
CarinaStatus ca_cpu_packed(CaCpuBuild *b, unsigned char **out, bool *is_there,
                           size_t size, uint64_t key);

/* Calls fn on shares of the items [0, n_items) on all threads. A large source is taken in rounds, after each of which
 * the pages that were read of its file are given back; after the last it is read no more: where nobody else can read
 * it, its memory goes too. */
typedef void CaCpuPackFn(const void *job, int64_t begin, int64_t end);
void ca_cpu_pack(CaCpuBuild *b, CaCpuPackFn *fn, const void *job, int64_t n_items,
                 const CarinaValue *source);

/* Before and after all layers are lowered. path: the program cache's file, which may be there; empty: none. A cache
 * cannot make compiling fail but where it was written for another program. */
void ca_cpu_packed_begin(CaCpuBuild *b, const char *path);
void ca_cpu_packed_end(CaCpuBuild *b, CarinaStatus status);
void ca_cpu_free_packed(CarinaProgram *p);

/* Where large pages were dear when packing (base/pages.h): after a run of so many ns, some of them are made. */
bool ca_cpu_has_small_pages(const CarinaProgram *p);
void ca_cpu_widen_pages(const CarinaProgram *p, int64_t run_ns);

/* The device's: all blocks that programs read. */
struct CaCpuPool *ca_cpu_pool_create(void); /* NULL: out of memory */
void ca_cpu_pool_free(struct CaCpuPool **pool);

#endif
