/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: checked sizes, arenas that die as one, and shared buffers.
 */
#ifndef CA_BASE_MEMORY_H
#define CA_BASE_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* *out = a * b or a + b; false where that overflows. */
bool ca_mul_size(size_t *out, size_t a, size_t b);
bool ca_add_size(size_t *out, size_t a, size_t b);

/* Zeroed, 64-byte aligned; NULL where there is none. size 0 gives a valid pointer. */
void *ca_alloc(size_t size);
/* The same in large pages (base/pages.h), for what is read again and again. */
void *ca_alloc_huge(size_t size);
void ca_free(void *p);
/* n elements of size bytes, grown from p (which holds n_old): contents kept, the rest zero. Frees p and
 * returns NULL where there is no memory. */
void *ca_grow(void *p, size_t n_old, size_t n, size_t size);

/* --- Arena: everything of one graph. */
typedef struct CaArena CaArena;
/* limit: bytes it may hold in all; 0: no limit. */
CaArena *ca_arena_create(size_t limit);
/* In memory of the caller's (16-byte aligned), which it never leaves: takes nothing from the heap. NULL: too small. The
 * CA_ARENA_OWN first bytes are the arena's own. */
CaArena *ca_arena_create_in(void *memory, size_t size);
enum { CA_ARENA_OWN = 96 };
void ca_arena_free(CaArena **arena);
/* Zeroed, 16-byte aligned; NULL past the limit or out of memory. */
void *ca_arena_alloc(CaArena *arena, size_t size);
/* n * size, checked. */
void *ca_arena_array(CaArena *arena, size_t n, size_t size);
char *ca_arena_copy(CaArena *arena, const char *text);
char *ca_arena_copy_n(CaArena *arena, const char *text, size_t n);
char *ca_arena_printf(CaArena *arena, const char *format, ...) CA_PRINTF(2, 3);
size_t ca_arena_used(const CaArena *arena);

/* --- Buffer: shared data, counted. */
typedef struct CaBuffer {
    void *data;
    size_t size;
    int refs;                /* atomic */
    struct CaBuffer *parent; /* slice: what it is cut from */
    void (*release)(struct CaBuffer *);
    void *map;
    size_t map_size;
    uint64_t identity; /* mapped: of the file as it was; 0: none */
} CaBuffer;
CaBuffer *ca_buffer_create(size_t size);
/* Not zeroed, and in large pages where it is large: for what is written whole. */
CaBuffer *ca_buffer_create_unset(size_t size);
/* The bytes [offset, offset + size) of parent, which is kept alive. The caller has checked the range. */
CaBuffer *ca_buffer_slice(CaBuffer *parent, size_t offset, size_t size);
CaBuffer *ca_buffer_ref(CaBuffer *b);
/* Is b the only handle on its bytes, and are they memory of their own? Then they may be written over. */
bool ca_buffer_is_own(const CaBuffer *b);
/* Sets *b to NULL. */
void ca_buffer_unref(CaBuffer **b);
/* These bytes of b will hardly be read again: where they are mapped from a file, their pages are given back (and
 * come from the file if they are read after all), and with many bytes all pages of b. b may be NULL. */
void ca_buffer_drop(const CaBuffer *b, const void *data, size_t size);
/* b is read no more: where it is its bytes' only handle (ca_buffer_is_own), their pages go back to the system, and what
 * they hold is undefined from now on. false, and nothing happens, where others may read them. b may be NULL. */
bool ca_buffer_discard(CaBuffer *b);
/* A hash of what these bytes of b are: of the file, the place and the size where they are mapped, else of the bytes
 * themselves. b may be NULL. */
uint64_t ca_buffer_hash(const CaBuffer *b, const void *data, size_t size, uint64_t seed);

#endif
