/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked sizes, aligned blocks, arenas and counted buffers.
 */
#include "base/memory.h"

#include "base/file.h"
#include "base/pages.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ca_mul_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool ca_add_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_add_overflow(a, b, out);
}

static void *aligned(size_t alignment, size_t size)
{
    size_t room = 0;
    if (!ca_add_size(&room, size, alignment - 1))
        return NULL;
    room &= ~(alignment - 1);
    return aligned_alloc(alignment, room ? room : alignment);
}

void *ca_alloc(size_t size)
{
    /* Large blocks come zeroed from the system: calloc would not align them. */
    void *p = aligned(CA_CACHE_LINE, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *ca_alloc_huge(size_t size)
{
    CaPages p = ca_pages_alloc(size);
    if (p.data) {
        ca_pages_ask(&p, size);
        memset(p.data, 0, size);
    }
    return p.data;
}

void ca_free(void *p) { free(p); }

void *ca_grow(void *p, size_t n_old, size_t n, size_t size)
{
    size_t bytes = 0;
    void *q = ca_mul_size(&bytes, n, size) ? ca_alloc(bytes) : NULL;
    if (q && p)
        memcpy(q, p, (n_old < n ? n_old : n) * size);
    ca_free(p);
    return q;
}

/* --- Arena: a list of blocks, filled from the front. */

typedef struct Block {
    struct Block *next;
    size_t used, room;
    _Alignas(16) unsigned char data[];
} Block;

struct CaArena {
    Block *blocks;
    size_t total, limit;
    bool is_lent; /* lies in its one block's memory, which is the caller's */
};
_Static_assert((sizeof(CaArena) + 15) / 16 * 16 + sizeof(Block) <= CA_ARENA_OWN,
               "what an arena takes for itself");

CaArena *ca_arena_create(size_t limit)
{
    CaArena *a = ca_alloc(sizeof *a);
    if (a)
        a->limit = limit;
    return a;
}

CaArena *ca_arena_create_in(void *memory, size_t size)
{
    if (!memory || size < CA_ARENA_OWN)
        return NULL;
    CaArena *a = memory;
    Block *b = (Block *)(void *)((unsigned char *)memory + (sizeof *a + 15) / 16 * 16);
    *b = (Block){.room = size - CA_ARENA_OWN};
    *a = (CaArena){.blocks = b, .is_lent = true};
    return a;
}

void ca_arena_free(CaArena **arena)
{
    if (!arena || !*arena)
        return;
    for (Block *b = (*arena)->is_lent ? NULL : (*arena)->blocks; b;) {
        Block *next = b->next;
        ca_free(b);
        b = next;
    }
    if (!(*arena)->is_lent)
        ca_free(*arena);
    *arena = NULL;
}

void *ca_arena_alloc(CaArena *a, size_t size)
{
    size_t rounded = 0;
    if (!ca_add_size(&rounded, size, 15))
        return NULL;
    rounded &= ~(size_t)15;
    if (a->limit && (rounded > a->limit || a->total > a->limit - rounded))
        return NULL;
    Block *b = a->blocks;
    if (!b || b->room - b->used < rounded) {
        if (a->is_lent)
            return NULL;
        const size_t least = (size_t)16 << 10, room = rounded > least ? rounded : least;
        size_t bytes = 0;
        if (!ca_add_size(&bytes, sizeof *b, room) || !(b = ca_alloc(bytes)))
            return NULL;
        b->room = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    if (a->is_lent)
        memset(p, 0, rounded);
    b->used += rounded;
    a->total += rounded;
    return p;
}

void *ca_arena_array(CaArena *a, size_t n, size_t size)
{
    size_t bytes = 0;
    return ca_mul_size(&bytes, n, size) ? ca_arena_alloc(a, bytes) : NULL;
}

char *ca_arena_copy_n(CaArena *a, const char *text, size_t n)
{
    size_t room = 0;
    char *p = ca_add_size(&room, n, 1) ? ca_arena_alloc(a, room) : NULL;
    if (p && n)
        memcpy(p, text, n);
    return p;
}

char *ca_arena_copy(CaArena *a, const char *text)
{
    return ca_arena_copy_n(a, text, strlen(text));
}

char *ca_arena_printf(CaArena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    char *p = n < 0 ? NULL : ca_arena_alloc(a, (size_t)n + 1);
    if (p)
        (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return p;
}

size_t ca_arena_used(const CaArena *a) { return a->total; }

/* --- Buffer. */

static CaBuffer *create_of(void *data, size_t size)
{
    CaBuffer *b = data ? ca_alloc(sizeof *b) : NULL;
    if (!b) {
        ca_free(data);
        return NULL;
    }
    b->data = data;
    b->size = size;
    b->refs = 1;
    return b;
}

CaBuffer *ca_buffer_create(size_t size) { return create_of(ca_alloc(size), size); }

CaBuffer *ca_buffer_create_unset(size_t size)
{
    CaPages p = ca_pages_alloc(size);
    if (p.data)
        ca_pages_ask(&p, size);
    return create_of(p.data, size);
}

CaBuffer *ca_buffer_slice(CaBuffer *parent, size_t offset, size_t size)
{
    CaBuffer *b = ca_alloc(sizeof *b);
    if (!b)
        return NULL;
    b->data = (unsigned char *)parent->data + offset;
    b->size = size;
    b->refs = 1;
    b->parent = ca_buffer_ref(parent);
    return b;
}

CaBuffer *ca_buffer_ref(CaBuffer *b)
{
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}

bool ca_buffer_is_own(const CaBuffer *b)
{
    return __atomic_load_n(&b->refs, __ATOMIC_ACQUIRE) == 1 && !b->parent && !b->map;
}

void ca_buffer_unref(CaBuffer **pb)
{
    if (!pb || !*pb)
        return;
    CaBuffer *b = *pb;
    *pb = NULL;
    if (__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (b->release)
        b->release(b);
    else if (b->parent)
        ca_buffer_unref(&b->parent);
    else
        ca_free(b->data);
    ca_free(b);
}

/* A touched page brings its neighbours in: 64 KiB of them, or 2 MiB where the system holds the file in large pages.
 * After a large constant all that was brought in goes, which costs a fault or two for each that is still needed. */
void ca_buffer_drop(const CaBuffer *b, const void *data, size_t size)
{
    const size_t large = (size_t)64 << 10;
    while (b && b->parent)
        b = b->parent;
    if (b && b->map)
        ca_file_drop(size < large ? data : b->map, size < large ? size : b->map_size);
}

bool ca_buffer_discard(CaBuffer *b)
{
    if (!b || !ca_buffer_is_own(b))
        return false;
    ca_file_drop(b->data, b->size); /* whole pages only, so never a neighbour's bytes */
    return true;
}

uint64_t ca_buffer_hash(const CaBuffer *b, const void *data, size_t size, uint64_t seed)
{
    while (b && b->parent)
        b = b->parent;
    if (!b || !b->identity)
        return ca_hash_data(data, size, seed);
    const uint64_t at[] = {b->identity,
                           (uint64_t)((const char *)data - (const char *)b->data), size};
    return ca_hash(at, sizeof at, seed);
}
