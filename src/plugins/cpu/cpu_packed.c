/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of packed weights. The pieces of a program lie one behind the other in the order of their use, so that they
 * share large pages: mostly in one block as large as all constants and half of them again (Winograd's filters), of which
 * only what is written costs memory. What another program of the device has packed already is not packed again: blocks
 * count the programs that read them, and a block stays as long as one of its pieces is read.
 *
 * The same program asks for the same pieces in the same order: that is why the cache's file is nothing but them.
 */
#include "cpu_packed.h"

#include "base/file.h"
#include "base/pages.h"
#include "base/text.h"

#include <pthread.h>
#include <string.h>

typedef struct Piece {
    uint64_t key;
    size_t at, size;
} Piece;

typedef struct CaCpuBlock {
    struct CaCpuBlock *next; /* in the pool */
    CaPages pages;
    size_t used;
    Piece *pieces;
    int n_pieces, pieces_room;
    int n_readers; /* programs; under the pool's lock */
    bool is_in_pool;
} CaCpuBlock;

struct CaCpuPool {
    pthread_mutex_t lock;
    CaCpuBlock *blocks;
    bool has_dear;  /* atomic: some are in small pages yet */
    int64_t credit; /* ns of runs that may be spent on that; under the lock */
};

/* What a program has asked for, once each. */
struct CaCpuAsked {
    uint64_t key;
    unsigned char *data;
    size_t size;
};

struct CaCpuPool *ca_cpu_pool_create(void)
{
    struct CaCpuPool *pool = ca_alloc(sizeof *pool);
    if (pool)
        pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

/* Programs are gone by now, and their blocks with them. */
void ca_cpu_pool_free(struct CaCpuPool **pool)
{
    if (!*pool)
        return;
    pthread_mutex_destroy(&(*pool)->lock);
    ca_free(*pool);
    *pool = NULL;
}

uint64_t ca_cpu_source(const CarinaTensor *t, uint64_t h)
{
    return ca_buffer_hash(t->buffer, t->data, t->size, h + (uint64_t)t->type);
}

uint64_t ca_cpu_source_floats(const float *x, int64_t n, uint64_t h)
{
    return x ? ca_hash_data(x, (size_t)n * sizeof *x, h) : h + 1;
}

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

/* --- Blocks and pieces. */

/* Room for one more of n things; false: out of memory, and all is as before. */
static bool make_room(void **p, int n, int *room, size_t size)
{
    if (n < *room)
        return true;
    const int more = *room ? 2 * *room : 16;
    void *q = ca_alloc((size_t)more * size);
    if (!q)
        return false;
    if (n)
        memcpy(q, *p, (size_t)n * size);
    ca_free(*p);
    *p = q;
    *room = more;
    return true;
}

/* The program reads the block from now on; under the pool's lock where it is in the pool. */
static bool read_block(CarinaProgram *p, CaCpuBlock *block)
{
    for (int i = 0; i < p->n_blocks; i++)
        if (p->blocks[i] == block)
            return true;
    void *blocks = p->blocks;
    const bool has_room =
        make_room(&blocks, p->n_blocks, &p->blocks_room, sizeof(CaCpuBlock *));
    p->blocks = blocks;
    if (!has_room)
        return false;
    p->blocks[p->n_blocks++] = block;
    block->n_readers++;
    return true;
}

static size_t constants_size(const CarinaGraph *g)
{
    size_t size = (size_t)1 << 20;
    for (const CarinaNode *n = g->first; n; n = n->next)
        if (ca_cpu_is(n, "Const") && ca_cpu_is_float(n->outputs[0].type))
            size += (size_t)ca_cpu_count(&n->outputs[0].shape) * sizeof(float);
    return size;
}

static void free_block(CaCpuBlock *block)
{
    ca_free(block->pages.data);
    ca_free(block->pieces);
    ca_free(block);
}

/* The program's own, with room for size bytes more; NULL: out of memory. */
static CaCpuBlock *block_for(CaCpuBuild *b, size_t size)
{
    CaCpuBlock *last = b->packing.last;
    const size_t least = last ? (size_t)16 << 20 : constants_size(b->graph) / 2 * 3,
                 room = size > least ? size : least;
    if (last && last->pages.size - last->used >= size)
        return last;
    CaCpuBlock *block = ca_alloc(sizeof *block);
    if (block)
        block->pages = ca_pages_alloc(room);
    if (!block || !block->pages.data || !read_block(b->p, block)) {
        if (block)
            free_block(block);
        return NULL;
    }
    return b->packing.last = block;
}

static bool add_piece(CaCpuBlock *block, uint64_t key, size_t size)
{
    void *pieces = block->pieces;
    const bool has_room =
        make_room(&pieces, block->n_pieces, &block->pieces_room, sizeof(Piece));
    block->pieces = pieces;
    if (!has_room)
        return false;
    block->pieces[block->n_pieces++] = (Piece){key, block->used, size};
    block->used += size;
    return true;
}

static unsigned char *in_pool(CaCpuBuild *b, uint64_t key, size_t size)
{
    struct CaCpuPool *pool = b->dev->pool;
    unsigned char *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (CaCpuBlock *block = pool->blocks; block && !found; block = block->next)
        for (int i = 0; i < block->n_pieces && !found; i++)
            if (block->pieces[i].key == key && block->pieces[i].size == size &&
                read_block(b->p, block))
                found = block->pages.data + block->pieces[i].at;
    pthread_mutex_unlock(&pool->lock);
    return found;
}

static const struct CaCpuAsked *in_asked(const CaCpuPacking *k, uint64_t key, size_t size)
{
    for (int i = 0; i < k->n_asked; i++)
        if (k->asked[i].key == key && k->asked[i].size == size)
            return &k->asked[i];
    return NULL;
}

static bool add_asked(CaCpuPacking *k, struct CaCpuAsked what)
{
    void *asked = k->asked;
    const bool has_room = make_room(&asked, k->n_asked, &k->asked_room, sizeof what);
    k->asked = asked;
    if (has_room)
        k->asked[k->n_asked++] = what;
    return has_room;
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
    Header h = {.magic = "carina packed 4", .size = size, .choices = b->choices};
    h.check = ca_hash(&h, offsetof(Header, check), 0);
    return h;
}

typedef struct Load {
    const char *path;
    unsigned char *to;
    size_t at, size;
    bool failed[256];
} Load;

static void load_share(void *arg, int thread, int n_threads)
{
    Load *l = arg;
    const size_t page = (size_t)128 << 10, n = (l->size + page - 1) / page;
    const size_t begin = n * (size_t)thread / (size_t)n_threads * page,
                 stop = n * (size_t)(thread + 1) / (size_t)n_threads * page,
                 end = stop < l->size ? stop : l->size;
    l->failed[thread & 255] = begin < end && ca_file_read(l->to + begin, l->path,
                                                          sizeof(Header) + l->at + begin,
                                                          end - begin, NULL) != CARINA_OK;
}

static bool load(CaCpuBuild *b, unsigned char *to, size_t size)
{
    Load l = {.path = b->packing.path, .to = to, .at = b->packing.at, .size = size};
    if (size >= (size_t)512 << 10)
        b->host->parallel_for(b->host->ctx, load_share, &l);
    else
        load_share(&l, 0, 1);
    bool failed = false;
    for (size_t i = 0; i < sizeof l.failed; i++)
        failed = failed || l.failed[i];
    return !failed;
}

/* Where nothing can be shared, at once: threads meet only once. */
static void load_all(CaCpuBuild *b)
{
    CaCpuBlock *block = block_for(b, b->packing.file_size);
    if (block)
        ca_pages_ask(&block->pages, b->packing.file_size);
    b->packing.is_loaded = b->packing.has_file =
        block && load(b, block->pages.data, b->packing.file_size);
}

static bool is_empty(struct CaCpuPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const bool empty = !pool->blocks;
    pthread_mutex_unlock(&pool->lock);
    return empty;
}

void ca_cpu_packed_begin(CaCpuBuild *b, const char *path)
{
    Header h;
    b->packing = (CaCpuPacking){.path = path};
    if (!*path || ca_file_read(&h, path, 0, sizeof h, NULL) != CARINA_OK)
        return;
    const Header want = header_of(b, (size_t)h.size);
    b->packing.has_file = memcmp(&h, &want, sizeof h) == 0 && h.size > 0 &&
                          h.size <= constants_size(b->graph) * 8;
    b->packing.file_size = (size_t)h.size;
    if (b->packing.has_file && is_empty(b->dev->pool))
        load_all(b);
}

static void save(const CaCpuBuild *b)
{
    const CaCpuPacking *k = &b->packing;
    CaWriter *w = NULL;
    size_t size = 0;
    if (!*k->path || k->has_file)
        return;
    for (int i = 0; i < k->n_asked; i++)
        size += k->asked[i].size;
    const Header h = header_of(b, size);
    if (ca_writer_open(&w, k->path, NULL) != CARINA_OK)
        return;
    CarinaStatus status = ca_writer_write(w, &h, sizeof h, NULL);
    for (int i = 0; i < k->n_asked && status == CARINA_OK; i++)
        status = ca_writer_write(w, k->asked[i].data, k->asked[i].size, NULL);
    if (status == CARINA_OK)
        (void)ca_writer_commit(&w, NULL);
    else
        ca_writer_abandon(&w);
}

/* --- Asking. */

CarinaStatus ca_cpu_packed(CaCpuBuild *b, unsigned char **out, bool *is_there,
                           size_t size, uint64_t key)
{
    CaCpuPacking *k = &b->packing;
    size = (size + 63) & ~(size_t)63;
    const struct CaCpuAsked *asked = in_asked(k, key, size);
    *is_there = asked != NULL;
    if (asked) {
        *out = asked->data;
        return CARINA_OK;
    }
    if (k->has_file && k->file_size - k->at < size)
        return ca_err(b->err, CARINA_ERR_FORMAT,
                      "the program cache holds another program; empty its folder");
    *out = in_pool(b, key, size);
    *is_there = *out != NULL;
    b->p->shared_packed += *out ? size : 0;
    if (!*out) {
        CaCpuBlock *block = k->is_loaded ? k->last : block_for(b, size);
        if (!block)
            return no_memory(b);
        if (k->is_loaded)
            block->used = k->at;
        *out = block->pages.data + block->used;
        ca_pages_ask(&block->pages, block->used + size);
        k->has_file = k->has_file && (k->is_loaded || load(b, *out, size));
        *is_there = k->has_file;
        if (!add_piece(block, key, size))
            return no_memory(b);
        b->p->own_packed += size;
    }
    k->at += size;
    return add_asked(k, (struct CaCpuAsked){key, *out, size}) ? CARINA_OK : no_memory(b);
}

/* What is packed now may be read by others. */
static void publish(CarinaProgram *p)
{
    struct CaCpuPool *pool = p->dev->pool;
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < p->n_blocks; i++)
        if (!p->blocks[i]->is_in_pool) {
            p->blocks[i]->is_in_pool = true;
            p->blocks[i]->next = pool->blocks;
            pool->blocks = p->blocks[i];
            if (p->blocks[i]->pages.is_dear)
                __atomic_store_n(&pool->has_dear, true, __ATOMIC_RELAXED);
        }
    pthread_mutex_unlock(&pool->lock);
}

void ca_cpu_packed_end(CaCpuBuild *b, CarinaStatus status)
{
    if (status == CARINA_OK) {
        save(b);
        publish(b->p);
    }
    ca_free(b->packing.asked);
    b->packing.asked = NULL;
}

void ca_cpu_free_packed(CarinaProgram *p)
{
    struct CaCpuPool *pool = p->dev->pool;
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < p->n_blocks; i++) {
        CaCpuBlock *block = p->blocks[i];
        if (--block->n_readers > 0)
            continue;
        for (CaCpuBlock **at = &pool->blocks; *at; at = &(*at)->next)
            if (*at == block) {
                *at = block->next;
                break;
            }
        free_block(block);
    }
    pthread_mutex_unlock(&pool->lock);
    ca_free(p->blocks);
}

/* --- Pages: a sixteenth of the time of runs goes into making them large, none of a program's first run alone. */

bool ca_cpu_has_small_pages(const CarinaProgram *p)
{
    return __atomic_load_n(&p->dev->pool->has_dear, __ATOMIC_RELAXED);
}

void ca_cpu_widen_pages(const CarinaProgram *p, int64_t run_ns)
{
    struct CaCpuPool *pool = p->dev->pool;
    if (pthread_mutex_trylock(&pool->lock) != 0)
        return; /* another stream does */
    bool has_dear = false;
    for (CaCpuBlock *b = pool->blocks; b; b = b->next) {
        if (b->pages.is_dear && pool->credit > 0)
            pool->credit -= ca_pages_widen(&b->pages, b->used, pool->credit);
        has_dear = has_dear || b->pages.is_dear;
    }
    pool->credit += run_ns / 16;
    __atomic_store_n(&pool->has_dear, has_dear, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&pool->lock);
}

/* --- Packing. */

typedef struct Round {
    CaCpuPackFn *fn;
    const void *job;
    int64_t begin, end;
} Round;

static void pack_share(void *arg, int thread, int n_threads)
{
    const Round *r = arg;
    const int64_t n = r->end - r->begin;
    r->fn(r->job, r->begin + n * thread / n_threads,
          r->begin + n * (thread + 1) / n_threads);
}

/* Does one layer alone read the constant, directly or widened? */
static bool has_one_reader(const CarinaValue *v)
{
    if (!v->uses || v->uses->next)
        return false;
    if (ca_cpu_is(v->node, "Convert"))
        v = v->node->inputs[0].value;
    return ca_cpu_is(v->node, "Const") && v->uses && !v->uses->next;
}

void ca_cpu_pack(CaCpuBuild *b, CaCpuPackFn *fn, const void *job, int64_t n_items,
                 const CarinaValue *source)
{
    const CarinaTensor *t = ca_cpu_constant(source);
    const int64_t least = 8 * (int64_t)b->host->n_threads(b->host->ctx),
                  wanted = (int64_t)(t->size >> 24), most = n_items / least,
                  n = wanted < most ? wanted : most, n_rounds = n > 1 ? n : 1;
    for (int64_t i = 0; i < n_rounds; i++) {
        Round r = {fn, job, n_items * i / n_rounds, n_items * (i + 1) / n_rounds};
        b->host->parallel_for(b->host->ctx, pack_share, &r);
        ca_buffer_drop(t->buffer, t->data, t->size);
    }
    if (has_one_reader(source))
        (void)ca_buffer_discard(t->buffer);
}
