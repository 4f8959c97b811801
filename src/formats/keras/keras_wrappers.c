/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: layers around a layer.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

/* The layer that the configuration holds under key, described once. */
static CaKerasLayer *wrapped(CaKerasCall *c, const char *key)
{
    const char *name = c->b->name, *type = c->b->type;
    for (const CaKerasPart *p = c->layer->parts; p; p = p->next)
        if (strcmp(p->key, key) == 0)
            return p->layer;
    json_t *element = json_object_get(c->config, key);
    const CaKerasScope scope = ca_keras_part(c, &c->layer->scope, key, NULL);
    CaKerasLayer *l =
        c->b->status == CARINA_OK ? ca_keras_layer(c->r, element, scope) : NULL;
    if (l && !l->is_op && ca_keras_is_model(l->class_name))
        l->inner = ca_keras_model(c->r, l->class_name, l->config, l->scope);
    CaKerasPart *part = ca_arena_alloc(c->b->work, sizeof *part);
    c->b->name = name;
    c->b->type = type;
    if (!l || !part)
        return NULL;
    *part = (CaKerasPart){key, l, c->layer->parts};
    c->layer->parts = part;
    return l;
}

/* A mask of what is inside a step goes into the layer, one of steps goes round it. */
static CaValue *mask_inside(CaKerasCall *c, CaValue *mask)
{
    const CarinaShape s = mask ? ca_build_shape(c->b, mask) : ca_shape_unknown();
    int64_t dims[CARINA_MAX_RANK] = {-1};
    for (int i = 2; i < s.rank; i++)
        dims[i - 1] = s.dims[i];
    return s.rank > 2 ? ca_build_reshape(c->b, mask, dims, s.rank - 1) : NULL;
}

/* Keras 2 makes one of steps of it: those that hold anything. */
static CaValue *mask_outside(CaKerasCall *c, CaValue *mask)
{
    const int rank = mask ? ca_build_rank(c->b, mask) : 0;
    if (rank <= 2 || c->r->version >= 3)
        return mask;
    CaValue *v =
        ca_build_2(c->b, "ReduceLogicalOr", mask, ca_build_iota(c->b, 2, rank - 2));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    return v;
}

/* Time becomes part of the batch, and comes out of it again. */
static void time_distributed(CaKerasCall *c)
{
    CaValue *x = ca_keras_in(c, 0);
    const CarinaShape s = ca_build_shape(c->b, x);
    int64_t dims[CARINA_MAX_RANK] = {-1}, back[CARINA_MAX_RANK] = {-1};
    CaKerasLayer *l = wrapped(c, "layer");
    if (s.rank < 3 || (s.dims[1] < 0 && s.dims[0] < 0))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "the number of steps is not known; give the model's input shape");
    for (int i = 2; i < s.rank; i++) {
        dims[i - 1] = s.dims[i];
        if (s.dims[i] < 0)
            ca_build_fail(
                c->b, CARINA_ERR_SHAPE,
                "the shape of one step is not known; give the model's input shape");
    }
    if (!l || c->b->status != CARINA_OK)
        return;
    CaValue *flat = ca_build_reshape(c->b, x, dims, s.rank - 1);
    CaValue *mask = ca_keras_mask(c, 0), *inside = mask_inside(c, mask);
    const CaKerasResult r = ca_keras_apply(c, l, &flat, &inside, 1);
    for (int k = 0; k < r.n && c->b->status == CARINA_OK; k++) {
        const CarinaShape t = ca_build_shape(c->b, r.v[k]);
        if (t.rank < 1 || t.rank >= CARINA_MAX_RANK)
            return;
        back[0] = s.dims[1] < 0 ? s.dims[0] : -1;
        back[1] = s.dims[1] < 0 ? -1 : s.dims[1];
        for (int i = 1; i < t.rank; i++)
            back[i + 1] = t.dims[i];
        ca_keras_out(c, ca_build_reshape(c->b, r.v[k], back, t.rank + 1));
    }
    ca_keras_give_mask(c, 0, mask_outside(c, mask));
}

/* The stored kernel is already divided by its norm. */
static void spectral(CaKerasCall *c)
{
    CaKerasLayer *l = wrapped(c, "layer");
    if (!l)
        return;
    const CaKerasResult r = ca_keras_apply(c, l, c->in, NULL, c->n_in);
    for (int k = 0; k < r.n; k++)
        ca_keras_out(c, r.v[k]);
}

/* preprocessing.Pipeline: a list of layers */
static void pipeline(CaKerasCall *c)
{
    json_t *list = json_object_get(c->config, "layers"), *element;
    CaValue *v = ca_keras_in(c, 0);
    size_t i;
    json_array_foreach(list, i, element)
    {
        CaKerasLayer *l = ca_keras_layer(c->r, element, c->layer->scope);
        const CaKerasResult r =
            l ? ca_keras_apply(c, l, &v, NULL, 1) : (CaKerasResult){0};
        if (r.n != 1)
            return;
        v = r.v[0];
    }
    ca_keras_out(c, v);
}

const CaKerasOp ca_keras_wrap[] = {
    {"Pipeline", pipeline, NULL, 0, CA_KERAS_STOPS},
    {"SpectralNormalization", spectral, NULL, 0, CA_KERAS_STOPS},
    {"TimeDistributed", time_distributed, NULL, 0, CA_KERAS_USES},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};
