/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of packed filters. They lie one behind the other in the order of their use, so that they share large
 * pages: mostly in one block as large as all constants and half of them again (Winograd's filters), of which only
 * what is written costs memory. The same program asks for the same pieces in the same order: that is why the
 * cache's file is nothing but them.
 */
#include "base/file.h"
#include "base/text.h"
#include "cpu_program.h"

#include <string.h>

struct CaCpuPacked {
    struct CaCpuPacked *next;
    unsigned char *data;
    size_t used, room;
};

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

static size_t constants_size(const CarinaGraph *g)
{
    size_t size = (size_t)1 << 20;
    for (const CarinaNode *n = g->first; n; n = n->next)
        if (ca_cpu_is(n, "Const") && ca_cpu_is_float(n->outputs[0].type))
            size += (size_t)ca_cpu_count(&n->outputs[0].shape) * sizeof(float);
    return size;
}

static struct CaCpuPacked *add_block(CaCpuBuild *b, size_t room)
{
    struct CaCpuPacked *block = ca_arena_alloc(b->p->arena, sizeof *block);
    if (block)
        block->data = ca_alloc_pages(room);
    if (!block || !block->data)
        return NULL;
    block->room = room;
    block->next = b->p->packed;
    b->p->packed = block;
    return block;
}

CarinaStatus ca_cpu_packed(CaCpuBuild *b, unsigned char **out, bool *is_there,
                           size_t size)
{
    struct CaCpuPacked *block = b->p->packed;
    const size_t least = block ? (size_t)16 << 20 : constants_size(b->graph) / 2 * 3;
    size = (size + 63) & ~(size_t)63;
    *is_there = b->has_packed && block && block->room - block->used >= size;
    if (b->has_packed && !*is_there)
        return ca_err(b->err, CARINA_ERR_FORMAT,
                      "the program cache holds another program; empty its folder");
    if (!block || block->room - block->used < size)
        block = add_block(b, size > least ? size : least);
    if (!block)
        return no_memory(b);
    *out = block->data + block->used;
    block->used += size;
    return CARINA_OK;
}

void ca_cpu_free_packed(CarinaProgram *p)
{
    for (struct CaCpuPacked *block = p->packed; block; block = block->next)
        ca_free(block->data);
}

/* --- The cache's file: a header, then the pieces. */

typedef struct Header {
    char magic[16];
    uint64_t size;    /* of all pieces */
    uint64_t choices; /* that they are packed for */
    uint64_t check;   /* of all above */
} Header;

static Header header_of(const CaCpuBuild *b, size_t size)
{
    Header h = {.magic = "carina packed 3", .size = size, .choices = b->choices};
    h.check = ca_hash(&h, offsetof(Header, check), 0);
    return h;
}

typedef struct Load {
    const char *path;
    unsigned char *to;
    size_t size;
    bool failed[256];
} Load;

static void load_share(void *arg, int thread, int n_threads)
{
    Load *l = arg;
    const size_t page = (size_t)2 << 20, n = (l->size + page - 1) / page;
    const size_t begin = n * (size_t)thread / (size_t)n_threads * page,
                 stop = n * (size_t)(thread + 1) / (size_t)n_threads * page,
                 end = stop < l->size ? stop : l->size;
    l->failed[thread & 255] =
        begin < end && ca_file_read(l->to + begin, l->path, sizeof(Header) + begin,
                                    end - begin, NULL) != CARINA_OK;
}

void ca_cpu_load_packed(CaCpuBuild *b, const char *path)
{
    Header h;
    Load l = {.path = path};
    if (!*path || ca_file_read(&h, path, 0, sizeof h, NULL) != CARINA_OK)
        return;
    const Header want = header_of(b, (size_t)h.size);
    if (memcmp(&h, &want, sizeof h) != 0 || h.size > constants_size(b->graph) * 8)
        return;
    struct CaCpuPacked *block = add_block(b, (size_t)h.size);
    if (!block)
        return;
    l.to = block->data;
    l.size = (size_t)h.size;
    b->host->parallel_for(b->host->ctx, load_share, &l);
    bool failed = false;
    for (size_t i = 0; i < sizeof l.failed; i++)
        failed = failed || l.failed[i];
    if (failed) {
        b->p->packed = NULL;
        ca_free(block->data);
    } else {
        b->has_packed = true;
    }
}

static CarinaStatus write_blocks(CaWriter *w, const struct CaCpuPacked *block,
                                 CarinaError *err)
{
    if (!block)
        return CARINA_OK;
    CA_TRY(write_blocks(w, block->next, err)); /* the newest comes first in the list */
    return ca_writer_write(w, block->data, block->used, err);
}

void ca_cpu_save_packed(const CaCpuBuild *b, const char *path)
{
    CaWriter *w = NULL;
    size_t size = 0;
    if (!*path || b->has_packed)
        return;
    for (const struct CaCpuPacked *block = b->p->packed; block; block = block->next)
        size += block->used;
    const Header h = header_of(b, size);
    if (ca_writer_open(&w, path, NULL) != CARINA_OK)
        return;
    if (ca_writer_write(w, &h, sizeof h, NULL) == CARINA_OK &&
        write_blocks(w, b->p->packed, NULL) == CARINA_OK)
        (void)ca_writer_commit(&w, NULL);
    else
        ca_writer_abandon(&w);
}
