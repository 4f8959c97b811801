/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs to tensors: packed floats stay in the mapped file, or are copied once where they are not aligned in it.
 */
#include "formats/caffe/caffe_reader.h"

#include <string.h>

/* The layer that owns the parameter of that name first: its blob is the shared one. */
static const Caffe__Blob *shared(const CaCaffe *r, const char *name)
{
    for (size_t l = 0; l < r->n_layers; l++)
        for (size_t i = 0; i < r->layers[l]->n_param; i++) {
            const char *other = r->layers[l]->param[i]->name;
            if (!other || strcmp(other, name) != 0)
                continue;
            const CaCaffeName *owner = ca_caffe_find(&r->weights, r->layers[l]->name);
            return owner && i < owner->weights->n_blobs ? owner->weights->blobs[i] : NULL;
        }
    return NULL;
}

static const Caffe__Blob *find(CaCaffeCall *c, size_t i)
{
    const Caffe__Blob *b = NULL;
    const char *name = i < c->layer->n_param ? c->layer->param[i]->name : NULL;
    if (c->weights && i < c->weights->n_blobs)
        b = c->weights->blobs[i];
    else if (name && name[0])
        b = shared(c->r, name);
    if (!b && c->b->status == CARINA_OK && !c->weights)
        ca_build_fail(
            c->b, CARINA_ERR_FORMAT,
            "%s has no weights for it; give the file that belongs to this network",
            c->r->model_path);
    else if (!b)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "%s has %zu weights for it, needs %zu; give the file that belongs "
                      "to this network",
                      c->r->model_path, c->weights ? c->weights->n_blobs : 0, i + 1);
    return b;
}

static CarinaShape stored_shape(CaCaffeCall *c, size_t i, const Caffe__Blob *b)
{
    const int64_t legacy[] = {b->has_num ? b->num : 1, b->has_channels ? b->channels : 1,
                              b->has_height ? b->height : 1, b->has_width ? b->width : 1};
    const bool is_legacy =
        b->has_num || b->has_channels || b->has_height || b->has_width || !b->shape;
    const size_t rank = is_legacy ? 4 : b->shape->n_dim;
    if (rank > CARINA_MAX_RANK) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT,
                      "weight %zu has %zu dimensions; Carina reads at most %d", i, rank,
                      CARINA_MAX_RANK);
        return ca_shape(0, NULL);
    }
    const int64_t *dims = is_legacy ? legacy : b->shape->dim;
    for (size_t d = 0; d < rank; d++)
        if (dims[d] <= 0)
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "weight %zu has dimension %lld; %s is damaged", i,
                          (long long)dims[d], c->r->model_path);
    return c->b->status == CARINA_OK ? ca_shape((int)rank, dims) : ca_shape(0, NULL);
}

static bool same_but_ones(const CarinaShape *a, const CarinaShape *b)
{
    int i = 0, k = 0;
    for (;;) {
        while (i < a->rank && a->dims[i] == 1)
            i++;
        while (k < b->rank && b->dims[k] == 1)
            k++;
        if (i == a->rank || k == b->rank)
            return i == a->rank && k == b->rank;
        if (a->dims[i++] != b->dims[k++])
            return false;
    }
}

static CarinaTensor *copied(CaCaffeCall *c, const CarinaShape *shape, const void *data,
                            size_t size)
{
    CarinaTensor *t = NULL;
    if (c->b->status != CARINA_OK)
        return NULL;
    c->b->status = carina_tensor_create(&t, CARINA_F32, shape, c->r->b.err);
    if (t && size)
        memcpy(t->data, data, size);
    return t;
}

/* n: elements, the same in all three forms. */
static CarinaTensor *elements(CaCaffeCall *c, const Caffe__Blob *b,
                              const CarinaShape *shape, int64_t n)
{
    CarinaTensor *t = NULL;
    if (b->has_raw_offset) {
        const char *from = (const char *)c->r->model->data + b->raw_offset;
        if ((uintptr_t)from % sizeof(float) != 0)
            return copied(c, shape, from, (size_t)b->raw_size);
        c->b->status = ca_tensor_of_buffer(&t, CARINA_F32, shape, c->r->model,
                                           (size_t)b->raw_offset, c->r->b.err);
        return t;
    }
    if (b->n_data)
        return copied(c, shape, b->data, b->n_data * sizeof(float));
    t = copied(c, shape, NULL, 0);
    for (int64_t k = 0; t && k < n; k++)
        ca_put_real(CARINA_F32, t->data, k, b->double_data[k]);
    return t;
}

CarinaTensor *ca_caffe_tensor(CaCaffeCall *c, size_t i, const CarinaShape *stored_as,
                              const CarinaShape *shape)
{
    char want[CA_SHAPE_TEXT], have[CA_SHAPE_TEXT];
    int64_t n = 0;
    if (!ca_build_settle(c->b))
        return NULL;
    const Caffe__Blob *b = find(c, i);
    if (!b)
        return NULL;
    const CarinaShape stored = stored_shape(c, i, b);
    if (c->b->status != CARINA_OK)
        return NULL;
    const uint64_t seen = b->has_raw_offset ? b->raw_size / sizeof(float)
                          : b->n_data       ? b->n_data
                                            : b->n_double_data;
    ca_shape_text(have, sizeof have, &stored);
    if (b->has_raw_offset && (b->raw_offset > c->r->model->size ||
                              b->raw_size > c->r->model->size - b->raw_offset ||
                              b->raw_size % sizeof(float) != 0))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "weight %zu ends inside a number; %s is damaged", i,
                      c->r->model_path);
    else if (!ca_shape_count(&stored, &n) || (uint64_t)n != seen)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "weight %zu is %s but holds %llu numbers; %s is damaged", i, have,
                      (unsigned long long)seen, c->r->model_path);
    else if (!same_but_ones(&stored, stored_as))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "weight %zu in %s is %s, the layer needs %s; the two files do not "
                      "belong together",
                      i, c->r->model_path, have,
                      ca_shape_text(want, sizeof want, stored_as));
    return c->b->status == CARINA_OK ? elements(c, b, shape, n) : NULL;
}

CaValue *ca_caffe_weight_as(CaCaffeCall *c, size_t i, const CarinaShape *stored_as,
                            const CarinaShape *shape)
{
    CaValue *out = NULL;
    CarinaTensor *t = ca_caffe_tensor(c, i, stored_as, shape);
    const char *name = ca_arena_printf(c->r->b.work, "%s/weight%zu", c->name, i);
    if (t)
        c->b->status = ca_graph_constant(&out, c->r->b.graph, NULL, name, t, c->r->b.err);
    return c->b->status == CARINA_OK ? out : NULL;
}

CaValue *ca_caffe_weight_stored(CaCaffeCall *c, size_t i)
{
    const Caffe__Blob *b = ca_build_settle(c->b) ? find(c, i) : NULL;
    const CarinaShape shape = b ? stored_shape(c, i, b) : ca_shape(0, NULL);
    return b && c->b->status == CARINA_OK ? ca_caffe_weight(c, i, &shape) : NULL;
}

CaValue *ca_caffe_weight(CaCaffeCall *c, size_t i, const CarinaShape *shape)
{
    return ca_caffe_weight_as(c, i, shape, shape);
}

size_t ca_caffe_n_weights(const CaCaffeCall *c)
{
    return c->weights ? c->weights->n_blobs : 0;
}
