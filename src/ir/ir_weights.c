/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .bin of an IR: constants one after another, aligned to their elements, equal ones once.
 */
#include "ir/ir_weights.h"

#include "base/half.h"
#include "base/text.h"
#include "graph/shape.h"

#include <math.h>
#include <string.h>

typedef struct Blob {
    const void *data; /* as it was given, before narrowing; NULL: an empty slot */
    size_t size, offset;
    uint64_t hash;
    bool fp16;
} Blob;

struct CaWeights {
    CaWriter *file;
    Blob *blobs; /* open addressing, at most half full */
    size_t room, n;
};

CarinaStatus ca_weights_open(CaWeights **out, const char *path, CarinaError *err)
{
    *out = NULL;
    CaWeights *w = ca_alloc(sizeof *w);
    if (!w)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    const CarinaStatus status = ca_writer_open(&w->file, path, err);
    if (status == CARINA_OK)
        *out = w;
    else
        ca_free(w);
    return status;
}

static Blob *slot_of(Blob *blobs, size_t room, const Blob *b)
{
    size_t i = b->hash & (room - 1);
    while (blobs[i].data &&
           !(blobs[i].hash == b->hash && blobs[i].size == b->size &&
             blobs[i].fp16 == b->fp16 && memcmp(blobs[i].data, b->data, b->size) == 0))
        i = (i + 1) & (room - 1);
    return &blobs[i];
}

static bool make_room(CaWeights *w)
{
    if (w->n * 2 < w->room)
        return true;
    const size_t room = w->room ? w->room * 2 : 64;
    size_t size = 0;
    Blob *blobs = ca_mul_size(&size, room, sizeof *blobs) ? ca_alloc(size) : NULL;
    if (!blobs)
        return false;
    for (size_t i = 0; i < w->room; i++)
        if (w->blobs[i].data)
            *slot_of(blobs, room, &w->blobs[i]) = w->blobs[i];
    ca_free(w->blobs);
    w->blobs = blobs;
    w->room = room;
    return true;
}

/* As OpenVINO narrows: clamp to the largest float16, and to 0 below the smallest, 2^-24. NaN stays. */
static uint16_t narrow(float f)
{
    const float largest = 65504;
    if (fabsf(f) < 0x1p-24f)
        return 0;
    return ca_f32_to_f16(f > largest ? largest : f < -largest ? -largest : f);
}

static CarinaStatus write_fp16(CaWeights *w, const CarinaTensor *t, CarinaError *err)
{
    uint16_t block[1024];
    float f[1024]; /* a large constant may lie at any address */
    const size_t n = t->size / sizeof *f;
    for (size_t at = 0; at < n; at += 1024) {
        const size_t m = n - at < 1024 ? n - at : 1024;
        memcpy(f, (const char *)t->data + at * sizeof *f, m * sizeof *f);
        for (size_t i = 0; i < m; i++)
            block[i] = narrow(f[i]);
        CA_TRY(ca_writer_write(w->file, block, m * sizeof *block, err));
    }
    return CARINA_OK;
}

CarinaStatus ca_weights_add(CaWeights *w, size_t *offset, size_t *size,
                            const CarinaTensor *tensor, bool fp16, CarinaError *err)
{
    static const char zeros[16] = {0};
    *offset = 0;
    *size = fp16 ? tensor->size / 2 : tensor->size;
    if (tensor->size == 0)
        return CARINA_OK;
    Blob b = {tensor->data, tensor->size, 0, 0, fp16};
    b.hash = ca_hash_data(b.data, b.size, fp16);
    if (!make_room(w))
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory while writing constants");
    Blob *slot = slot_of(w->blobs, w->room, &b);
    if (!slot->data) {
        const size_t align = fp16 ? 2 : (size_t)(carina_type_bits(tensor->type) + 7) / 8;
        const size_t excess = ca_writer_size(w->file) % align;
        if (excess)
            CA_TRY(ca_writer_write(w->file, zeros, align - excess, err));
        b.offset = ca_writer_size(w->file);
        *slot = b;
        w->n++;
        if (fp16)
            CA_TRY(write_fp16(w, tensor, err));
        else
            CA_TRY(ca_writer_write(w->file, tensor->data, tensor->size, err));
    }
    ca_buffer_drop(tensor->buffer, tensor->data, tensor->size);
    *offset = slot->offset;
    return CARINA_OK;
}

CarinaStatus ca_weights_commit(CaWeights **w, CarinaError *err)
{
    const CarinaStatus status = ca_writer_commit(&(*w)->file, err);
    ca_weights_abandon(w);
    return status;
}

void ca_weights_abandon(CaWeights **w)
{
    if (!w || !*w)
        return;
    if ((*w)->file)
        ca_writer_abandon(&(*w)->file);
    ca_free((*w)->blobs);
    ca_free(*w);
    *w = NULL;
}
